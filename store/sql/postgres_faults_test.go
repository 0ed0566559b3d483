package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// load appends records, and now and then does something else, until it is ended.
// It knows what was acknowledged.
type load struct {
	store   *sql.Store
	running sync.WaitGroup
	end     context.CancelFunc

	mu           sync.Mutex
	acknowledged map[string]bool
	failures     int
	done         atomic.Int64
}

func startLoad(t *testing.T, s *sql.Store) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{store: s, end: cancel, acknowledged: map[string]bool{}}
	var n atomic.Int64
	for range 16 {
		l.running.Go(func() {
			for ctx.Err() == nil {
				i := n.Add(1)
				r := sample(i)
				r.ID = fmt.Sprint("under load ", i)
				err := s.Append(context.Background(), r)
				if i%8 == 0 {
					_, seeErr := s.See(context.Background(), "u", gatehouse.Sighting{})
					_, readErr := s.UserByID(context.Background(), "u")
					if readErr != nil && !errors.Is(readErr, gatehouse.ErrNotFound) {
						seeErr = readErr
					}
					l.note(t, "", seeErr)
				}
				l.note(t, r.ID, err)
			}
		})
	}
	return l
}

func (l *load) note(t *testing.T, id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acknowledged[id] = true
		l.done.Add(1)
	case errors.Is(err, gatehouse.ErrUnavailable):
		l.failures++
	default:
		t.Errorf("an error that does not say that the store is unavailable: %v", err)
	}
}

// more waits until so many calls more have succeeded.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	limit := time.Now().Add(time.Minute)
	for want := l.done.Load() + n; l.done.Load() < want; {
		if time.Now().After(limit) {
			t.Fatal("nothing succeeds any more")
		}
		<-time.After(time.Millisecond)
	}
}

// check ends the load: what was acknowledged is found, once, and the log is sound.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.end()
	l.running.Wait()
	delete(l.acknowledged, "")
	t.Logf("%d acknowledged, %d failed", len(l.acknowledged), l.failures)
	found := map[string]int{}
	for r, err := range l.store.Query(context.Background(), gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		found[r.ID]++
	}
	lost := 0
	for id := range l.acknowledged {
		if found[id] != 1 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("of %d records that were acknowledged, %d are not found once", len(l.acknowledged), lost)
	}
	countsAgree(t, l.store)
	if got, err := l.store.VerifyLog(context.Background(), verifies, nil, nil); err != nil {
		t.Errorf("VerifyLog: %+v, %v", got, err)
	}
}

func TestPostgresFails(t *testing.T) {
	server := testserver.Postgres(t)
	const timeout = time.Second
	database := server.Database(t)
	// The writer waits for the disk even where others that use the database do not.
	execPostgres(t, database, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
	s := openPostgres(t, database, sql.Options{Sign: signing, Timeout: timeout})

	t.Run("restarted while idle", func(t *testing.T) {
		for round := range 2 {
			together(8, func(int) { s.Users(t.Context(), "", 1) }) // every connection of the pool is in use once
			if err := s.Append(t.Context(), sample(int64(round))); err != nil {
				t.Fatal(err)
			}
			server.Restart()
			if _, err := s.Users(t.Context(), "", 1); err != nil {
				t.Errorf("the next query: %v", err)
			}
			if err := s.Append(t.Context(), sample(int64(100+round))); err != nil {
				t.Errorf("the next record: %v", err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("the next ping: %v", err)
			}
			together(8, func(int) {
				if _, err := s.Users(t.Context(), "", 1); err != nil {
					t.Errorf("a connection that was in the pool: %v", err)
				}
			})
		}
	})
	t.Run("restarted under load", func(t *testing.T) {
		l := startLoad(t, s)
		for range 2 {
			l.more(t, 100)
			server.Restart()
		}
		l.more(t, 100)
		l.check(t)
	})
	t.Run("killed under load", func(t *testing.T) {
		l := startLoad(t, s)
		for range 2 {
			l.more(t, 100)
			server.Kill()
			if err := s.Ping(t.Context()); !errors.Is(err, gatehouse.ErrUnavailable) {
				t.Errorf("Ping of a dead server: %v", err)
			}
			server.Start()
		}
		l.more(t, 100)
		l.check(t)
	})
	t.Run("stopped under load", func(t *testing.T) {
		l := startLoad(t, s)
		l.more(t, 100)
		server.Stop()
		begun := time.Now()
		for _, err := range []error{
			s.Append(t.Context(), sample(200)), // another waits before it
			func() error { _, err := s.UserByID(t.Context(), "u"); return err }(),
		} {
			if !errors.Is(err, gatehouse.ErrUnavailable) {
				t.Errorf("of a stopped server: %v", err)
			}
		}
		if waited := time.Since(begun); waited > 4*timeout+2*time.Second {
			t.Errorf("a stopped server was waited for for %v", waited)
		}
		server.Cont()
		l.more(t, 100)
		l.check(t)
	})
}

// proxiedTo returns a proxy to a server, and the URL of one of its databases through
// it.
func proxiedTo(t *testing.T, server *testserver.PostgresServer, database string) (*testserver.FaultProxy, string) {
	t.Helper()
	proxy := testserver.Proxy(t, server.Addr)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Addr
	return proxy, u.String()
}

// A node that is cut off keeps its locks for half the time that others wait.
func TestPostgresNodeCutOffInATransaction(t *testing.T) {
	server := testserver.SharedPostgres(t)
	database := server.Database(t)
	proxy, proxied := proxiedTo(t, server, database)
	const timeout = 4 * time.Second
	cut := openPostgres(t, proxied, sql.Options{Node: "cut off", Timeout: timeout})
	well := openPostgres(t, database, sql.Options{Node: "well", Timeout: timeout})

	see := func(s *sql.Store) error {
		_, err := s.See(t.Context(), "u", gatehouse.Sighting{Device: gatehouse.Device{ID: "d"}})
		return err
	}
	if err := see(cut); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	proxy.Latency(200 * time.Millisecond) // several round trips make a transaction
	go func() { failed <- see(cut) }()
	<-time.After(500 * time.Millisecond)
	proxy.Blackhole()
	begun := time.Now()
	if err := see(well); err != nil {
		t.Errorf("the other node: %v", err)
	}
	t.Logf("the other node waited %v", time.Since(begun))
	if err := <-failed; !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("the node that was cut off: %v", err)
	}
	proxy.Heal()
	if err := see(cut); err != nil {
		t.Errorf("when it is there again: %v", err)
	}
}

// When the end of a transaction is not known, its caller is told so. Records are
// tried once more by themselves, and are not written twice.
func TestPostgresCommitWhoseOutcomeIsNotKnown(t *testing.T) {
	server := testserver.SharedPostgres(t)
	database := server.Database(t)
	proxy, proxied := proxiedTo(t, server, database)
	s := openPostgres(t, proxied, sql.Options{Timeout: 500 * time.Millisecond, Sign: signing})
	if err := s.Append(t.Context(), sample(1)); err != nil {
		t.Fatal(err)
	}
	r := sample(2)
	proxy.Latency(time.Second) // the answer comes too late
	if err := s.Append(t.Context(), r); !errors.Is(err, gatehouse.ErrUnavailable) || !contains(err, "may be kept") {
		t.Errorf("Append: %v", err)
	}
	proxy.Heal()
	if err := s.CreateUser(t.Context(), accounts.User{ID: "u", Account: "u"}); err != nil {
		t.Error(err)
	}
	if err := s.Append(t.Context(), r); err != nil {
		t.Error(err)
	}
	if n := count(t, s); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
		t.Error(err)
	}
}

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }
