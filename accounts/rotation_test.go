package accounts_test

import (
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
	"pgregory.net/rapid"
)

// family is a model of one session's refresh tokens.
type family struct {
	tokens []string    // each the successor of the one before; the last is good
	spent  []time.Time // of all but the last
	over   bool
}

// refresh is what presenting token i at an instant should lead to.
func (f *family) refresh(i int, at time.Time) accounts.RotationOutcome {
	last := len(f.tokens) - 1
	switch {
	case f.over:
		return accounts.SessionOver
	case i == last:
		f.spent = append(f.spent, at)
		return accounts.Rotated
	case i == last-1 && at.Sub(f.spent[i]) < 10*time.Second:
		return accounts.Repeated
	}
	f.over = true
	return accounts.Reused
}

func TestRotationFollowsTheModel(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now})
	signup(t, s)
	rapid.Check(t, func(rt *rapid.T) {
		g := login(t, s, firefox)
		f := &family{tokens: []string{g.RefreshToken}}
		rt.Repeat(map[string]func(*rapid.T){
			"time passes": func(rt *rapid.T) {
				clock.advance(time.Duration(rapid.IntRange(0, 12_000).Draw(rt, "ms")) * time.Millisecond)
			},
			"refresh": func(rt *rapid.T) {
				back := rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(rt, "back")
				i := max(0, len(f.tokens)-1-back)
				want := f.refresh(i, clock.now())
				outcome, g, err := s.Refresh(t.Context(), f.tokens[i], client(firefox))
				if err != nil || outcome != want {
					rt.Fatalf("token %d of %d: %v, %v; want %v", i, len(f.tokens), outcome, err, want)
				}
				switch want {
				case accounts.Rotated:
					f.tokens = append(f.tokens, g.RefreshToken)
				case accounts.Repeated:
					if g.RefreshToken != f.tokens[i+1] {
						rt.Fatalf("another successor")
					}
				default:
					if g.RefreshToken != "" || g.AccessToken != "" {
						rt.Fatalf("tokens with outcome %v", want)
					}
				}
			},
			"log out": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "rarely") > 0 {
					rt.Skip()
				}
				if err := s.Logout(t.Context(), g.Session); err != nil {
					rt.Fatal(err)
				}
				f.over = true
			},
		})
	})
}
