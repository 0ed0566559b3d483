package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// Outbox runs the suite of the outbox: what is enqueued is claimed by one worker
// at a time until it is marked, and forgotten no sooner than asked for. open
// returns an empty store. Times are compared to the microsecond.
func Outbox(t *testing.T, open func(t *testing.T) outbox.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s outbox.Store)
	}{
		{"a delivery comes back whole", outboxWhole},
		{"what is known is left as it is", outboxKnown},
		{"all or none is enqueued", outboxAll},
		{"what is due first comes first", outboxOrder},
		{"a lease ends", outboxLease},
		{"a delivery is marked by who claimed it last", outboxMarks},
		{"a node gives back what it held", outboxRelease},
		{"a dead delivery is requeued", outboxRequeue},
		{"what is chosen is listed", outboxList},
		{"what is over is removed", outboxPrune},
		{"of parallel claims each delivery goes to one", outboxParallel},
		{"a context that has ended changes nothing", outboxCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func delivery(id string, second int) outbox.Delivery {
	return outbox.Delivery{
		ID: id, Channel: "ops", Created: noon.Add(time.Duration(second) * time.Second),
		Message: notify.Message{Kind: notify.Opened, Key: id, Title: "Somebody is guessing", Time: noon},
	}
}

func enqueue(t testing.TB, s outbox.Store, list ...outbox.Delivery) {
	t.Helper()
	if err := s.Enqueue(t.Context(), list...); err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
}

func claim(t testing.TB, s outbox.Store, holder string, second, limit int) []outbox.Delivery {
	t.Helper()
	list, err := s.Claim(t.Context(), outbox.Claim{
		Holder: holder, Channel: "ops", At: noon.Add(time.Duration(second) * time.Second), Lease: time.Minute, Limit: limit,
	})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return list
}

func deliveries(t testing.TB, s outbox.Store, f outbox.Filter) []outbox.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), f)
	if err != nil {
		t.Fatalf("Deliveries: %v", err)
	}
	return list
}

func ids(list []outbox.Delivery) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

func outboxWhole(t *testing.T, s outbox.Store) {
	d := delivery("d1", 0)
	d.Due = noon.Add(1234567 * time.Microsecond)
	d.Message = notify.Message{
		Kind: notify.Notice, Key: "key", Thread: "thread", Event: gatehouse.LoginSucceeded, To: "ada@example.com",
		Subject: "subject", Title: "title ' \" \\", Severity: gatehouse.High, Text: "a\nb", Time: noon,
		Facts: []notify.Fact{{Name: "Address", Value: "192.0.2.7"}},
		Links: []notify.Link{{Label: "This was not me", URL: "https://login.example.com/x?y=z"}},
	}
	enqueue(t, s, d)
	want := d
	want.State, want.Since = outbox.Pending, d.Created
	if got := deliveries(t, s, outbox.Filter{}); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("listed %+v\nwant %+v", got, want)
	}
	want.Attempts, want.Claim, want.Due = 1, 1, noon.Add(2*time.Second+time.Minute)
	if got := claim(t, s, "n1", 2, 10); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("claimed %+v\nwant %+v", got, want)
	}
}

func outboxKnown(t *testing.T, s outbox.Store) {
	enqueue(t, s, delivery("d1", 0))
	got := claim(t, s, "n1", 0, 1)
	if err := s.Sent(t.Context(), "d1", noon); err != nil {
		t.Fatal(err)
	}
	enqueue(t, s, delivery("d1", 1), delivery("d1", 2), delivery("d2", 1))
	if again := claim(t, s, "n1", 10, 10); len(got) != 1 || !slices.Equal(ids(again), []string{"d2"}) {
		t.Errorf("claimed %v, and then %v", ids(got), ids(again))
	}
}

