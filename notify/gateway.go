package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/safedial"
)

// maxChat is the length in bytes to which a message is cut: what every service
// takes as one message.
const maxChat = 1800

// maxHanging is how many attempts of one gateway may hang at once, where the
// service's code cannot be told to give up.
const maxHanging = 8

// GatewayOptions name a chat or push service by a URL of shoutrrr:
// slack://, discord://, teams://, telegram://, pushover://, ntfy://, gotify://,
// mattermost://, generic:// and more; see Gateways.
type GatewayOptions struct {
	URL     string        // holds the service's tokens
	Timeout time.Duration // of one attempt; default 15 s
	// Reach bounds what may be connected to; see the table in services.go for
	// which services this is judged when the connection is made, and for which
	// only beforehand. Proxy, RootCAs and AllowHTTP (disabletls=yes in the URL)
	// concern the former.
	Reach
	Now func() time.Time // default: time.Now
}

// Gateway sends messages through a chat or push service. It is safe for
// concurrent use.
type Gateway struct {
	o       GatewayOptions
	name    string // the scheme
	url     *url.URL
	service service
	dialer  *safedial.Dialer
	hanging chan struct{}
}

var _ Notifier = (*Gateway)(nil)

// Gateways lists the names with which the URL of a gateway may begin.
func Gateways() []string {
	var names []string
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// NewGateway checks the URL; it connects to nothing. Errors do not show it.
func NewGateway(o GatewayOptions) (*Gateway, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("gateway: the URL is not one") // err would show it
	}
	name, _, _ := strings.Cut(u.Scheme, "+")
	s, ok := services[name]
	if !ok {
		return nil, fmt.Errorf("gateway: unknown service %q: use one of %s", gatehouse.CleanText(name, 32), strings.Join(Gateways(), ", "))
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gateway{o: o, name: name, service: s, url: u, dialer: o.dialer(), hanging: make(chan struct{}, maxHanging)}
	if err := g.checkURL(); err != nil {
		return nil, fmt.Errorf("%s: %w", g, err)
	}
	return g, nil
}

// errInvalidURL stands for the errors of services, which quote the URL.
var errInvalidURL = errors.New("the URL does not fit the service: see https://shoutrrr.nickfedor.com")

func (g *Gateway) checkURL() (err error) {
	switch g.name {
	case "generic":
		_, err = newGeneric(g.url)
		return err
	case "telegram":
		_, err = newTelegram(g.url)
		return err
	case "pagerduty":
		if g.url.Port() == "" { // shoutrrr would connect to port 0
			return errors.New("name host and port: pagerduty://events.pagerduty.com:443/KEY")
		}
	case "matrix":
		if g.url.User.Username() != "" {
			return errors.New("use an access token, matrix://:token@host: a password would be sent whenever the URL is read")
		}
		if q := g.url.Query(); q.Get("rooms") == "" && q.Get("room") == "" { // where no room was joined, nothing sent would be a success
			return errors.New("name the rooms: matrix://:token@host?rooms=!id:host")
		}
	}
	_, err = g.locate()
	return err
}

// host is where the URL leads to.
func (g *Gateway) host() string {
	if param := g.url.Query().Get("host"); param != "" && g.service.hostParam {
		return param
	}
	return g.url.Hostname()
}

// String names the service, without what may be secret.
func (g *Gateway) String() string { return "gateway " + g.name }

// locate makes a service anew for each attempt: some change their own
// configuration while they send. Its errors quote the URL and are not passed on.
func (g *Gateway) locate() (types.Service, error) {
	s, err := (&router.ServiceRouter{}).Locate(g.o.URL)
	if err != nil {
		return nil, errInvalidURL
	}
	return s, nil
}

// Send sends m. An attempt ends with ctx or the timeout; where the service's
// code cannot be told so, it goes on in the background and may still arrive.
func (g *Gateway) Send(ctx context.Context, m Message) error {
	if err := m.checkShared(); err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	ctx, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	var err error
	switch g.name {
	case "generic":
		err = g.sendOwn(ctx, m, g.genericRequest, func(_ *http.Response, err error) error { return err })
	case "telegram":
		err = g.sendOwn(ctx, m, g.telegramRequest, telegramAnswer)
	default:
		err = g.sendService(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	return nil
}

// content returns the title and the text for the service.
func (g *Gateway) content(m Message) (title, text string) {
	clean := m.clean()
	title = chat(clean.Subject)
	switch m.Kind {
	case Opened:
		title = strings.ToUpper(clean.Severity.String()) + " · " + title
	case Test:
		title = "TEST · " + title
	}
	text = m.chatText(maxChat - len(title) - 1)
	if !g.service.title {
		return "", strings.TrimSuffix(title+"\n"+text, "\n")
	}
	return title, firstOf(text, title)
}

// sendOwn sends a request of ours. answered is given the answer and what judge
// says of it.
func (g *Gateway) sendOwn(ctx context.Context, m Message,
	request func(context.Context, *url.URL, Message) (*http.Request, error), answered func(*http.Response, error) error,
) error {
	req, err := request(ctx, g.url, m)
	if err == nil {
		err = g.o.checkScheme(req.URL.Scheme)
	}
	if err != nil {
		return Permanent(err)
	}
	req.Header.Set("Idempotency-Key", `"`+token(m.Key)+`"`)
	res, err := g.o.client(g.o.Timeout).Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	return answered(res, judge(res.StatusCode, res.Header, g.o.Now(), unacceptable))
}

func (g *Gateway) sendService(ctx context.Context, m Message) error {
	s, err := g.locate()
	if err != nil {
		return Permanent(err)
	}
	title, text := g.content(m)
	params := types.Params{}
	maps.Copy(params, g.service.params)
	if title != "" {
		params.SetTitle(title)
	}
	var trip *trip
	switch g.service.reach {
	case ownClient:
		trip = newTrip(ctx, g.o.Reach)
		if !useClient(s, trip) {
			return Permanent(errors.New("the service does not take a client"))
		}
	case hostInURL:
		if err := g.dialer.CheckHost(ctx, g.host()); err != nil {
			return unreachable(ctx, err)
		}
	}
	select {
	case g.hanging <- struct{}{}:
	default:
		return fmt.Errorf("%d earlier attempts hang: %w", maxHanging, gatehouse.ErrBusy)
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-g.hanging }()
		done <- send(s, text, &params)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err = <-done:
	}
	if trip != nil {
		return trip.judge(err, g.o.Now())
	}
	return wordless(err)
}

// send calls a service and makes an error of a panic within it.
func send(s types.Service, text string, params *types.Params) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the service's code failed")
		}
	}()
	return s.Send(text, params)
}

var statusText = regexp.MustCompile(`(?i)\bstatus(?: code)?:? "?([1-5][0-9][0-9])\b|\b([45][0-9][0-9]) [A-Z][a-z]`)

// wordless keeps of a service's error what can be said without showing a token:
// the services put their URLs into it.
func wordless(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if found := statusText.FindStringSubmatch(text); found != nil {
		status, _ := strconv.Atoi(found[1] + found[2])
		if status >= 300 {
			return judge(status, http.Header{}, time.Time{}, unacceptable)
		}
	}
	for _, known := range []string{
		"context deadline exceeded", "Client.Timeout exceeded", "i/o timeout", "connection refused", "connection reset",
		"no such host", "network is unreachable", "no route to host", "certificate", "TLS handshake", "EOF",
	} {
		if strings.Contains(text, known) {
			return fmt.Errorf("not delivered: %s", known)
		}
	}
	return errors.New("not delivered; the service does not say why")
}
