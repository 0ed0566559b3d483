package httpguard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/dchest/siphash"

	"github.com/fluxstudio/gatehouse"
)

// take asks the store, or the one to fall back on.
func (l *rateLimit) take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	if now := time.Now(); now.UnixNano() >= l.retryAt.Load() {
		err := l.rates.Take(ctx, at, takes)
		if err == nil {
			return nil
		}
		l.failed(ctx, now, err)
	}
	for i := range takes {
		n := takes[i].Limit.Threshold
		takes[i].Limit.Threshold = (n + 1) / 2
		if takes[i].Cost <= n {
			takes[i].Cost = min(takes[i].Cost, takes[i].Limit.Threshold)
		}
	}
	return l.o.Fallback.Take(ctx, at, takes)
}

// failed leaves the store alone for a while, unless the reason is the caller's
// or there is merely no room for one counter, and tells of it now and then.
func (l *rateLimit) failed(ctx context.Context, now time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	if !errors.Is(err, gatehouse.ErrBusy) {
		l.retryAt.Store(now.Add(pause).UnixNano())
	}
	tell := l.tellAt.Load()
	if l.o.OnError != nil && now.UnixNano() >= tell && l.tellAt.CompareAndSwap(tell, now.Add(time.Minute).UnixNano()) {
		l.o.OnError(ctx, err)
	}
}

// namer derives the keys of limits by keyed hashes.
type namer struct{ keys [4]uint64 }

func newNamer(secret []byte) (n namer) {
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret) // never fails (crypto/rand)
	}
	sum := sha256.Sum256(secret)
	for i := range n.keys {
		n.keys[i] = binary.LittleEndian.Uint64(sum[8*i:])
	}
	return n
}

// key returns the key of a policy's limit for somebody. The second half is the
// same for all policies, so that stores keep together what one request asks for.
func (n *namer) key(policy, of string) (key gatehouse.Key) {
	var buffer [192]byte
	b := appendPart(buffer[:0], of)
	binary.LittleEndian.PutUint64(key[8:], siphash.Hash(n.keys[0], n.keys[1], b))
	b = appendPart(b, policy)
	binary.LittleEndian.PutUint64(key[:8], siphash.Hash(n.keys[2], n.keys[3], b))
	return key
}

// appendPart adds a part with its length, so that "a|b"+"c" is never "a"+"b|c".
func appendPart(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}
