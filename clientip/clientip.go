package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// The headers that Options.Header may name.
const (
	XForwardedFor = "X-Forwarded-For" // a list, to which each proxy appends
	XRealIP       = "X-Real-Ip"       // one address, which the proxy overwrites
	Forwarded     = "Forwarded"       // RFC 7239: a list, to which each proxy appends
)

// maxHops is how many trusted proxies in a row are followed.
const maxHops = 64

var (
	// socketPeer stands for a peer on a Unix domain socket: it is on this
	// machine, and so is this address.
	socketPeer = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	// strangePeer stands for a peer whose address is not understood.
	strangePeer = netip.IPv4Unspecified()
)

// Options configure a Finder. The zero value trusts nobody and reads no header.
type Options struct {
	// Trusted are the networks of the operator's own proxies. Default: none.
	// 127.0.0.1/32 includes proxies that connect through a Unix domain socket.
	Trusted []netip.Prefix
	// Header is where the proxies pass the client's address on: XForwardedFor,
	// XRealIP or Forwarded, in upper or lower case. Default XForwardedFor. A
	// proxy that lets through what its client sent in it, without adding to
	// it, must not be trusted.
	Header string
}

// Finder finds the client's address of requests. It never changes and is safe
// for concurrent use.
type Finder struct {
	trusted *bart.Lite
	header  string
}

// New returns a Finder. The error says what is allowed, where the header is not
// one of the three or a prefix is invalid or trusts everybody.
func New(o Options) (*Finder, error) {
	f := &Finder{trusted: new(bart.Lite), header: http.CanonicalHeaderKey(o.Header)}
	switch f.header {
	case "":
		f.header = XForwardedFor
	case XForwardedFor, XRealIP, Forwarded:
	default:
		return nil, fmt.Errorf("unknown header %q: use X-Forwarded-For, X-Real-IP or Forwarded", o.Header)
	}
	for _, p := range o.Trusted {
		p, err := normal(p)
		if err != nil {
			return nil, err
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("%v would trust everybody to name any address: list your own proxies only", p)
		}
		f.trusted.Insert(p)
	}
	return f, nil
}

// FromRequest returns the client's address, unmapped and without zone. The
// result is always valid: a peer on a Unix domain socket counts as 127.0.0.1,
// one with any other kind of address as 0.0.0.0, which is never trusted.
//
// When every entry of the header is a trusted proxy, the client is the leftmost
// of them, as nginx and Apache have it: a request that begins on one of the
// operator's own machines. An absent header means the connection's address.
//
// No more than 64 entries of at most 512 bytes are read; a longer way through
// trusted proxies is malformed. For a peer that is not trusted nothing is
// allocated.
func (f *Finder) FromRequest(r *http.Request) netip.Addr {
	peer := peerAddr(r.RemoteAddr)
	if !f.trusts(peer) {
		return peer
	}
	lines := r.Header[f.header]
	if f.header == XRealIP {
		return single(lines, peer)
	}
	w := walk{lines: lines, forwarded: f.header == Forwarded}
	client := peer
	for range maxHops {
		entry, more := w.next()
		if !more {
			return client
		}
		ip, ok := w.parse(entry)
		if !ok {
			return peer
		}
		client = ip
		if !f.trusts(client) {
			return client
		}
	}
	return peer
}

// Trusted reports whether the request came through a trusted proxy, so that its
// other headers (X-Forwarded-Proto, a correlation ID) may be believed.
func (f *Finder) Trusted(r *http.Request) bool { return f.trusts(peerAddr(r.RemoteAddr)) }

func (f *Finder) trusts(ip netip.Addr) bool {
	return ip != strangePeer && f.trusted.Contains(ip)
}

// peerAddr reads the RemoteAddr that net/http sets.
func peerAddr(remote string) netip.Addr {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return clean(ap.Addr())
	}
	if remote == "" || remote[0] == '@' || remote[0] == '/' {
		return socketPeer
	}
	if ip, err := netip.ParseAddr(remote); err == nil {
		return clean(ip)
	}
	return strangePeer
}

// single reads a header that the proxy overwrites. Two of them, or a list, are
// malformed.
func single(lines []string, peer netip.Addr) netip.Addr {
	if len(lines) != 1 {
		return peer
	}
	if ip, ok := parseNode(strings.Trim(lines[0], " \t")); ok {
		return ip
	}
	return peer
}

func clean(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
