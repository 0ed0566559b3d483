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
