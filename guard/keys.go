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
	spaceWithin
)

// keyer derives the names of counters: SipHash-2-4 with a 128-bit result, keyed
// so that neither names nor collisions can be guessed. Parts are length-prefixed
// so that "a|b"+"c" is never "a"+"b|c".
type keyer struct{ k0, k1 uint64 }

func newKeyer(secret []byte) keyer {
	sum := sha256.Sum256(secret)
	return keyer{binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])}
}

// name is a buffer in which a counter's name is put together. Ordinary ones fit
// without allocating.
type name [192]byte

func (k keyer) sum(b []byte) gatehouse.Key {
	h0, h1 := siphash.Hash128(k.k0, k.k1, b)
	var key gatehouse.Key
	binary.LittleEndian.PutUint64(key[:8], h0)
	binary.LittleEndian.PutUint64(key[8:], h1)
	return key
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// appendAddress adds the network by which an address is counted.
func appendAddress(b []byte, ip netip.Addr) []byte {
	prefix := clientip.CountingPrefix(ip)
	a := prefix.Addr().As16()
	return append(append(b, byte(prefix.Bits())), a[:]...)
}

func (k keyer) failedLogins(account string, ip netip.Addr) gatehouse.Key {
	var n name
	return k.sum(appendText(appendAddress(append(n[:0], spaceFailedLogins), ip), account))
}

func (k keyer) refreshes(user, token string) gatehouse.Key {
	var n name
	return k.sum(appendText(appendText(append(n[:0], spaceRefreshes), user), token))
}

func (k keyer) requests(ip netip.Addr, endpoint string) gatehouse.Key {
	var n name
	return k.sum(appendText(appendAddress(append(n[:0], spaceRequests), ip), endpoint))
}

func (k keyer) within(ip netip.Addr, endpoint string) gatehouse.Key {
	var n name
	return k.sum(appendText(appendAddress(append(n[:0], spaceWithin), ip), endpoint))
}

func (k keyer) signups(ip netip.Addr) gatehouse.Key {
	var n name
	return k.sum(appendAddress(append(n[:0], spaceSignups), ip))
}

// ongoing names an attack that may go on: what a rule fired on, besides time.
func (k keyer) ongoing(rule string, parts ...string) gatehouse.Key {
	var n name
	b := appendText(append(n[:0], spaceOngoing), rule)
	for _, s := range parts {
		b = appendText(b, s)
	}
	return k.sum(b)
}

// device stands in for a device ID where none is given: one user agent of one
// user is one device.
func (k keyer) device(user, userAgent string) gatehouse.Key {
	var n name
	return k.sum(appendText(appendText(append(n[:0], spaceDevice), user), userAgent))
}
