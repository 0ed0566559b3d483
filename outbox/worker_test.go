package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// target is a channel whose answers a test gives.
type target struct {
	mu     sync.Mutex
	answer func(ctx context.Context, m notify.Message, n int) error // n: the attempt, from 1
	at     map[string][]time.Time
}

func (n *target) Send(ctx context.Context, m notify.Message) error {
	n.mu.Lock()
	if n.at == nil {
		n.at = map[string][]time.Time{}
	}
	n.at[m.Key] = append(n.at[m.Key], time.Now())
	count := len(n.at[m.Key])
	n.mu.Unlock()
	if n.answer == nil {
		return nil
	}
	return n.answer(ctx, m, count)
}

// attempts returns when there was one, counted from the first.
func (n *target) attempts(key string) (after []time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range n.at[key] {
		after = append(after, at.Sub(n.at[key][0]))
	}
	return after
}

// rig is a worker on a real store, within a bubble of synctest.
type rig struct {
	t     *testing.T
	store *sql.Store
	stop  func()
}

func newRig(t *testing.T, path string) *rig {
	t.Helper()
	s, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, store: s}
}

func (r *rig) run(o outbox.Options) {
	r.t.Helper()
	o.Store, o.Holder = r.store, "n1"
	w, err := outbox.NewWorker(o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	r.stop = func() { cancel(); <-done }
}

func (r *rig) enqueue(channel string, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		err := r.store.Enqueue(context.Background(), outbox.Delivery{
			ID: id, Channel: channel, Created: time.Now(), Message: notify.Message{Kind: notify.Opened, Key: id, Title: "x"},
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) state(id string) outbox.Delivery {
	r.t.Helper()
	list, err := r.store.Deliveries(context.Background(), outbox.Filter{ID: id})
	if err != nil || len(list) != 1 {
		r.t.Fatalf("delivery %s: %v, %v", id, list, err)
	}
	return list[0]
}

// in runs a test with a worker in a bubble, where time passes at once.
func in(t *testing.T, test func(t *testing.T, r *rig)) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, path)
		test(t, r)
		if r.stop != nil {
			r.stop()
		}
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

var errDown = errors.New("answered 500 Internal Server Error")

// The time between attempts doubles, within bounds and with jitter, until the
// message arrives.
func TestRetries(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		n := &target{answer: func(_ context.Context, _ notify.Message, n int) error {
			if n <= 12 {
				return errDown
			}
			return nil
		}}
		var outcomes []bool
		r.run(outbox.Options{Channels: map[string]notify.Notifier{"ops": n}, OnAttempt: func(a outbox.Attempt) {
			outcomes = append(outcomes, a.Err == nil)
		}})
		r.enqueue("ops", "d1")
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		after := n.attempts("d1")
		if len(after) != 13 || r.state("d1").State != outbox.Sent || !outcomes[12] || slices.Contains(outcomes[:12], true) {
			t.Fatalf("attempts %v, outcomes %v, then %+v", after, outcomes, r.state("d1"))
		}
		full := time.Second
		for i := 1; i < len(after); i++ {
			pause := after[i] - after[i-1]
			if pause < full/2 || pause > full+2*time.Second { // the worker looks every second
				t.Errorf("pause %d: %v, want from %v to %v", i, pause, full/2, full)
			}
			full = min(2*full, 15*time.Minute)
		}
	})
}

// A receiver that asks for time gets it.
func TestRetryAfter(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		n := &target{answer: func(_ context.Context, _ notify.Message, n int) error {
			if n == 1 {
				return notify.Delayed(errDown, time.Hour)
			}
			return nil
		}}
		r.run(outbox.Options{Channels: map[string]notify.Notifier{"ops": n}})
		r.enqueue("ops", "d1")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if after := n.attempts("d1"); len(after) != 2 || after[1] < time.Hour || after[1] > time.Hour+2*time.Second {
			t.Errorf("attempts %v", after)
		}
	})
}

