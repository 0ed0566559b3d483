package spool_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/spool"
)

// hang makes the store answer nobody until the function it returns is called.
func (s *store) hang() (release func()) {
	released := make(chan struct{})
	s.broken.Store(new(func(ctx context.Context) error {
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", gatehouse.ErrUnavailable, ctx.Err())
		}
	}))
	return sync.OnceFunc(func() {
		s.works()
		close(released)
	})
}

// Only the first calls wait for a store that hangs, for the deadline and no longer.
func TestHangingStore(t *testing.T) {
	f := open(t, spool.Options{Deadline: time.Second})
	release := f.store.hang()
	defer release()
	var wg sync.WaitGroup
	for c := range 64 {
		wg.Go(func() {
			for i := range 3 {
				begun := time.Now()
				if err := f.Append(t.Context(), record(fmt.Sprintf("%02d/%d", c, i))); err != nil {
					t.Errorf("Append: %v", err)
				}
				if took := time.Since(begun); took > 20*time.Second || i > 0 && took > 900*time.Millisecond {
					t.Errorf("call %d took %v", i, took)
				}
			}
		})
	}
	wg.Wait()
	before := f.store.calls.Load()
	for i := range 100 {
		f.append(t, fmt.Sprintf("xx/%03d", i))
	}
	if asked := f.store.calls.Load() - before; asked > 20 {
		t.Errorf("the store was asked %d times in 100 calls", asked)
	}
	release()
	f.drained(t)
	inOrder(t, f.store.kept(t), 64*3+100)
}

// A caller's own deadline that the store has used up is not held against the
// record; a caller who went away is told so, and says nothing about the store.
func TestCallersContext(t *testing.T) {
	f := open(t, spool.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	f.store.broken.Store(new(func(context.Context) error {
		cancel()
		return fmt.Errorf("sql: %w", context.Canceled)
	}))
	if err := f.Append(ctx, record("gone")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who went away: %v", err)
	}
	if f.State().Degraded {
		t.Error("a caller who went away degrades the spool")
	}
	if err := f.Append(ctx, record("gone")); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	release := f.store.hang()
	defer release()
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Append(ctx, record("late")); err != nil {
		t.Errorf("a deadline that passed: %v", err)
	}
	if st := f.State(); !st.Degraded || st.Records != 1 {
		t.Errorf("afterwards: %+v", st)
	}
	release()
	f.drained(t)
	f.mustKeep(t, "late")
}

func TestInvalidRecordsAndBlocks(t *testing.T) {
	f := open(t, spool.Options{})
	for range 2 { // with the store up, and down
		if err := f.Append(t.Context(), gatehouse.Record{}); err == nil || errors.Is(err, gatehouse.ErrUnavailable) {
			t.Errorf("a record without an ID: %v", err)
		}
		if _, err := f.Place(t.Context(), gatehouse.Block{ID: "1"}); err == nil || errors.Is(err, gatehouse.ErrUnavailable) {
			t.Errorf("a block without a prefix: %v", err)
		}
		if _, err := f.Lift(t.Context(), netip.Prefix{}, noon); err == nil || errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("a lift without a prefix: %v", err)
		}
		if err := f.Append(t.Context()); err != nil {
			t.Errorf("nothing: %v", err)
		}
		f.store.fail(gatehouse.ErrUnavailable)
	}
	if st := f.State(); st.Records != 0 {
		t.Errorf("afterwards: %+v", st)
	}
}

func TestFullSpool(t *testing.T) {
	f := open(t, spool.Options{MaxBytes: 4096})
	f.store.fail(gatehouse.ErrUnavailable)
	n := 0
	var err error
	for ; err == nil && n < 1000; n++ {
		err = f.Append(t.Context(), record(fmt.Sprintf("00/%03d", n)))
	}
	if !errors.Is(err, spool.ErrFull) || !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if st := f.State(); !st.Failing || !errors.Is(st.Err, spool.ErrFull) || st.Bytes > 4096 || st.Records != n-1 {
		t.Errorf("when full: %+v", st)
	}
	f.store.works()
	f.drained(t)
	f.append(t, "00/xxx")
	inOrder(t, f.store.kept(t), n)
	if st := f.State(); st.Failing || st.Err != nil {
		t.Errorf("afterwards: %+v", st)
	}
}

