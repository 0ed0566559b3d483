package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"
)

// MaxPassword is the longest password, in bytes as it is typed. It is far above
// the 64 characters that NIST SP 800-63B wants accepted, in any script.
const MaxPassword = 512

// HasherOptions configure a Hasher. The zero value is right for most.
type HasherOptions struct {
	// Params are those of new hashes. Older hashes with others are still
	// verified, and replaced at the next login. Zero fields take the defaults.
	Params Argon2
	// Parallel is how many passwords are hashed at the same time; 0: as many as
	// GOMAXPROCS. The memory of a storm of logins is about this times
	// Params.Memory, and as much again that the collector has not freed yet.
	Parallel int
	// Wait is how long a call waits for its turn, first come first served,
	// before it fails with gatehouse.ErrBusy; 0: 5 s.
	Wait time.Duration
	// OnWait is told how long each call waited for its turn, also one that gave
	// up. It is called concurrently and must not wait itself; nil: nobody is
	// told.
	OnWait func(time.Duration)
}

// Hasher hashes and verifies passwords with Argon2id, a bounded number at a time.
// It is safe for concurrent use.
type Hasher struct {
	params   Argon2
	turns    *semaphore.Weighted // first come first served
	wait     time.Duration
	onWait   func(time.Duration)
	inFlight atomic.Int64
	nobody   hash // verified for accounts that do not exist
	verified atomic.Uint64
}

// NewHasher returns a Hasher, or an error that names the option that is out of
// bounds.
func NewHasher(o HasherOptions) (*Hasher, error) {
	if o.Params.Memory == 0 {
		o.Params.Memory = owasp.Memory
	}
	if o.Params.Time == 0 {
		o.Params.Time = owasp.Time
	}
	if o.Params.Threads == 0 {
		o.Params.Threads = owasp.Threads
	}
	if err := o.Params.check(); err != nil {
		return nil, err
	}
	if o.Parallel < 0 || o.Wait < 0 {
		return nil, fmt.Errorf("hasher: parallel %d and wait %s must not be negative", o.Parallel, o.Wait)
	}
	if o.Parallel == 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Second
	}
	if o.OnWait == nil {
		o.OnWait = func(time.Duration) {}
	}
	h := &Hasher{params: o.Params, turns: semaphore.NewWeighted(int64(o.Parallel)), wait: o.Wait, onWait: o.OnWait}
	h.nobody = h.unknown()
	return h, nil
}

// unknown returns a hash of which nobody knows the password. Its key is random,
// so it costs no work.
func (h *Hasher) unknown() hash {
	u := hash{params: h.params, salt: make([]byte, saltLen), key: make([]byte, keyLen)}
	rand.Read(u.salt)
	rand.Read(u.key)
	return u
}

// Hash returns the PHC string of a new hash of password. It fails with
// gatehouse.ErrBusy when its turn did not come in time, with ctx's error when
// that ended first, and with a *PolicyError for a password that cannot be
// hashed.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	plain, ok := normalise(password)
	if !ok {
		return "", errTooLong
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	fresh := hash{params: h.params, salt: make([]byte, saltLen)}
	rand.Read(fresh.salt)
	fresh.key = fresh.params.derive(plain, fresh.salt)
	return fresh.String(), nil
}

// Verify reports whether password is the one that was hashed, and whether the
// hash is outdated: made with other parameters than those of new ones. Errors
// are those of Hash, and one for a stored hash that is damaged. Once a
// verification has begun it is finished, whatever becomes of ctx.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (match, outdated bool, err error) {
	want, err := parseHash(stored)
	if err != nil {
		return false, false, err
	}
	match, err = h.verify(ctx, password, want)
	return match, want.params != h.params, err
}

// VerifyNobody does the work of Verify for an account that does not exist, so
// that the answer takes as long.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	_, err := h.verify(ctx, password, h.nobody)
	return err
}

// verify never tells a password that is too long or malformed from a wrong one,
// not even by its time.
func (h *Hasher) verify(ctx context.Context, password string, want hash) (bool, error) {
	plain, ok := normalise(password)
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	h.verified.Add(1)
	equal := subtle.ConstantTimeCompare(want.params.derive(plain, want.salt), want.key) == 1
	return ok && equal, nil
}

// Verifications is how many passwords have been verified, those for nobody
// included. One that found no turn does not count.
func (h *Hasher) Verifications() uint64 { return h.verified.Load() }

// InFlight is how many passwords are being hashed.
func (h *Hasher) InFlight() int { return int(h.inFlight.Load()) }

// enter waits for a turn, which leave gives back.
func (h *Hasher) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if h.turns.TryAcquire(1) { // not past those who wait
		h.inFlight.Add(1)
		h.onWait(0)
		return nil
	}
	start := time.Now()
	turn, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	err := h.turns.Acquire(turn, 1)
	if err == nil {
		h.inFlight.Add(1)
	}
	h.onWait(time.Since(start))
	if err == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("password hashing: %w", gatehouse.ErrBusy)
}

func (h *Hasher) leave() {
	h.inFlight.Add(-1)
	h.turns.Release(1)
}

// normalise returns the bytes to hash. Those of a password that cannot be one
// are of no use but to do the same work.
func normalise(password string) ([]byte, bool) {
	if len(password) > MaxPassword || !utf8.ValidString(password) {
		return []byte("-"), false
	}
	return norm.NFKC.Bytes([]byte(password)), true
}
