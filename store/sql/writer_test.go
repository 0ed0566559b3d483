package sql

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

func openTest(t *testing.T, o Options) *Store {
	return openPath(t, filepath.Join(t.TempDir(), "gatehouse.db"), o)
}

func openPath(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := OpenSQLite(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func testRecord(id string) gatehouse.Record {
	return gatehouse.Record{ID: id, Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: time.Unix(1_772_000_000, 0)}}
}

func kept(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for r, err := range s.Query(context.Background(), gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids[r.ID] = true
	}
	return ids
}

// stall occupies the writer until the function it returns is called, so that
// what is asked for meanwhile shares the next transaction.
func stall(t *testing.T, s *Store) (release func()) {
	t.Helper()
	begun, released, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := change(context.Background(), s, lockNothing, func(context.Context, *handle) (int, error) {
			close(begun)
			<-released
			return 0, nil
		})
		done <- err
	}()
	<-begun
	return func() {
		t.Helper()
		close(released)
		if err := <-done; err != nil {
			t.Errorf("the stalled transaction: %v", err)
		}
	}
}

// queued waits until n writes are waiting.
func queued(s *Store, n int) {
	for len(s.writer.queue) < n {
		runtime.Gosched()
	}
}

type op = func(context.Context, *handle) error

func put(id string) op {
	return func(ctx context.Context, h *handle) error {
		r, err := toRow(testRecord(id))
		if err != nil {
			return err
		}
		_, err = h.exec(ctx, insertText, append(r[:], "an operation", 0, []byte{})...)
		return err
	}
}

// together runs operations and one Append within one transaction and returns
// their errors; that of Append comes last.
func together(t *testing.T, s *Store, ops ...op) []error {
	t.Helper()
	errs := make([]error, len(ops)+1)
	release := stall(t, s)
	var wg sync.WaitGroup
	for i, run := range ops {
		wg.Go(func() {
			_, errs[i] = change(context.Background(), s, lockNothing, func(ctx context.Context, h *handle) (int, error) { return 0, run(ctx, h) })
		})
		queued(s, i+1)
	}
	wg.Go(func() { errs[len(ops)] = s.Append(context.Background(), testRecord("appended")) })
	queued(s, len(ops)+1)
	release()
	wg.Wait()
	return errs
}

