package spool_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/spool"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// record is one with an ID, of one time with all others.
func record(id string) gatehouse.Record {
	return gatehouse.Record{ID: id, Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: noon, CorrelationID: id}}
}

func block(id, prefix string, lasts time.Duration) gatehouse.Block {
	return gatehouse.Block{ID: id, Prefix: netip.MustParsePrefix(prefix), Reason: "test", By: "test", Created: noon, Until: noon.Add(lasts)}
}

// store is a real one that fails on command.
type store struct {
	*sql.Store
	broken atomic.Pointer[func(context.Context) error] // asked before each call
	refuse func(id string) error                       // asked about each record and block
	calls  atomic.Int64
}

func openStore(t testing.TB, path string) *store {
	t.Helper()
	s, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &store{Store: s}
}

func (s *store) fail(err error) { s.broken.Store(new(func(context.Context) error { return err })) }

func (s *store) works() { s.broken.Store(nil) }

// flap lets the store fail and work in turns, until the function it returns is
// called.
func (s *store) flap() (stop func()) {
	quit := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				s.works()
				return
			case <-time.After(time.Duration(i%7) * time.Millisecond):
			}
			if i%2 == 0 {
				s.fail(gatehouse.ErrUnavailable)
			} else {
				s.works()
			}
		}
	})
	return func() {
		close(quit)
		flapping.Wait()
	}
}

func (s *store) check(ctx context.Context, ids ...string) error {
	s.calls.Add(1)
	if f := s.broken.Load(); f != nil {
		if err := (*f)(ctx); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if s.refuse != nil && s.refuse(id) != nil {
			return s.refuse(id)
		}
	}
	return nil
}

func (s *store) Append(ctx context.Context, records ...gatehouse.Record) error {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	if err := s.check(ctx, ids...); err != nil {
		return err
	}
	return s.Store.Append(ctx, records...)
}

func (s *store) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	if err := s.check(ctx, b.ID); err != nil {
		return gatehouse.Block{}, err
	}
	return s.Store.Place(ctx, b)
}

func (s *store) Lift(ctx context.Context, p netip.Prefix, at time.Time) (gatehouse.Block, error) {
	if err := s.check(ctx); err != nil {
		return gatehouse.Block{}, err
	}
	return s.Store.Lift(ctx, p, at)
}

func (s *store) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	if err := s.check(ctx); err != nil {
		return gatehouse.Block{}, false, err
	}
	return s.Store.Blocked(ctx, ip, at)
}

func (s *store) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, at)
}

// kept lists the IDs in the order in which the store got them.
func (s *store) kept(t testing.TB) []string {
	t.Helper()
	var ids []string
	for r, err := range s.Query(context.Background(), gatehouse.Query{}) { // of one time: newest first
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	for i, j := 0, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids
}

// fixture is a spool on a store, and the states it told.
type fixture struct {
	*spool.Spool
	store  *store
	path   string
	states chan spool.State
	told   atomic.Int64 // how many states
	errs   chan error
}

func quick(o spool.Options) spool.Options {
	o.MinBackoff, o.MaxBackoff = time.Millisecond, 5*time.Millisecond
	return o
}

func open(t testing.TB, o spool.Options) *fixture {
	t.Helper()
	dir := t.TempDir()
	return openOn(t, filepath.Join(dir, "spool"), openStore(t, filepath.Join(dir, "gatehouse.db")), o)
}

func openOn(t testing.TB, path string, s *store, o spool.Options) *fixture {
	t.Helper()
	f := &fixture{store: s, path: path, states: make(chan spool.State, 1<<16), errs: make(chan error, 1<<10)}
	o = quick(o)
	o.OnState = func(s spool.State) {
		f.told.Add(1)
		f.states <- s
	}
	o.OnError = func(err error) { f.errs <- err }
	var err error
	if f.Spool, err = spool.Open(path, s, s, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.close(t) })
	return f
}

func (f *fixture) close(t testing.TB) {
	t.Helper()
	if err := f.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// until waits for a state.
func (f *fixture) until(t testing.TB, what string, is func(spool.State) bool) spool.State {
	t.Helper()
	timeout := time.After(time.Minute)
	if s := f.State(); is(s) {
		return s
	}
	for {
		select {
		case s := <-f.states:
			if is(s) {
				return s
			}
		case <-timeout:
			t.Fatalf("the spool is not %s: %+v", what, f.State())
		}
	}
}

// drained waits until the spool is as good as new.
func (f *fixture) drained(t testing.TB) {
	t.Helper()
	f.until(t, "drained", func(spool.State) bool { return !f.State().Degraded })
}

func (f *fixture) append(t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := f.Append(t.Context(), record(id)); err != nil {
			t.Fatalf("Append of %s: %v", id, err)
		}
	}
}