func outboxAll(t *testing.T, s outbox.Store) {
	for name, broken := range map[string]func(*outbox.Delivery){
		"no ID":      func(d *outbox.Delivery) { d.ID = "" },
		"no channel": func(d *outbox.Delivery) { d.Channel = "" },
		"no key":     func(d *outbox.Delivery) { d.Message.Key = "" },
		"no time":    func(d *outbox.Delivery) { d.Created = time.Time{} },
	} {
		d := delivery("broken", 0)
		broken(&d)
		if err := s.Enqueue(t.Context(), delivery("d1", 0), d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := s.Enqueue(t.Context()); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if got := deliveries(t, s, outbox.Filter{}); len(got) != 0 {
		t.Errorf("enqueued %v", ids(got))
	}
}

func outboxOrder(t *testing.T, s outbox.Store) {
	other := delivery("other", 0)
	other.Channel = "other"
	late := delivery("late", 0)
	late.Due = noon.Add(time.Hour)
	enqueue(t, s, delivery("b", 2), delivery("c", 3), delivery("a", 1), other, late)
	if got := claim(t, s, "n1", 0, 10); len(got) != 0 {
		t.Errorf("claimed %v before it is due", ids(got))
	}
	if got := claim(t, s, "n1", 3, 2); !slices.Equal(ids(got), []string{"a", "b"}) {
		t.Errorf("claimed %v", ids(got))
	}
	if got := claim(t, s, "n1", 3, 0); len(got) != 0 {
		t.Errorf("claimed %v of none", ids(got))
	}
	if got := claim(t, s, "n1", 3, 10); !slices.Equal(ids(got), []string{"c"}) {
		t.Errorf("claimed %v", ids(got))
	}
}

func outboxLease(t *testing.T, s outbox.Store) {
	enqueue(t, s, delivery("d1", 0))
	first := claim(t, s, "n1", 0, 1)
	if got := claim(t, s, "n2", 59, 1); len(first) != 1 || len(got) != 0 {
		t.Errorf("claimed %v, and %v within the lease", ids(first), ids(got))
	}
	got := claim(t, s, "n2", 60, 1)
	if len(got) != 1 || got[0].Attempts != 2 || got[0].Claim <= first[0].Claim {
		t.Errorf("after the lease: %+v", got)
	}
}

func outboxMarks(t *testing.T, s outbox.Store) {
	ctx := t.Context()
	enqueue(t, s, delivery("d1", 0), delivery("d2", 0))
	old := claim(t, s, "n1", 0, 1)[0].Claim
	now := claim(t, s, "n2", 120, 2)[1] // due since its lease ended, and d2 before
	if err := s.Retry(ctx, "d1", old, noon, "late"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("an older claim retries: %v", err)
	}
	if err := s.Bury(ctx, "d1", old, noon, "late"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("an older claim buries: %v", err)
	}
	if err := s.Retry(ctx, "d1", now.Claim, noon.Add(5*time.Minute), "answered 500\x1b"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, "n1", 299, 2); slices.Contains(ids(got), "d1") {
		t.Error("claimed before the next attempt is due")
	}
	got := claim(t, s, "n1", 300, 1)
	if len(got) != 1 || got[0].ID != "d1" || got[0].LastError != "answered 500\ufffd" || got[0].Attempts != 3 {
		t.Fatalf("the next attempt: %+v", got)
	}
	// Whoever has delivered it has delivered it.
	if err := s.Sent(ctx, "d1", noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Sent(ctx, "d1", noon.Add(2*time.Hour)); err != nil {
		t.Errorf("sent twice: %v", err)
	}
	if err := s.Retry(ctx, "d1", got[0].Claim, noon, "late"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("retry of what is sent: %v", err)
	}
	if err := s.Sent(ctx, "none", noon); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("sent what is unknown: %v", err)
	}
	sent := deliveries(t, s, outbox.Filter{ID: "d1"})
	if len(sent) != 1 || sent[0].State != outbox.Sent || !reflect.DeepEqual(sent[0].Message, notify.Message{}) || !sent[0].Due.Equal(noon.Add(time.Hour)) {
		t.Errorf("what was sent: %+v", sent)
	}
}

func outboxRelease(t *testing.T, s outbox.Store) {
	enqueue(t, s, delivery("a", 0), delivery("b", 0), delivery("c", 0))
	mine := claim(t, s, "n1", 0, 2)
	claim(t, s, "n2", 0, 1)
	if err := s.Retry(t.Context(), mine[1].ID, mine[1].Claim, noon.Add(time.Hour), "later"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Release(t.Context(), "n1", noon.Add(time.Second)); n != 1 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if got := claim(t, s, "n1", 1, 3); !slices.Equal(ids(got), []string{mine[0].ID}) {
		t.Errorf("claimed %v", ids(got))
	}
	if n, err := s.Release(t.Context(), "", noon); n != 0 || err != nil {
		t.Errorf("nobody released %d, %v", n, err)
	}
}

func outboxRequeue(t *testing.T, s outbox.Store) {
	ctx := t.Context()
	enqueue(t, s, delivery("d1", 0))
	c := claim(t, s, "n1", 0, 1)[0]
	if err := s.Requeue(ctx, "d1", noon); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("what is pending: %v", err)
	}
	if err := s.Bury(ctx, "d1", c.Claim, noon.Add(time.Minute), "no such user"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, "n1", 3600, 1); len(got) != 0 {
		t.Errorf("claimed what is dead: %v", ids(got))
	}
	dead := deliveries(t, s, outbox.Filter{States: []outbox.State{outbox.Dead}})
	if len(dead) != 1 || dead[0].LastError != "no such user" || dead[0].Message.Key != "d1" {
		t.Errorf("dead: %+v", dead)
	}
	if err := s.Requeue(ctx, "d1", noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got := claim(t, s, "n1", 3600, 1)
	if len(got) != 1 || got[0].Attempts != 1 || got[0].Claim <= c.Claim || !got[0].Since.Equal(noon.Add(time.Hour)) || !got[0].Created.Equal(noon) {
		t.Errorf("requeued: %+v", got)
	}
}

func outboxList(t *testing.T, s outbox.Store) {
	other := delivery("other", 3)
	other.Channel = "other"
	enqueue(t, s, delivery("a", 1), delivery("b", 2), other)
	for i, c := range []struct {
		f    outbox.Filter
		want []string
	}{
		{outbox.Filter{}, []string{"a", "b", "other"}},
		{outbox.Filter{Limit: 2}, []string{"a", "b"}},
		{outbox.Filter{Channel: "other"}, []string{"other"}},
		{outbox.Filter{ID: "b"}, []string{"b"}},
		{outbox.Filter{States: []outbox.State{outbox.Sent, outbox.Dead}}, nil},
		{outbox.Filter{States: []outbox.State{outbox.Pending, outbox.Dead}, Since: noon.Add(2 * time.Second)}, []string{"b", "other"}},
	} {
		if got := ids(deliveries(t, s, c.f)); !slices.Equal(got, c.want) {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

func outboxPrune(t *testing.T, s outbox.Store) {
	ctx := t.Context()
	for i := range 5 {
		enqueue(t, s, delivery(fmt.Sprint("d", i), i))
	}
	for i, d := range claim(t, s, "n1", 10, 4) {
		at := noon.Add(time.Duration(i) * time.Hour)
		err := s.Sent(ctx, d.ID, at)
		if i == 1 {
			d = delivery("dead", i)
			enqueue(t, s, d)
			err = errors.Join(err, s.Bury(ctx, d.ID, 0, at, "refused"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.PruneDeliveries(ctx, noon.Add(3*time.Hour), 2); n != 2 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if n, err := s.PruneDeliveries(ctx, noon.Add(3*time.Hour), 10); n != 2 || err != nil {
		t.Errorf("removed %d more, %v", n, err)
	}
	if got := ids(deliveries(t, s, outbox.Filter{})); !slices.Equal(got, []string{"d3", "d4"}) {
		t.Errorf("left are %v", got)
	}
}

func outboxParallel(t *testing.T, s outbox.Store) {
	const n = 100
	var list []outbox.Delivery
	for i := range n {
		list = append(list, delivery(fmt.Sprint("d", i), 0))
	}
	enqueue(t, s, list...)
	var mu sync.Mutex
	seen := map[string]int{}
	var workers sync.WaitGroup
	for w := range 16 {
		workers.Go(func() {
			for {
				got, err := s.Claim(t.Context(), outbox.Claim{Holder: fmt.Sprint(w), Channel: "ops", At: noon, Lease: time.Minute, Limit: 3})
				if err != nil {
					t.Errorf("Claim: %v", err)
					return
				}
				mu.Lock()
				for _, d := range got {
					seen[d.ID]++
				}
				done := len(seen) == n
				mu.Unlock()
				if done || len(got) == 0 {
					return
				}
			}
		})
	}
	workers.Wait()
	rest := claim(t, s, "rest", 0, n) // of two that meet, one may leave empty-handed
	for _, d := range rest {
		seen[d.ID]++
	}
	if len(seen) != n {
		t.Errorf("%d of %d were claimed", len(seen), n)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s was claimed %d times", id, times)
		}
	}
}

func outboxCancelled(t *testing.T, s outbox.Store) {
	enqueue(t, s, delivery("d1", 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Enqueue(ctx, delivery("d2", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Enqueue: %v", err)
	}
	if _, err := s.Claim(ctx, outbox.Claim{Channel: "ops", At: noon, Lease: time.Minute, Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim: %v", err)
	}
	if err := s.Sent(ctx, "d1", noon); !errors.Is(err, context.Canceled) {
		t.Errorf("Sent: %v", err)
	}
	if got := deliveries(t, s, outbox.Filter{}); len(got) != 1 || got[0].State != outbox.Pending || got[0].Claim != 0 {
		t.Errorf("left is %+v", got)
	}
}
