package guard

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
)

// The spaces of counter names. They are part of what nodes share: give a new
// one a new number and never use one again.
const (
	spaceFailedLogins byte = iota + 1
	spaceRefreshes
	spaceRequests
	spaceSignups
	spaceOngoing
	spaceDevice
)

// keyer derives the names of counters: SipHash-2-4 with a 128-bit result, keyed
// so that neither names nor collisions can be guessed. Parts are length-prefixed
// so that "a|b"+"c" is never "a"+"b|c".
type keyer struct{ k0, k1 uint64 }

func newKeyer(secret []byte) keyer {
	sum := sha256.Sum256(secret)
	return keyer{binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])}
}

// keyParts is a name being put together. Names of ordinary length fit without
// allocating.
type keyParts struct {
	buf [192]byte
	b   []byte
}

func (p *keyParts) start(space byte) { p.b = append(p.buf[:0], space) }

func (p *keyParts) text(s string) {
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(len(s)))
	p.b = append(p.b, s...)
}

// address adds the network by which an address is counted.
func (p *keyParts) address(ip netip.Addr) {
	prefix := clientip.CountingPrefix(ip)
	a := prefix.Addr().As16()
	p.b = append(p.b, byte(prefix.Bits()))
	p.b = append(p.b, a[:]...)
}

func (k keyer) sum(p *keyParts) gatehouse.Key {
	h0, h1 := siphash.Hash128(k.k0, k.k1, p.b)
	var key gatehouse.Key
	binary.LittleEndian.PutUint64(key[:8], h0)
	binary.LittleEndian.PutUint64(key[8:], h1)
	return key
}

func (k keyer) failedLogins(account string, ip netip.Addr) gatehouse.Key {
	var p keyParts
	p.start(spaceFailedLogins)
	p.address(ip)
	p.text(account)
	return k.sum(&p)
}

func (k keyer) refreshes(user, token string) gatehouse.Key {
	var p keyParts
	p.start(spaceRefreshes)
	p.text(user)
	p.text(token)
	return k.sum(&p)
}

func (k keyer) requests(ip netip.Addr, endpoint string) gatehouse.Key {
	var p keyParts
	p.start(spaceRequests)
	p.address(ip)
	p.text(endpoint)
	return k.sum(&p)
}

func (k keyer) signups(ip netip.Addr) gatehouse.Key {
	var p keyParts
	p.start(spaceSignups)
	p.address(ip)
	return k.sum(&p)
}

// ongoing names an attack that may go on: what a rule fired on, besides time.
func (k keyer) ongoing(rule string, parts ...string) gatehouse.Key {
	var p keyParts
	p.start(spaceOngoing)
	p.text(rule)
	for _, s := range parts {
		p.text(s)
	}
	return k.sum(&p)
}

// device stands in for a device ID where none is given: one user agent of one
// user is one device.
func (k keyer) device(user, userAgent string) gatehouse.Key {
	var p keyParts
	p.start(spaceDevice)
	p.text(user)
	p.text(userAgent)
	return k.sum(&p)
}