func (f *fixture) mustKeep(t testing.TB, want ...string) {
	t.Helper()
	if got := f.store.kept(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the store has %v, want %v", got, want)
	}
}

func TestJournal(t *testing.T) {
	storetest.Journal(t, func(t *testing.T) (gatehouse.Journal, gatehouse.Log) {
		f := open(t, spool.Options{})
		return f, f.store.Store
	})
}

func TestBlocks(t *testing.T) {
	storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks { return open(t, spool.Options{}) })
}

// While the store is down, the same promises hold.
func TestBlocksWhileTheStoreIsDown(t *testing.T) {
	storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks {
		f := open(t, spool.Options{})
		if _, err := f.List(t.Context(), noon); err != nil {
			t.Fatal(err)
		}
		f.store.fail(gatehouse.ErrUnavailable)
		return f
	})
}

func TestRecordsWaitForTheStore(t *testing.T) {
	f := open(t, spool.Options{})
	f.append(t, "a", "b")
	f.store.fail(fmt.Errorf("sql: %w", gatehouse.ErrUnavailable))
	f.append(t, "c", "d")
	st := f.State()
	if !st.Degraded || st.Records != 2 || st.Bytes == 0 || !errors.Is(st.Err, gatehouse.ErrUnavailable) {
		t.Errorf("while the store is down: %+v", st)
	}
	f.mustKeep(t, "a", "b")
	f.store.works()
	f.drained(t)
	if st := f.State(); st.Degraded || st.Records != 0 || st.Bytes != 0 || st.Err != nil {
		t.Errorf("afterwards: %+v", st)
	}
	f.append(t, "e")
	f.mustKeep(t, "a", "b", "c", "d", "e")
	if info, err := os.Stat(f.path); err != nil || info.Size() > 64 || info.Mode() != 0o600 {
		t.Errorf("the file afterwards: %v, %v", info, err)
	}
}

func TestWhatAnEarlierProcessLeft(t *testing.T) {
	f := open(t, spool.Options{})
	f.store.fail(gatehouse.ErrUnavailable)
	f.append(t, "a", "b")
	if _, err := f.Place(t.Context(), block("1", "192.0.2.1/32", time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.close(t)
	if err := f.Append(t.Context(), record("late")); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	again := openOn(t, f.path, f.store, spool.Options{})
	if st := again.State(); !st.Degraded || st.Records != 3 {
		t.Errorf("at the start: %+v", st)
	}
	list, err := again.List(t.Context(), noon)
	if len(list) != 1 || !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("List at the start, with the store down: %v, %v", list, err)
	}
	again.append(t, "c")
	f.store.works()
	again.drained(t)
	again.mustKeep(t, "a", "b", "c")
	if _, found, err := f.store.Blocked(t.Context(), netip.MustParseAddr("192.0.2.1"), noon); !found || err != nil {
		t.Errorf("the block is not in the store: %v, %v", found, err)
	}
}

// Of each client, what it had acknowledged first comes first, however often the
// store fails.
func TestOrderWhileTheStoreFlaps(t *testing.T) {
	f := open(t, spool.Options{Deadline: 100 * time.Millisecond})
	stop := f.store.flap()
	const clients = 64
	var n atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := 0; i < 20 || i < 100 && f.told.Load() < 6; i++ {
				n.Add(1)
				if err := f.Append(t.Context(), record(fmt.Sprintf("%02d/%06d", c, i))); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	f.drained(t)
	inOrder(t, f.store.kept(t), int(n.Load()))
}

// inOrder checks IDs of the form client/number.
func inOrder(t testing.TB, ids []string, want int) {
	t.Helper()
	last := map[string]string{}
	for _, id := range ids {
		client := id[:2]
		if last[client] >= id {
			t.Errorf("%s comes after %s", id, last[client])
		}
		last[client] = id
	}
	if len(ids) != want {
		t.Errorf("%d records, want %d", len(ids), want)
	}
}
