package notify

import (
	"context"
	"errors"
	"fmt"
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
	host    string // that the URL leads to, if it does
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
	name, _, custom := strings.Cut(u.Scheme, "+")
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
	g := &Gateway{o: o, name: name, service: s, dialer: o.dialer(), hanging: make(chan struct{}, maxHanging)}
	if s.reach == hostInURL {
		g.host = u.Hostname()
		if param := u.Query().Get("host"); param != "" && s.hostParam {
			g.host = param
		}
	}
	if name == "telegram" && !plainParseMode(u.Query()) {
		return nil, errors.New("gateway telegram: leave parsemode out: messages are plain text")
	}
	if name == "generic" {
		if _, err := newGeneric(u, custom); err != nil {
			return nil, fmt.Errorf("gateway generic: %w", err)
		}
		return g, nil
	}
	if _, err := g.locate(); err != nil {
		return nil, err
	}
	return g, nil
}

func plainParseMode(q url.Values) bool {
	for k, v := range q {
		if strings.EqualFold(k, "parsemode") && !slices.ContainsFunc(v, func(s string) bool { return strings.EqualFold(s, "none") }) {
			return false
		}
	}
	return true
}

// String names the service, without what may be secret.
func (g *Gateway) String() string { return "gateway " + g.name }

// locate makes a service anew for each attempt: some change their own
// configuration while they send. Its errors quote the URL and are not passed on.
func (g *Gateway) locate() (types.Service, error) {
	s, err := (&router.ServiceRouter{}).Locate(g.o.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: the URL does not fit the service: see https://shoutrrr.nickfedor.com", g)
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
	if g.name == "generic" {
		err = g.sendGeneric(ctx, m)
	} else {
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

func (g *Gateway) sendService(ctx context.Context, m Message) error {
	s, err := g.locate()
	if err != nil {
		return Permanent(err)
	}
	title, text := g.content(m)
	params := types.Params{}
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
		if err := g.dialer.CheckHost(ctx, g.host); err != nil {
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
