package app

import (
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestCleanUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	a, err := New(t.Context(), c, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx := t.Context()
	user := accounts.User{ID: "ada", Account: "ada@example.com", PasswordHash: "hash"}
	if err := a.records.CreateUser(ctx, user); err != nil {
		t.Fatal(err)
	}
	const over, lives = cleanUpBatch + 7, 3
	for i := range over + lives {
		s := accounts.Session{ID: gatehouse.NewID(now), User: "ada", Created: now, Expires: now.Add(time.Hour)}
		if i >= over {
			s.Expires = now.Add(c.CleanUp.Keep + 2*time.Hour)
		}
		if err := a.records.CreateSession(ctx, s, accounts.TokenHash{byte(i), byte(i >> 8)}, "hash"); err != nil {
			t.Fatal(err)
		}
	}
	block := gatehouse.Block{ID: "1", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Created: now, Until: now.Add(time.Hour)}
	if _, err := a.records.Place(ctx, block); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after            time.Duration
		sessions, blocks int
	}{{time.Hour, 0, 0}, {c.CleanUp.Keep + time.Hour + time.Second, over, 1}, {0, 0, 0}} {
		now = now.Add(step.after)
		sessions, blocks, err := a.cleanUp(ctx)
		if err != nil || sessions != step.sessions || blocks != step.blocks {
			t.Errorf("after %v: %d sessions and %d blocks removed, %v; want %d and %d", step.after, sessions, blocks, err, step.sessions, step.blocks)
		}
	}
}
