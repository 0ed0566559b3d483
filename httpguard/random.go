package httpguard

import "crypto/rand"

func randomBits(b *[16]byte) { rand.Read(b[:]) } // never fails (crypto/rand)
