package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/chain"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, s *sql.Store)) {
	t.Run("SQLite", func(t *testing.T) { test(t, openSigned(t, t.TempDir()+"/gatehouse.db")) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, openPostgres(t, testserver.SharedPostgres(t).Database(t), sql.Options{Sign: signing}))
	})
}

// What is over goes, in batches no larger than asked for, and nothing else; what
// was counted before is what goes.
func TestCleanUp(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sql.Store) {
		ctx, now := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ok(s.CreateUser(ctx, accounts.User{ID: "ada", Account: "ada@example.com", PasswordHash: "hash"}))
		const over, lives = 25, 7
		for i := range over + lives {
			ends := now.Add(-time.Hour)
			if i >= over {
				ends = now.Add(time.Hour)
			}
			ss := accounts.Session{ID: fmt.Sprint("s", i), User: "ada", Created: now, Expires: ends}
			ok(s.CreateSession(ctx, ss, accounts.TokenHash{byte(i), 1}, "hash"))
			_, err := s.Place(ctx, gatehouse.Block{ID: fmt.Sprint("b", i), Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32), Created: now, Until: ends})
			ok(err)
		}
		for _, lifted := range []string{"192.0.2.30/32", "192.0.2.0/32"} { // the second has expired as well
			_, err := s.Lift(ctx, netip.MustParsePrefix(lifted), now.Add(-2*time.Hour))
			ok(err)
		}
		_, err := s.EndSessions(ctx, accounts.SessionFilter{User: "ada", Session: "s31"}, now.Add(-time.Hour), "logout")
		ok(err)
		for _, c := range []struct {
			what   string
			remove func(context.Context, time.Time, int) (int, error)
			count  func(context.Context, time.Time) (int, error)
			want   int
		}{
			{"tokens", s.DeleteExpiredTokens, s.CountExpiredTokens, over},
			{"sessions", s.DeleteExpired, s.CountExpired, over + 1},
			{"blocks", s.DeleteOldBlocks, s.CountOldBlocks, over + 1},
			{"links", s.DeleteExpiredLinks, s.CountExpiredLinks, 0},
			{"deliveries", s.PruneDeliveries, s.CountOldDeliveries, 0},
			{"groups", s.PruneGroups, s.CountOldGroups, 0},
		} {
			if n, err := c.count(ctx, now); n != c.want || err != nil {
				t.Errorf("%s: %d counted, %v; want %d", c.what, n, err, c.want)
			}
			if n, err := c.remove(ctx, now, 0); n != 0 || err != nil {
				t.Errorf("%s: none asked for: %d, %v", c.what, n, err)
			}
			removed := 0
			for {
				n, err := c.remove(ctx, now, 10)
				ok(err)
				if removed += n; n == 0 {
					break
				} else if n > 10 {
					t.Errorf("%s: %d in one batch", c.what, n)
				}
			}
			if removed != c.want {
				t.Errorf("%s: %d removed, want %d", c.what, removed, c.want)
			}
		}
		if left, err := s.Sessions(ctx, "ada", now.Add(-24*time.Hour)); err != nil || len(left) != lives-1 {
			t.Errorf("%d sessions left, %v", len(left), err)
		}
		if left, err := s.List(ctx, now); err != nil || len(left) != lives-1 {
			t.Errorf("%d blocks left, %v", len(left), err)
		}
	})
}

// Who can write to the database cannot have the clean-up remove a record in good
// order: one that was made to look old, or that took the place of another, stays,
// and is found by a verification.
func TestDeleteRecordsVerifies(t *testing.T) {
	old := time.Date(2026, 3, 1, 0, 0, 20, 0, time.UTC) // later than the first 20 records
	for name, tamper := range map[string]string{
		"made to look old": "UPDATE security_log SET time = 0",
		"one removed":      "DELETE FROM security_log WHERE seq = 5",
		"one replaced":     "UPDATE security_log SET account = 'eve@example.com' WHERE seq = 5",
		"another hash":     "UPDATE security_log SET hash = (SELECT hash FROM security_log WHERE seq = 1) WHERE seq = 20",
		"an end forged":    "UPDATE log_heads SET seq = 20, hash = (SELECT hash FROM security_log WHERE seq = 20)",
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/gatehouse.db"
			s := openSigned(t, path)
			fill(t, s, 40)
			db, err := stdsql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(tamper); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			var fault *chain.Fault
			if n, err := s.DeleteRecords(t.Context(), old, 100); n != 0 || !errors.As(err, &fault) {
				t.Errorf("%d removed, %v", n, err)
			}
			if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); !errors.As(err, &fault) {
				t.Errorf("the log passes for sound: %v", err)
			}
		})
	}
}

func TestTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sql.Store) {
		ctx := t.Context()
		var won atomic.Int32
		var all sync.WaitGroup
		turns := make(chan *sql.Turn, 64)
		for range 64 {
			all.Go(func() {
				turn, err := s.TakeTurn(ctx, "clean-up")
				if err == nil {
					won.Add(1)
					turns <- turn
				} else if !errors.Is(err, sql.ErrTaken) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d have the turn", won.Load())
		}
		turn := <-turns
		if err := turn.Check(ctx); err != nil {
			t.Error(err)
		}
		other, err := s.TakeTurn(ctx, "another duty")
		if err != nil {
			t.Fatal(err)
		}
		other.Release()
		turn.Release()
		turn.Release()
		again, err := s.TakeTurn(ctx, "clean-up")
		if err != nil {
			t.Fatal(err)
		}
		again.Release()

		if at, err := s.DutyDone(ctx, "x"); err != nil || !at.IsZero() {
			t.Errorf("never done: %v, %v", at, err)
		}
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for _, mark := range []time.Time{at, at.Add(-time.Hour)} {
			if err := s.MarkDuty(ctx, "x", mark); err != nil {
				t.Fatal(err)
			}
			if got, err := s.DutyDone(ctx, "x"); err != nil || !got.Equal(at) {
				t.Errorf("done at %v, %v", got, err)
			}
		}
	})
}

// The server gives the turn of a node whose connection is lost to another, and
// the first one notices.
func TestTurnLost(t *testing.T) {
	server := testserver.Postgres(t)
	database := server.Database(t)
	a := openPostgres(t, database, sql.Options{Sign: signing, Node: "a"})
	b := openPostgres(t, database, sql.Options{Sign: signing, Node: "b"})
	turn, err := a.TakeTurn(t.Context(), "clean-up")
	if err != nil {
		t.Fatal(err)
	}
	defer turn.Release()
	if _, err := b.TakeTurn(t.Context(), "clean-up"); !errors.Is(err, sql.ErrTaken) {
		t.Errorf("two have the turn: %v", err)
	}
	server.Restart()
	if err := turn.Check(t.Context()); !errors.Is(err, sql.ErrLost) {
		t.Errorf("the connection is gone: %v", err)
	}
	other, err := b.TakeTurn(t.Context(), "clean-up")
	if err != nil {
		t.Fatal(err)
	}
	other.Release()
}
