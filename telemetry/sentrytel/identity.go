package sentrytel

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"net/netip"
	"runtime"
	"sync/atomic"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

// traceIDOf returns the trace ID of the request with the given correlation ID:
// that ID itself where it is 128 bits in hexadecimal, as our own are, else a hash
// of it, and a random one without any.
func traceIDOf(correlation string) (id sentry.TraceID) {
	switch {
	case correlation == "":
		rand.Read(id[:]) // never fails (crypto/rand)
		return id
	case len(correlation) == 2*len(id):
		if _, err := hex.Decode(id[:], []byte(correlation)); err == nil && id != (sentry.TraceID{}) {
			return id
		}
	}
	sum := sha256.Sum256([]byte(correlation))
	copy(id[:], sum[:])
	return id
}

// plainID reports whether a correlation ID is 128 bits in hexadecimal, as our own
// are.
func plainID(correlation string) (string, bool) {
	var id sentry.TraceID
	if len(correlation) != 2*len(id) {
		return correlation, false
	}
	_, err := hex.Decode(id[:], []byte(correlation))
	return correlation, err == nil
}

func newSpanID() (id sentry.SpanID) {
	rand.Read(id[:])
	return id
}

// pseudonym returns a keyed hash of a name: stable under one key, and of no use
// without it.
func (m *Monitor) pseudonym(kind, name string) string {
	if name == "" {
		return ""
	}
	h := hmac.New(sha256.New, m.o.UserKey)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(name))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// user returns who an event is about, as far as may be told.
func (m *Monitor) user(s gatehouse.Subject, ip netip.Addr) sentry.User {
	u := sentry.User{IPAddress: m.address(ip)}
	switch {
	case s.User != "":
		u.ID = m.pseudonym("user", s.User)
	case s.Account != "":
		u.ID = m.pseudonym("account", s.Account)
	}
	return u
}

// address returns as much of ip as the policy lets out.
func (m *Monitor) address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	switch m.o.IPs {
	case SendIPs:
		return ip.String()
	case TruncateIPs:
		p, _ := ip.Prefix(shorter(ip)) // fits the address
		return p.Addr().String()
	}
	return ""
}

// network returns as much of a network as the policy lets out.
func (m *Monitor) network(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return ""
	case m.o.IPs == SendIPs:
		return gatehouse.FormatPrefix(p)
	case m.o.IPs == TruncateIPs:
		short, _ := p.Addr().Prefix(min(p.Bits(), shorter(p.Addr())))
		return short.String()
	}
	return ""
}

func shorter(ip netip.Addr) int {
	if ip.Is4() {
		return 24
	}
	return 48
}

// addressID is the keyed hash of an address, "" for none.
func (m *Monitor) addressID(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return m.pseudonym("ip", ip.String())
}

func runtimeContext() sentry.Context {
	return sentry.Context{"name": "go", "version": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
}

// flags remembers some recent correlation IDs, without locks and in fixed room.
// It may forget one, and that is all.
type flags struct {
	seed  maphash.Seed
	slots *[512]atomic.Uint64
	any   *atomic.Bool
}

func newFlags() flags {
	return flags{maphash.MakeSeed(), new([512]atomic.Uint64), new(atomic.Bool)}
}

func (f flags) slot(id string) (*atomic.Uint64, uint64) {
	h := maphash.String(f.seed, id) | 1 // zero is an empty slot
	return &f.slots[h>>1%uint64(len(f.slots))], h
}

// set remembers an ID.
func (f flags) set(id string) {
	if id == "" {
		return
	}
	slot, h := f.slot(id)
	slot.Store(h)
	f.any.Store(true)
}

// take reports whether an ID is remembered, and forgets it.
func (f flags) take(id string) bool {
	if !f.any.Load() {
		return false
	}
	slot, h := f.slot(id)
	return slot.CompareAndSwap(h, 0)
}
