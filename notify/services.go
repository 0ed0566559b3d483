package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// reach says how the address of a service is kept in bounds.
type reach uint8

const (
	// fixedHost: the service has one address on the internet, which the URL
	// cannot change.
	fixedHost reach = iota
	// hostInURL: the URL names the host, and the service's code connects with
	// Go's default client, which cannot be replaced. Names are resolved and
	// judged beforehand; a name that changes its meaning in between gets through.
	hostInURL
	// ownClient: the service's client is replaced by ours, so that what is
	// connected to is judged when it is.
	ownClient
)

type service struct {
	reach     reach
	title     bool // takes a title beside the text
	hostParam bool // a parameter "host" overrides the URL's
	params    map[string]string
}

// services are those of shoutrrr without smtp (see Mail), and logger (nobody reads
// it). xmpp is not built in.
var services = map[string]service{
	"bark":       {reach: hostInURL, title: true},
	"discord":    {reach: ownClient, title: true, params: map[string]string{"splitLines": "No"}}, // one request, not one for ten lines
	"generic":    {reach: ownClient, title: true},                                                // sent by us; see generic.go
	"googlechat": {reach: hostInURL},
	"gotify":     {reach: ownClient, title: true},
	"hangouts":   {reach: hostInURL},
	"ifttt":      {reach: fixedHost},
	"join":       {reach: fixedHost, title: true},
	"lark":       {reach: fixedHost, title: true},
	"matrix":     {reach: hostInURL},
	"mattermost": {reach: ownClient},
	"notifiarr":  {reach: fixedHost},
	"ntfy":       {reach: ownClient, title: true},
	"opsgenie":   {reach: hostInURL, title: true},
	"pagerduty":  {reach: ownClient},
	"pushbullet": {reach: fixedHost, title: true},
	"pushover":   {reach: ownClient, title: true},
	"rocketchat": {reach: ownClient},
	"signal":     {reach: hostInURL, hostParam: true},
	"slack":      {reach: fixedHost, title: true},
	"teams":      {reach: fixedHost, title: true}, // <organisation>.webhook.office.com, which its code checks
	"telegram":   {reach: ownClient, title: true}, // sent by us; see telegram.go
	"wecom":      {reach: fixedHost},
	"zulip":      {reach: hostInURL},
}

// useClient makes s send through t, if it can be made to.
func useClient(s types.Service, t *trip) bool {
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	switch s := s.(type) {
	case interface{ SetHTTPClient(*http.Client) }:
		s.SetHTTPClient(client)
	case interface{ GetHTTPClient() *http.Client }:
		*s.GetHTTPClient() = *client
	case *discord.Service:
		s.HTTPClient = client
	case *rocketchat.Service:
		s.Client = client
	case *pushover.Service:
		s.Client = client
	default:
		return false
	}
	return true
}

// errAnswered ends a service's own attempts to try again.
var errAnswered = errors.New("answered")

// trip is the transport of one attempt. It gives up when the attempt does, and
// remembers what became of it, so that nobody has to read the service's errors.
type trip struct {
	ctx   context.Context
	reach Reach
	next  *http.Transport

	mu     sync.Mutex
	status int
	header http.Header
	err    error
}

func newTrip(ctx context.Context, r Reach) *trip {
	return &trip{ctx: ctx, reach: r, next: r.transport()}
}

// RoundTrip reads the whole answer, within bounds.
func (t *trip) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(req.Context(), cancel)()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil || t.status >= 300 {
		return nil, errAnswered // one failure is the outcome
	}
	res, content, err := t.roundTrip(req.Clone(ctx))
	if t.err = err; err != nil {
		return nil, errAnswered
	}
	t.status, t.header = res.StatusCode, res.Header
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 {
		return nil, errAnswered
	}
	res.Body = io.NopCloser(bytes.NewReader(content))
	return res, nil
}

func (t *trip) roundTrip(req *http.Request) (*http.Response, []byte, error) {
	if err := t.reach.checkScheme(req.URL.Scheme); err != nil {
		return nil, nil, Permanent(err)
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	return res, content, err
}

// judge words the outcome. sent is what the service made of it.
func (t *trip) judge(sent error, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err != nil:
		return unreachable(t.ctx, t.err)
	case t.status == 0:
		return errors.New("nothing was sent; the service does not say why")
	}
	if err := judge(t.status, t.header, now, unacceptable); err != nil {
		return err
	}
	if sent != nil {
		return fmt.Errorf("answered %d, and says that it was not delivered", t.status)
	}
	return nil
}
