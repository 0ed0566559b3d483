// Package safedial connects to addresses that somebody else has chosen, and to
// no others than public ones: what would lead into the own network, to the own
// machine or to a cloud's metadata service is refused (server-side request
// forgery, OWASP SSRF).
//
// The address is judged when the socket is about to connect, after the name was
// resolved, so a name that resolves to something else the second time (DNS
// rebinding) gains nothing, nor does a redirect, nor a strange spelling.
package safedial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrRefused says that an address is not public and not allowed. Nothing was
// sent to it.
var ErrRefused = errors.New("address is not public and not allowed")

// Options says what else than public addresses may be reached. The zero value
// allows public addresses only.
type Options struct {
	// Allow holds networks that may be reached although they are not public.
	Allow []netip.Prefix
	// AllowHosts holds names (or addresses) that may be reached whatever they
	// resolve to, compared without case.
	AllowHosts []string
	// Timeout bounds one connection. Default 10 s.
	Timeout time.Duration
	// Resolver resolves names. Default: the system's.
	Resolver *net.Resolver
}

// Dialer connects to what its options allow. It is safe for concurrent use.
type Dialer struct {
	allow []netip.Prefix
	hosts map[string]bool
	net   net.Dialer
}

// New returns a dialer. Options are copied.
func New(o Options) *Dialer {
	d := &Dialer{hosts: map[string]bool{}}
	for _, p := range o.Allow {
		d.allow = append(d.allow, unmapPrefix(p))
	}
	for _, h := range o.AllowHosts {
		d.hosts[canonicalHost(h)] = true
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	d.net = net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver}
	return d
}

// DialContext connects like net.Dialer.DialContext, over TCP only. Its error
// wraps ErrRefused when every address of the host is refused.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("network %q: %w", network, ErrRefused)
	}
	dialer := d.net
	if !d.hosts[canonicalHost(host)] {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrRefused, err)
			}
			return d.Check(ap.Addr())
		}
	}
	return dialer.DialContext(ctx, network, address)
}

// Check returns an error that wraps ErrRefused and names the address unless it
// is public or in an allowed network.
func (d *Dialer) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range d.allow {
		if p.Contains(a) {
			return nil
		}
	}
	if nat64.Contains(a) { // what a translator makes of it counts
		b := a.As16()
		return d.Check(netip.AddrFrom4([4]byte(b[12:])))
	}
	if !Public(a) {
		return fmt.Errorf("%s: %w", a, ErrRefused)
	}
	return nil
}

// CheckHost resolves a host and checks every address of it. It is for callers
// who cannot dial themselves: between this and their connection the name may
// come to mean something else.
func (d *Dialer) CheckHost(ctx context.Context, host string) error {
	if d.hosts[canonicalHost(host)] {
		return nil
	}
	resolver := d.net.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if err := d.Check(a); err != nil {
			return err
		}
	}
	return nil
}

func canonicalHost(h string) string {
	h = strings.TrimSuffix(strings.ToLower(h), ".")
	return strings.TrimSuffix(strings.TrimPrefix(h, "["), "]")
}

// unmapPrefix writes an IPv4 network that is spelled in IPv6 as what it is.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}
