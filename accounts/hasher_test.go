package accounts_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestHashVerifies(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	tests := []struct {
		name, password, other string
		want                  bool
	}{
		{"same", "correct horse", "correct horse", true},
		{"other", "correct horse", "correct horsf", false},
		{"case", "correct horse", "Correct horse", false},
		{"trailing space", "correct horse", "correct horse ", false},
		{"composed and decomposed", "caf\u00e9 noir", "cafe\u0301 noir", true},
		{"full width", "ｐａｓｓ１２３４", "pass1234", true},
		{"longest", strings.Repeat("x", accounts.MaxPassword), strings.Repeat("x", accounts.MaxPassword), true},
		{"cut is not equal", strings.Repeat("x", accounts.MaxPassword), strings.Repeat("x", accounts.MaxPassword+1), false},
		{"invalid UTF-8", "ab\ufffd", "ab\xff", false},
		{"stand-in of an impossible one", "-", "ab\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored, err := h.Hash(t.Context(), tt.password)
			if err != nil {
				t.Fatal(err)
			}
			match, outdated, err := h.Verify(t.Context(), tt.other, stored)
			if match != tt.want || outdated || err != nil {
				t.Errorf("Verify = %v, %v, %v; want %v", match, outdated, err, tt.want)
			}
		})
	}
}

func TestHashIsSalted(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	a, _ := h.Hash(t.Context(), "correct horse")
	b, _ := h.Hash(t.Context(), "correct horse")
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hashes %s and %s", a, b)
	}
}

func TestHashRefusesImpossiblePasswords(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	for _, password := range []string{strings.Repeat("x", accounts.MaxPassword+1), "ab\xff"} {
		var policy *accounts.PolicyError
		if _, err := h.Hash(t.Context(), password); !errors.As(err, &policy) {
			t.Errorf("Hash of %d bytes: %v, want a *PolicyError", len(password), err)
		}
	}
}

// The vector is from the reference implementation's tests (phc-winner-argon2).
func TestVerifyReferenceVector(t *testing.T) {
	const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newHasher(t, accounts.HasherOptions{})
	match, outdated, err := h.Verify(t.Context(), "password", stored)
	if !match || !outdated || err != nil {
		t.Errorf("Verify = %v, %v, %v; want true, true, nil", match, outdated, err)
	}
}

func TestVerifyRefusesDamagedHashes(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newHasher(t, accounts.HasherOptions{})
	for _, stored := range []string{
		"", "x", "$$$$$", "password",
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1$" + salt + "$" + key,
		"$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=256$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "=",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$",
	} {
		match, _, err := h.Verify(t.Context(), "password", stored)
		if match || err == nil {
			t.Errorf("Verify against %q = %v, %v; want an error", stored, match, err)
		} else if len(stored) > 10 && strings.Contains(err.Error(), stored) {
			t.Errorf("the error quotes the stored hash: %v", err)
		}
	}
}

func TestVerificationsAreCounted(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	stored, _ := h.Hash(t.Context(), "correct horse")
	h.Verify(t.Context(), "correct horse", stored)
	h.Verify(t.Context(), "wrong horse", stored)
	h.Verify(t.Context(), strings.Repeat("x", 100_000), stored)
	h.VerifyNobody(t.Context(), "correct horse")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.VerifyNobody(ended, "correct horse"); !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyNobody with an ended context: %v", err)
	}
	if n := h.Verifications(); n != 4 {
		t.Errorf("%d verifications, want 4", n)
	}
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, accounts.HasherOptions{Parallel: 1})
		if err := h.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer h.Leave()
		start := time.Now()
		_, err := h.Hash(t.Context(), "correct horse")
		if waited := time.Since(start); !errors.Is(err, gatehouse.ErrBusy) || waited != 5*time.Second {
			t.Errorf("Hash = %v after %s, want ErrBusy after 5s", err, waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.VerifyNobody(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, gatehouse.ErrBusy) {
			t.Errorf("VerifyNobody = %v, want the context's error", err)
		}
	})
}

func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		h := newHasher(t, accounts.HasherOptions{Parallel: 1, OnWait: func(d time.Duration) { waits = append(waits, d) }})
		if err := h.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := h.VerifyNobody(t.Context(), "x"); !errors.Is(err, gatehouse.ErrBusy) {
			t.Errorf("VerifyNobody = %v, want ErrBusy", err)
		}
		if n := h.InFlight(); n != 1 {
			t.Errorf("%d in flight, want 1", n)
		}
		time.AfterFunc(2*time.Second, h.Leave)
		if err := h.VerifyNobody(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		if want := []time.Duration{0, 5 * time.Second, 2 * time.Second}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
		if n := h.InFlight(); n != 0 {
			t.Errorf("%d in flight after all, want 0", n)
		}
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, accounts.HasherOptions{Parallel: 1})
		if err := h.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var order []int
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := h.Enter(t.Context()); err != nil {
					t.Error(err)
					return
				}
				order = append(order, i) // only one at a time is here
				h.Leave()
			})
			synctest.Wait()
		}
		h.Leave()
		wg.Wait()
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7}; !slices.Equal(order, want) {
			t.Errorf("served %v, want %v", order, want)
		}
	})
}

func TestNewHasherRefusesBadOptions(t *testing.T) {
	for _, o := range []accounts.HasherOptions{
		{Parallel: -1},
		{Wait: -1},
		{Params: accounts.Argon2{Memory: 4, Time: 1, Threads: 1}},
		{Params: accounts.Argon2{Memory: 1 << 30, Time: 1, Threads: 1}},
		{Params: accounts.Argon2{Memory: 64, Time: 1000, Threads: 1}},
		{Params: accounts.Argon2{Memory: 64, Time: 1, Threads: 9}},
	} {
		if _, err := accounts.NewHasher(o); err == nil {
			t.Errorf("NewHasher(%+v) accepts it", o)
		}
	}
}

// BenchmarkVerify is one verification with the real parameters. That unknown
// accounts take as long is measured over HTTP, in package authserver.
func BenchmarkVerify(b *testing.B) {
	h, err := accounts.NewHasher(accounts.HasherOptions{})
	if err != nil {
		b.Fatal(err)
	}
	stored, err := h.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h.Verify(b.Context(), "wrong horse", stored)
	}
}

// BenchmarkStorm is 64 logins at once, again and again, with the real parameters.
// peak-MiB is the most memory that the runtime had from the system.
func BenchmarkStorm(b *testing.B) {
	h, err := accounts.NewHasher(accounts.HasherOptions{Wait: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	peak := uint64(0)
	var memory runtime.MemStats
	for b.Loop() {
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() { h.VerifyNobody(b.Context(), "wrong horse") })
		}
		wg.Wait()
		runtime.ReadMemStats(&memory)
		peak = max(peak, memory.Sys-memory.HeapReleased)
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	b.ReportMetric(float64(64*b.N)/b.Elapsed().Seconds(), "logins/s")
}
