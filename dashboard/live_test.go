package dashboard_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// follow reads a browser's live feed until stop is called, and tells each event.
func (b *browser) follow(tell func(event, data string)) (stop func()) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+"/live", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("the live feed: %s", res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // : watching
	var wg sync.WaitGroup
	wg.Go(func() {
		event, data := "", ""
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "event":
				event = value
			case name == "data":
				data += value
			case lines.Text() == "":
				tell(event, data)
				event, data = "", ""
			}
		}
	})
	return func() { res.Body.Close(); wg.Wait() }
}

func TestFindingsArriveLive(t *testing.T) {
	s := newSite(t)
	found := make(chan string, 10)
	stop := s.signIn(accounts.Viewer).follow(func(event, data string) {
		if event == "finding" {
			found <- data
		}
	})
	defer stop()
	s.failLogins(5, "<script>alert(1)</script>\u202e", "198.51.100.7")
	select {
	case item := <-found:
		if !strings.Contains(item, "Brute force") || strings.Contains(item, "<script") {
			t.Errorf("the item: %s", item)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing arrived")
	}
}

// In a storm each watcher is told of every finding, as an item or in a number, and
// of the most severe before others.
func TestStorm(t *testing.T) {
	s := newSite(t)
	const storm = 3000
	var mu sync.Mutex
	told, critical := 0, 0
	all := make(chan struct{})
	stop := s.signIn(accounts.Viewer).follow(func(event, data string) {
		mu.Lock()
		defer mu.Unlock()
		switch event {
		case "finding":
			told++
			if strings.Contains(data, `data-severity="critical"`) {
				critical++
			}
		case "missed":
			n, _, _ := strings.Cut(data, " ")
			more, _ := strconv.Atoi(n)
			told += more
		}
		if told == storm {
			close(all)
		}
	})
	defer stop()
	for i := range storm {
		r := gatehouse.Record{ID: gatehouse.NewID(s.now()), Event: gatehouse.Event{Kind: gatehouse.BruteForceDetected, Time: s.now()}, Severity: gatehouse.Warning}
		if i == storm/2 {
			r.Severity = gatehouse.Critical
		}
		r.Finding = &gatehouse.Finding{ID: gatehouse.NewID(s.now()), Rule: "brute_force", Kind: r.Kind, Severity: r.Severity, Count: 1}
		s.feed.Publish(r)
	}
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("told of %d of %d", told, storm)
	}
	if critical != 1 {
		t.Errorf("%d critical ones were shown", critical)
	}
}

func TestWhoSignsOutSeesNothingMore(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	if res := b.post("/logout", nil); res.status != http.StatusSeeOther {
		t.Fatalf("signing out: %d", res.status)
	}
	if res := b.get("/live"); res.status != http.StatusSeeOther || res.location != "/login" && !strings.HasPrefix(res.location, "/login?") {
		t.Errorf("the live feed afterwards: %d %s", res.status, res.location)
	}
}
