package main

import (
	"encoding/binary"
	"unsafe"

	"github.com/dchest/siphash"
	"github.com/fluxstudio/gatehouse"
)

// keySet holds the same keys in the forms that the contenders take.
type keySet struct {
	hashed []gatehouse.Key
}

// hashKey is how a key is made from what it names.
func hashKey(rule byte, name uint32) (k gatehouse.Key) {
	var b [5]byte
	b[0] = rule
	binary.LittleEndian.PutUint32(b[1:], name)
	lo, hi := siphash.Hash128(0x0706050403020100, 0x0f0e0d0c0b0a0908, b[:])
	binary.LittleEndian.PutUint64(k[:8], lo)
	binary.LittleEndian.PutUint64(k[8:], hi)
	return k
}

func newKeys(rule byte, n int) keySet {
	k := keySet{hashed: make([]gatehouse.Key, n)}
	for i := range n {
		k.hashed[i] = hashKey(rule, uint32(i))
	}
	return k
}

// text returns a key as a string, at no cost and in the same memory.
func (k keySet) text(i uint32) string { return unsafe.String(&k.hashed[i][0], len(k.hashed[i])) }

func (k keySet) tag(i uint32) uint64 { return binary.LittleEndian.Uint64(k.hashed[i][:8]) }