func TestFailedOperationLeavesItsNeighboursAlone(t *testing.T) {
	refused := errors.New("refused")
	for name, fails := range map[string]op{
		"error":         func(context.Context, *handle) error { return refused },
		"panic":         func(context.Context, *handle) error { panic("broken") },
		"bad statement": func(ctx context.Context, h *handle) error { _, err := h.exec(ctx, "SELECT nonsense"); return err },
		"violated key":  func(ctx context.Context, h *handle) error { return addToken(ctx, h, [32]byte{}, "none", time.Now()) },
		"violated again": func(ctx context.Context, h *handle) error {
			_, err := h.exec(ctx, "INSERT INTO users (id) VALUES (NULL)")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{})
			errs := together(t, s, put("before"), func(ctx context.Context, h *handle) error {
				if err := put("undone")(ctx, h); err != nil {
					return err
				}
				return fails(ctx, h)
			}, put("after"))
			if errs[0] != nil || errs[2] != nil || errs[3] != nil {
				t.Errorf("neighbours failed: %v", errs)
			}
			if errs[1] == nil || name == "error" && !errors.Is(errs[1], refused) || name != "error" && !errors.Is(errs[1], gatehouse.ErrUnavailable) {
				t.Errorf("got %v", errs[1])
			}
			got := kept(t, s)
			if !got["before"] || !got["after"] || !got["appended"] || got["undone"] {
				t.Errorf("kept %v", got)
			}
			if err := s.Append(t.Context(), testRecord("later")); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func TestFailedCommitIsEverybodys(t *testing.T) {
	for name, c := range map[string]struct {
		spoil, says string
	}{
		// Foreign keys that are checked at the end fail the COMMIT itself.
		"commit": {"PRAGMA defer_foreign_keys = ON; INSERT INTO refresh_tokens (hash, session_id, expires) VALUES (x'00', 'none', 0)", "FOREIGN KEY"},
		// A transaction that is over in the middle, as when the disk is full.
		"over":  {"ROLLBACK", "no transaction is active"},
		"begun": {"ROLLBACK; SELECT nonsense", "nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{})
			errs := together(t, s, put("before"), func(ctx context.Context, h *handle) error {
				for _, text := range strings.Split(c.spoil, "; ") {
					if _, err := h.exec(ctx, text); err != nil {
						return err
					}
				}
				return nil
			})
			for i, err := range errs {
				if !errors.Is(err, gatehouse.ErrUnavailable) {
					t.Errorf("waiter %d got %v", i, err)
				}
			}
			if got := kept(t, s); len(got) != 0 {
				t.Errorf("kept %v", got)
			}
			if err := s.Append(t.Context(), testRecord("later")); err != nil || !kept(t, s)["later"] {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

// A full disk, as SQLite sees it: the file may not grow.
func TestFullDisk(t *testing.T) {
	s := openTest(t, Options{})
	limit := func(pages string) {
		t.Helper()
		if _, err := change(t.Context(), s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
			return 1, pragma(ctx, h, "PRAGMA max_page_count = "+pages)
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("40")
	acknowledged := map[string]bool{}
	var failure error
	for i := 0; failure == nil && i < 10_000; i++ {
		id := fmt.Sprintf("r%d", i)
		if failure = s.Append(t.Context(), testRecord(id)); failure == nil {
			acknowledged[id] = true
		}
	}
	if !errors.Is(failure, gatehouse.ErrUnavailable) || !strings.Contains(failure.Error(), "full") {
		t.Fatalf("on a full disk: %v", failure)
	}
	// The writer has opened another connection, which knows no limit: space
	// has been made.
	if err := s.Append(t.Context(), testRecord("later")); err != nil {
		t.Errorf("when there is space again: %v", err)
	}
	acknowledged["later"] = true
	got := kept(t, s)
	for id := range acknowledged {
		if !got[id] {
			t.Errorf("%s was acknowledged and is missing", id)
		}
	}
	if len(got) != len(acknowledged) {
		t.Errorf("%d kept, %d acknowledged", len(got), len(acknowledged))
	}
}

func pragma(ctx context.Context, h *handle, text string) error {
	_, err := one(ctx, h, func(read scan) (n int, err error) { return n, read(&n) }, text)
	return err
}

func TestContextThatEndsInTheQueueWithdraws(t *testing.T) {
	s := openTest(t, Options{})
	release := stall(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- s.Append(ctx, testRecord("withdrawn")) }()
	queued(s, 1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	release()
	if err := s.Append(t.Context(), testRecord("next")); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s); got["withdrawn"] || !got["next"] {
		t.Errorf("kept %v", got)
	}
}

func TestContextThatEndsAfterTheWriteBegan(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openPath(t, path, Options{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := s.Append(ctx, testRecord("late")); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("a deadline in the past: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	released, failure := make(chan struct{}), make(chan error)
	go func() {
		_, err := change(ctx, s, lockNothing, func(_ context.Context, h *handle) (int, error) {
			cancel()
			<-released
			return 0, put("kept all the same")(context.Background(), h)
		})
		failure <- err
	}()
	err := <-failure
	close(released)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may be kept") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !kept(t, openPath(t, path, Options{}))["kept all the same"] {
		t.Error("the write that had begun is missing")
	}
}

func TestFullQueueHonoursTheContext(t *testing.T) {
	s := openTest(t, Options{Queue: 2})
	release := stall(t, s)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if err := s.Append(context.Background(), testRecord(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	queued(s, 2)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := s.Append(ctx, testRecord("no room")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	wg.Wait()
	if got := kept(t, s); len(got) != 2 {
		t.Errorf("kept %v", got)
	}
}

func TestCloseWaitsForWhatIsInFlight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openPath(t, path, Options{})
	release := stall(t, s)
	const n = 20
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- s.Append(context.Background(), testRecord(fmt.Sprint(i))) }()
	}
	queued(s, n)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for { // until Close has begun
		if err := s.enter(); err != nil {
			break
		}
		s.leave()
	}
	select {
	case <-closed:
		t.Error("Close has not waited")
	default:
	}
	release()
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Append(t.Context(), testRecord("late")); !errors.Is(err, ErrClosed) || !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Append after Close: %v", err)
	}
	for _, err := range s.Query(t.Context(), gatehouse.Query{}) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Query after Close: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if got := kept(t, openPath(t, path, Options{})); len(got) != n {
		t.Errorf("kept %v", got)
	}
}

// A call that has begun, but not yet reached the queue, is served too.
func TestCloseWaitsForWhoHasEntered(t *testing.T) {
	s := openTest(t, Options{})
	if err := s.enter(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for s.enter() == nil { // until Close has begun
		s.leave()
	}
	for i := range 50 {
		r, err := newAddition(testRecord(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.writer.do(t.Context(), &write{rows: []addition{r}}); err != nil {
			t.Fatal(err)
		}
	}
	s.leave()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