// What nobody takes is given up after a day, what is refused for good at once;
// both can be requeued.
func TestGivesUp(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		down := true
		n := &target{answer: func(_ context.Context, m notify.Message, _ int) error {
			switch {
			case !down:
				return nil
			case m.Key == "refused":
				return notify.Permanent(errors.New("no such user"))
			}
			return errDown
		}}
		dead := 0
		r.run(outbox.Options{Poll: 10 * time.Second, Channels: map[string]notify.Notifier{"ops": n}, OnAttempt: func(a outbox.Attempt) {
			if a.Dead {
				dead++
			}
		}})
		r.enqueue("ops", "refused", "down")
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if d := r.state("refused"); d.State != outbox.Dead || d.LastError != "no such user" || len(n.attempts("refused")) != 1 {
			t.Errorf("refused: %+v", d)
		}
		time.Sleep(24*time.Hour + 20*time.Second)
		synctest.Wait()
		after := n.attempts("down")
		if d := r.state("down"); d.State != outbox.Dead || d.LastError != errDown.Error() || dead != 2 {
			t.Errorf("after a day: %+v", d)
		}
		// The first came within a poll of the day's beginning.
		if last := after[len(after)-1]; last < 24*time.Hour-10*time.Second || last > 24*time.Hour+20*time.Second {
			t.Errorf("the last attempt came after %v", last)
		}
		down = false
		if err := r.store.Requeue(context.Background(), "down", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if d := r.state("down"); d.State != outbox.Sent {
			t.Errorf("requeued: %+v", d)
		}
	})
}

// A channel that hangs holds up no other, and not for ever itself.
func TestChannelHangs(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		parallel, most := 0, 0
		hung := &target{answer: func(ctx context.Context, _ notify.Message, _ int) error {
			mu.Lock()
			parallel++
			most = max(most, parallel)
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			parallel--
			mu.Unlock()
			return ctx.Err()
		}}
		good := &target{}
		r.run(outbox.Options{Channels: map[string]notify.Notifier{"hung": hung, "good": good}, Timeout: 30 * time.Second})
		for i := range 20 {
			r.enqueue("hung", fmt.Sprint("h", i))
		}
		for i := range 20 {
			r.enqueue("good", fmt.Sprint("g", i))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for i := range 20 {
			if d := r.state(fmt.Sprint("g", i)); d.State != outbox.Sent {
				t.Errorf("%s waits for the other channel: %+v", d.ID, d)
			}
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if most != 4 {
			t.Errorf("%d attempts at the same time", most)
		}
		for i := range 20 {
			if len(hung.attempts(fmt.Sprint("h", i))) == 0 {
				t.Errorf("h%d had no turn", i)
			}
		}
		if d := r.state("h0"); d.State != outbox.Pending || d.LastError == "" {
			t.Errorf("the one that hung: %+v", d)
		}
	})
}

// A notifier that panics is one that failed.
func TestChannelPanics(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		n := &target{answer: func(_ context.Context, _ notify.Message, n int) error {
			if n == 1 {
				panic("oh")
			}
			return nil
		}}
		r.run(outbox.Options{Channels: map[string]notify.Notifier{"ops": n}})
		r.enqueue("ops", "d1")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if d := r.state("d1"); d.State != outbox.Sent {
			t.Errorf("%+v", d)
		}
	})
}

// What is under way at the end is cut short, and taken up at once after the next
// start; the end waits for nobody.
func TestEndsAtOnce(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		n := &target{answer: func(ctx context.Context, _ notify.Message, n int) error {
			if n == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		channels := map[string]notify.Notifier{"ops": n}
		r.run(outbox.Options{Channels: channels})
		r.enqueue("ops", "d1")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > 0 {
			t.Errorf("the end took %v", took)
		}
		if d := r.state("d1"); d.State != outbox.Pending || d.Due.After(time.Now()) {
			t.Errorf("left behind: %+v", d)
		}
		r.run(outbox.Options{Channels: channels})
		time.Sleep(time.Second)
		synctest.Wait()
		if d := r.state("d1"); d.State != outbox.Sent {
			t.Errorf("taken up: %+v", d)
		}
	})
}

// What was sent is forgotten when its time has come, and what no channel takes is
// given up.
func TestTidies(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.run(outbox.Options{Poll: time.Minute, Keep: 36 * time.Hour, Channels: map[string]notify.Notifier{"ops": &target{}}})
		r.enqueue("ops", "d1")
		r.enqueue("gone", "d2")
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if d := r.state("d2"); d.State != outbox.Dead || d.LastError == "" {
			t.Errorf("for a channel that is not there: %+v", d)
		}
		if d := r.state("d1"); d.State != outbox.Sent {
			t.Errorf("sent: %+v", d)
		}
		time.Sleep(13 * time.Hour)
		synctest.Wait()
		list, err := r.store.Deliveries(context.Background(), outbox.Filter{})
		if err != nil || slices.ContainsFunc(list, func(d outbox.Delivery) bool { return d.ID == "d1" }) {
			t.Errorf("a day and a half later: %+v, %v", list, err)
		}
	})
}
