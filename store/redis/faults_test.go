package redis_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"go.uber.org/goleak"
)

var five = gatehouse.Limit{Threshold: 5, Window: time.Minute}

// noLeaks checks that no goroutine that is started from now on is left when the
// test has cleaned up what it opens after this call.
func noLeaks(t *testing.T) {
	known := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		// In a Cluster rueidis leaves goroutines that sleep before their last
		// work, one for 5 s.
		const patience = 10 * time.Second
		start := time.Now()
		err := goleak.Find(known)
		for err != nil && time.Since(start) < patience {
			err = goleak.Find(known)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func hitOne(w gatehouse.Windows, key gatehouse.Key) (gatehouse.Tally, error) {
	hits := []gatehouse.Hit{{Key: key, Limit: five}}
	err := w.Hit(context.Background(), time.Now(), hits)
	return hits[0].Tally, err
}

// wantDeadlines calls from 64 goroutines for a while. Each call has to end in
// time, and its error has to be the right one.
func wantDeadlines(t *testing.T, w gatehouse.Windows, timeout time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	stalled := stalls(t)
	begin := time.Now()
	for range 64 {
		wg.Go(func() {
			for n := 0; time.Since(begin) < 2500*time.Millisecond; n++ {
				start := time.Now()
				var err error
				if n%2 == 0 {
					_, err = hitOne(w, randomKeys(1)[0])
				} else {
					_, _, err = w.Reserve(context.Background(), start, randomKeys(1)[0], five, 0)
				}
				d := time.Since(start)
				if err != nil && !errors.Is(err, gatehouse.ErrUnavailable) {
					t.Errorf("the error is not ErrUnavailable: %v", err)
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				if d < time.Millisecond {
					<-time.After(time.Millisecond) // as much as 64,000 calls a second
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	most, p99 := took[len(took)-1], took[len(took)*99/100]
	stall := stalled()
	t.Logf("%d calls: p50 %v, p99 %v, most %v; stalled for %v", len(took), took[len(took)/2], p99, most, stall)
	// A failed Reserve tries once to give back what it may hold, and a call that
	// was under way when the fault began may wait for another to dial.
	if p99 > 2*timeout+100*time.Millisecond+stall || most > 3*timeout+100*time.Millisecond+stall {
		t.Errorf("the timeout is %v; p99 took %v and one call %v", timeout, p99, most)
	}
}

// stalls returns a function that says by how much, at most, this process was
// woken too late since.
func stalls(t *testing.T) func() time.Duration {
	ctx, cancel := context.WithCancel(t.Context())
	most := make(chan time.Duration)
	go func() {
		const tick = 2 * time.Millisecond
		var worst time.Duration
		for {
			start := time.Now()
			select {
			case <-time.After(tick):
				worst = max(worst, time.Since(start)-tick)
			case <-ctx.Done():
				most <- worst
				return
			}
		}
	}()
	return func() time.Duration { cancel(); return <-most }
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	const timeout = 100 * time.Millisecond
	for name, fault := range map[string]func(p *testserver.FaultProxy){
		"slow":      func(p *testserver.FaultProxy) { p.Latency(500 * time.Millisecond) },
		"blackhole": (*testserver.FaultProxy).Blackhole,
		"reset":     (*testserver.FaultProxy).Reset,
		"down":      (*testserver.FaultProxy).Down,
	} {
		t.Run(name, func(t *testing.T) {
			server := testserver.Redis(t)
			proxy := testserver.Proxy(t, server.Addr)
			noLeaks(t)
			t.Cleanup(proxy.Down)
			w := redis.NewWindows(openClient(t, "redis://"+proxy.Addr, redis.Options{Timeout: timeout}), redis.WindowsOptions{})
			key := randomKeys(1)[0]
			until(t, func() bool { _, err := hitOne(w, key); return err == nil })
			fault(proxy)
			wantDeadlines(t, w, timeout)
			proxy.Heal()
			start := time.Now()
			until(t, func() bool { _, err := hitOne(w, key); return err == nil })
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v to recover", d)
			}
		})
	}
}

func TestKilledServerComesBackEmpty(t *testing.T) {
	server := testserver.Redis(t)
	w := redis.NewWindows(openClient(t, server.URL, redis.Options{}), redis.WindowsOptions{})
	key := randomKeys(1)[0]
	for range 3 {
		if _, err := hitOne(w, key); err != nil {
			t.Fatal(err)
		}
	}
	server.Kill()
	start := time.Now()
	if _, err := hitOne(w, key); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("without a server: %v", err)
	}
	if d := time.Since(start); d > patient {
		t.Fatalf("it took %v to fail", d)
	}
	server.Start()
	var got gatehouse.Tally
	until(t, func() (ok bool) {
		var err error
		got, err = hitOne(w, key)
		return err == nil
	})
	if got.Count != 1 {
		t.Fatalf("the first after an empty restart is number %d", got.Count)
	}
}

// A client can be opened before there is a server.
func TestServerThatStartsLater(t *testing.T) {
	server := testserver.Redis(t)
	server.Kill()
	noLeaks(t)
	c, err := redis.Open(server.URL, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Time(context.Background()); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("without a server: %v", err)
	}
	server.Start()
	until(t, func() bool {
		at, err := c.Time(context.Background())
		return err == nil && time.Since(at).Abs() < 5*time.Second
	})
}

func TestServerThatRefuses(t *testing.T) {
	server := testserver.Redis(t)
	w := redis.NewWindows(openClient(t, server.URL, redis.Options{}), redis.WindowsOptions{})
	key := randomKeys(1)[0]
	tests := map[string]struct{ begin, end func() }{
		"out of memory": {
			func() { server.Conf(t, "maxmemory", "1") },
			func() { server.Conf(t, "maxmemory", "0") },
		},
		"read-only": {
			func() { server.Call(t, "REPLICAOF", "127.0.0.1", "1") },
			func() { server.Call(t, "REPLICAOF", "NO", "ONE") },
		},
		"stopped": {
			server.Stop,
			server.Cont,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			until(t, func() bool { _, err := hitOne(w, randomKeys(1)[0]); return err == nil })
			test.begin()
			_, err := hitOne(w, key)
			test.end()
			if !errors.Is(err, gatehouse.ErrUnavailable) {
				t.Errorf("Hit: %v", err)
			}
			until(t, func() bool { _, err := hitOne(w, randomKeys(1)[0]); return err == nil })
		})
	}
}

func TestScriptsFlushed(t *testing.T) {
	server := testserver.Redis(t)
	ns := openNodes(t, 2, server.URL)
	key := randomKeys(1)[0]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var flushing sync.WaitGroup
	flushing.Go(func() {
		for ctx.Err() == nil {
			server.Call(t, "SCRIPT", "FLUSH")
		}
	})
	limit := gatehouse.Limit{Threshold: 10_000, Window: time.Hour}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				hits := []gatehouse.Hit{{Key: key, Limit: limit}, {Key: randomKeys(1)[0], Limit: five}}
				if err := ns.Hit(ctx, time.Now(), hits); err != nil {
					t.Error(err)
				}
				r, _, err := ns.Reserve(ctx, time.Now(), hits[1].Key, five, 0)
				if err != nil {
					t.Error(err)
				}
				if got, err := ns.Settle(ctx, time.Now(), r, gatehouse.Failed); err != nil || got.Count != 2 {
					t.Errorf("Settle: %+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	hits := []gatehouse.Hit{{Key: key, Limit: limit}}
	if err := ns.Hit(ctx, time.Now(), hits); err != nil || hits[0].Tally.Count != 401 {
		t.Errorf("after 400 occurrences: %+v, %v", hits[0].Tally, err)
	}
	cancel()
	flushing.Wait()
}

// Reserve fails on a slow server, but what it asked for arrives: no place stays
// held.
func TestLostReservationsAreGivenBack(t *testing.T) {
	server := testserver.Redis(t)
	proxy := testserver.Proxy(t, server.Addr)
	w := redis.NewWindows(openClient(t, "redis://"+proxy.Addr, redis.Options{Timeout: 100 * time.Millisecond}), redis.WindowsOptions{})
	key := randomKeys(1)[0]
	until(t, func() bool { // after this the server knows the script
		_, _, err := w.Reserve(context.Background(), time.Now(), randomKeys(1)[0], five, 0)
		return err == nil
	})
	proxy.Latency(500 * time.Millisecond)
	for range five.Threshold {
		r, _, err := w.Reserve(context.Background(), time.Now(), key, five, 0)
		if !errors.Is(err, gatehouse.ErrUnavailable) || r.ID != 0 {
			t.Fatalf("on a slow server: %+v, %v", r, err)
		}
	}
	if server.Call(t, "EXISTS", "gatehouse:w1:"+string(key[:])) != "1" {
		t.Fatal("no request has arrived")
	}
	proxy.Heal()
	start := time.Now()
	for range five.Threshold {
		until(t, func() bool {
			r, _, err := w.Reserve(context.Background(), time.Now(), key, five, 0)
			return err == nil && r.ID != 0
		})
	}
	t.Logf("all places were free after %v", time.Since(start))
}