// Each change of state is told, in order.
func TestStates(t *testing.T) {
	f := open(t, spool.Options{Now: func() time.Time { return noon }})
	const rounds = 10
	for i := range rounds {
		f.store.fail(gatehouse.ErrUnavailable)
		f.append(t, fmt.Sprint(i))
		f.store.works()
		for f.State().Degraded {
			<-time.After(time.Millisecond)
		}
	}
	f.close(t)
	close(f.states)
	n := 0
	for s := range f.states {
		n++
		if s.Degraded != (n%2 == 1) || s.Degraded != (s.Err != nil) || !s.Since.Equal(noon) {
			t.Errorf("state %d is %+v", n, s)
		}
	}
	if n != 2*rounds {
		t.Errorf("%d states, want %d", n, 2*rounds)
	}
}

// The probe is asked before anything is handed over.
func TestProbe(t *testing.T) {
	var mu sync.Mutex
	answer := errors.New("not yet")
	probed := make(chan struct{}, 1)
	f := open(t, spool.Options{Probe: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		select {
		case probed <- struct{}{}:
		default:
		}
		return answer
	}})
	f.store.fail(gatehouse.ErrUnavailable)
	f.append(t, "a")
	asked := f.store.calls.Load()
	f.store.works()
	for range 3 {
		<-probed
	}
	if n := f.store.calls.Load(); n != asked {
		t.Errorf("the store was asked %d times before the probe succeeded", n-asked)
	}
	if st := f.State(); !strings.Contains(fmt.Sprint(st.Err), "not yet") {
		t.Errorf("state: %+v", st)
	}
	mu.Lock()
	answer = nil
	mu.Unlock()
	f.drained(t)
	f.mustKeep(t, "a")
}

