package main

import (
	"encoding/binary"
	"unsafe"

	"github.com/dchest/siphash"
	"github.com/fluxstudio/gatehouse"
)

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

func newKeys(rule byte, n int) []gatehouse.Key {
	keys := make([]gatehouse.Key, n)
	for i := range keys {
		keys[i] = hashKey(rule, uint32(i))
	}
	return keys
}

// tag is what the floors know a key by.
func tag(k *gatehouse.Key) uint64 { return binary.LittleEndian.Uint64(k[:8]) }

// text returns a key as a string, at no cost and in the same memory.
func text(k *gatehouse.Key) string { return unsafe.String(&k[0], len(k)) }
