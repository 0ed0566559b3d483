package sentrytel

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// MaxEnvelope is the size in bytes above which nothing is sent; Sentry would
// refuse it.
const MaxEnvelope = 512 << 10

// delivery is what becomes of one event.
type delivery struct {
	outcome Reason // empty once it was accepted
}

type deliveryKey struct{}

// newHTTPClient returns the client for Sentry: it follows no redirect, since
// envelopes carry the key, and gives Sentry little to waste of ours.
func newHTTPClient(o Options, asked *atomic.Bool) *http.Client {
	transport := o.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: o.Timeout}).DialContext,
			TLSHandshakeTimeout:    o.Timeout,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    o.Senders,
			MaxConnsPerHost:        o.Senders,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true,
		}
	}
	return &http.Client{
		Transport:     &observed{next: transport, asked: asked},
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// observed notes how each delivery ends.
type observed struct {
	next  http.RoundTripper
	asked *atomic.Bool
}

var errTooLarge = errors.New("envelope too large")

// RoundTrip sends one envelope.
func (t *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	d, _ := r.Context().Value(deliveryKey{}).(*delivery)
	if d == nil {
		d = new(delivery)
	}
	if r.ContentLength > MaxEnvelope {
		d.outcome = TooLarge
		r.Body.Close() // as a RoundTripper must
		return nil, errTooLarge
	}
	res, err := t.next.RoundTrip(r)
	if err == nil && (res.StatusCode == http.StatusTooManyRequests || res.Header.Get("X-Sentry-Rate-Limits") != "") {
		t.asked.Store(true)
	}
	switch {
	case err != nil:
		d.outcome = NetworkError
		return nil, err
	case res.StatusCode == http.StatusTooManyRequests:
		d.outcome = RateLimited
	case res.StatusCode < 200 || res.StatusCode > 299:
		d.outcome = Refused
	default:
		d.outcome = ""
	}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t *observed) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// health is what is thought of Sentry, by its last answers.
type health struct {
	failures int           // in a row
	pause    time.Duration // before the next delivery
	down     bool          // and the log has said so
}

const (
	failuresToPause = 3
	longestPause    = 30 * time.Second
)

// after returns the health after one more outcome, and whether Sentry is
// thought to have gone or to have come back by it.
func (h health) after(outcome Reason) (_ health, changed bool) {
	switch outcome {
	case NetworkError, Refused:
		h.failures++
		if h.failures >= failuresToPause {
			changed = !h.down
			h.down = true
			h.pause = min(longestPause, time.Second<<min(h.failures-failuresToPause, 5))
		}
	case "":
		changed = h.down
		h = health{}
	}
	return h, changed
}

// judge learns from an outcome, and tells the log when Sentry goes or comes back.
func (q *queue) judge(outcome Reason) {
	q.mu.Lock()
	h, changed := q.health.after(outcome)
	q.health = h
	q.mu.Unlock()
	switch {
	case changed && h.down:
		q.logger.Warn("Sentry does not accept events; logins are not affected", "reason", string(outcome))
	case changed:
		q.logger.Info("Sentry accepts events again")
	}
}