// Close does not wait for a store that hangs for longer than it is given, and
// what was waiting for the store is kept in the file.
func TestCloseWhileTheStoreHangs(t *testing.T) {
	f := open(t, spool.Options{Deadline: 100 * time.Millisecond})
	release := f.store.hang()
	defer release()
	done := make(chan error)
	go func() { done <- f.Append(context.Background(), record("a")) }()
	for f.store.calls.Load() == 0 {
		<-time.After(time.Millisecond)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if _, _, err := f.Blocked(t.Context(), netip.MustParseAddr("192.0.2.1"), noon); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("Blocked after Close: %v", err)
	}
	release()
	var again *spool.Spool
	for again == nil { // until the rest of Close has happened
		again, _ = spool.Open(f.path, f.store, f.store, quick(spool.Options{}))
	}
	for again.State().Degraded {
		<-time.After(time.Millisecond)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	f.mustKeep(t, "a")
}

func TestBlocksOfAStoreThatIsDown(t *testing.T) {
	f := open(t, spool.Options{})
	ctx := t.Context()
	if _, err := f.Place(ctx, block("old", "192.0.2.1/32", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.List(ctx, noon); err != nil {
		t.Fatal(err)
	}
	// Another node places one that this one does not hear of.
	if _, err := f.store.Store.Place(ctx, block("unseen", "192.0.2.2/32", time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.store.fail(gatehouse.ErrUnavailable)
	if got, err := f.Place(ctx, block("shorter", "192.0.2.1/32", time.Minute)); err != nil || got.ID != "old" {
		t.Errorf("Place beneath another: %+v, %v", got, err)
	}
	if got, err := f.Place(ctx, block("new", "192.0.2.0/24", time.Hour)); err != nil || got.ID != "new" {
		t.Errorf("Place: %+v, %v", got, err)
	}
	if got, err := f.Lift(ctx, netip.MustParsePrefix("192.0.2.1/32"), noon); err != nil || got.ID != "old" {
		t.Errorf("Lift: %+v, %v", got, err)
	}
	if _, err := f.Lift(ctx, netip.MustParsePrefix("192.0.2.2/32"), noon); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("Lift of what cannot be seen: %v", err)
	}
	if list, err := f.List(ctx, noon); err != nil || len(list) != 1 || list[0].ID != "new" {
		t.Errorf("List: %v, %v", list, err)
	}
	if b, found, err := f.Blocked(ctx, netip.MustParseAddr("192.0.2.1"), noon); !found || b.ID != "new" || err != nil {
		t.Errorf("Blocked: %+v, %v, %v", b, found, err)
	}
	// Meanwhile another node blocks anew what was lifted here.
	later := block("later", "192.0.2.3/32", 2*time.Hour)
	later.Created = noon.Add(time.Minute)
	if _, err := f.Lift(ctx, later.Prefix, noon); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("Lift of nothing: %v", err)
	}
	if _, err := f.store.Store.Place(ctx, later); err != nil {
		t.Fatal(err)
	}
	f.store.works()
	f.drained(t)
	list, err := f.List(ctx, noon)
	if err != nil || len(list) != 2 || list[0].ID != "new" || list[1].ID != "later" {
		t.Errorf("List in the end: %v, %v", list, err)
	}
	durable, _ := f.store.Store.List(ctx, noon)
	if fmt.Sprint(durable) != fmt.Sprint(list) {
		t.Errorf("the store has %v", durable)
	}
}

// A lift finds its block though the clock has stepped back in between.
func TestLiftAfterTheClockSteppedBack(t *testing.T) {
	f := open(t, spool.Options{})
	f.store.fail(gatehouse.ErrUnavailable)
	b := block("1", "192.0.2.1/32", time.Hour)
	if _, err := f.Place(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Lift(t.Context(), b.Prefix, noon.Add(-time.Minute)); err != nil || got.ID != "1" {
		t.Errorf("Lift: %+v, %v", got, err)
	}
	f.store.works()
	f.drained(t)
	if list, err := f.store.Store.List(t.Context(), noon); err != nil || len(list) != 0 {
		t.Errorf("the store has %v, %v", list, err)
	}
}

// Blocks that 64 clients place and lift while the store flaps are in the end as
// each client left its own.
func TestBlocksWhileTheStoreFlaps(t *testing.T) {
	dir := t.TempDir()
	f := openOn(t, filepath.Join(dir, "spool"), openStore(t, filepath.Join(dir, "gatehouse.db")), spool.Options{})
	stop := f.store.flap()
	var wg sync.WaitGroup
	for c := range 64 {
		wg.Go(func() {
			p := fmt.Sprintf("198.51.100.%d/32", c)
			for i := range 10 {
				id := fmt.Sprint(c, "/", i)
				if got, err := f.Place(t.Context(), block(id, p, time.Hour)); err != nil || got.ID != id {
					t.Errorf("Place of %s: %+v, %v", id, got, err)
				}
				if _, err := f.List(t.Context(), noon); err != nil && !errors.Is(err, gatehouse.ErrUnavailable) {
					t.Errorf("List: %v", err)
				}
				if i == 9 && c%2 == 0 {
					return
				}
				if got, err := f.Lift(t.Context(), netip.MustParsePrefix(p), noon); err != nil || got.ID != id {
					t.Errorf("Lift of %s: %+v, %v", id, got, err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	f.drained(t)
	list, err := f.store.Store.List(t.Context(), noon)
	if err != nil || len(list) != 32 {
		t.Errorf("%d blocks, want 32; %v", len(list), err)
	}
	for _, b := range list {
		if !strings.HasSuffix(b.ID, "/9") {
			t.Errorf("%+v was lifted", b)
		}
	}
}

// A block that another node has placed, and that this one has listed, is listed as
// well once the store is down: whoever compares lists would take it for lifted
// otherwise. Changes under way at the time are no hindrance.
func TestListedOnceIsListedWhileDown(t *testing.T) {
	f := open(t, quick(spool.Options{}))
	begun, release := make(chan struct{}, 2), make(chan struct{})
	f.store.refuse = func(string) error {
		begun <- struct{}{}
		<-release
		return nil
	}
	ids := func() (ids []string) {
		t.Helper()
		list, err := f.List(t.Context(), noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			ids = append(ids, b.ID)
		}
		return ids
	}
	ids()
	if _, err := f.store.Store.Place(t.Context(), block("elsewhere", "192.0.2.1/32", time.Hour)); err != nil {
		t.Fatal(err)
	}
	placed := make(chan error, 1)
	go func() {
		_, err := f.Place(t.Context(), block("slow", "192.0.2.2/32", time.Hour))
		placed <- err
	}()
	<-begun
	if got := ids(); !slices.Equal(got, []string{"elsewhere"}) {
		t.Fatalf("listed %v", got)
	}
	close(release)
	if err := <-placed; err != nil {
		t.Fatal(err)
	}
	f.store.fail(gatehouse.ErrUnavailable)
	if got := ids(); !slices.Equal(got, []string{"elsewhere", "slow"}) {
		t.Errorf("while the store is down: %v", got)
	}
}
