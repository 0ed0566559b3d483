package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/fluxstudio/gatehouse/internal/safedial"
)

// maxReply is how much of a receiver's answer is read.
const maxReply = 64 << 10

// Reach says what webhooks, gateways and SMS services may be connected to.
// The zero value allows public addresses only: not this machine, not the
// network it is in, not a cloud's metadata service, however they are spelled
// and whatever a name resolves to when the connection is made.
type Reach struct {
	Allow      []netip.Prefix // networks that may be reached although they are not public
	AllowHosts []string       // names that may be reached whatever they resolve to
	// AllowHTTP allows URLs without TLS.
	AllowHTTP bool
	// Proxy names the proxy for a request, as in http.Transport. Its own address
	// must be allowed; what it connects to is its affair. Default: none, not
	// even the environment's (that is http.ProxyFromEnvironment).
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are the authorities that may vouch for a receiver. Default: the
	// system's.
	RootCAs *x509.CertPool
	// Resolver resolves names. Default: the system's.
	Resolver *net.Resolver
}

func (r Reach) dialer() *safedial.Dialer {
	return safedial.New(safedial.Options{Allow: r.Allow, AllowHosts: r.AllowHosts, Resolver: r.Resolver})
}

// transport makes one connection per request, so that each is judged anew.
func (r Reach) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  r.Proxy,
		DialContext:            r.dialer().DialContext,
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		TLSClientConfig:        &tls.Config{RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: maxReply,
	}
}

// client follows no redirect: a receiver that has moved is configured anew.
func (r Reach) client(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     r.transport(),
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkScheme refuses what is not HTTP over TLS, or HTTP where that is allowed.
func (r Reach) checkScheme(scheme string) error {
	switch {
	case scheme == "https", scheme == "http" && r.AllowHTTP:
		return nil
	case scheme == "http":
		return errors.New("the URL has no TLS: use https, or allow http")
	}
	return errors.New("the URL must begin with https://")
}

// unreachable words why a request got no answer, without its URL.
func unreachable(ctx context.Context, err error) error {
	err = withoutURL(err)
	if errors.Is(err, safedial.ErrRefused) {
		return Permanent(err)
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// judge makes an error of an answer: nil for 2xx, and ErrPermanent where
// permanent says so. Redirects are errors.
func judge(status int, h http.Header, now time.Time, permanent func(status int) bool) error {
	if status >= 200 && status < 300 {
		return nil
	}
	err := fmt.Errorf("answered %d %s", status, http.StatusText(status))
	if permanent(status) {
		return Permanent(err)
	}
	return Delayed(err, retryAfter(h, now))
}

// gone is for receivers that are programs: only 410 is meant for good
// (Standard Webhooks), all else is a fault that somebody will mend.
func gone(status int) bool { return status == http.StatusGone }

// unacceptable is for services whose 4xx say that this message will not do.
// 401, 403 and 407 are about the account, which somebody will mend.
func unacceptable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}
