package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/app"
)

const (
	watchers = 1000 // who have the overview open
	storm    = 1000 // findings a second
)

// BenchmarkLoginBesideLiveFeed fails to log in while 1,000 people watch the live feed
// of the dashboard: in turns of a second, nothing is found, and 1,000 findings a
// second are. It reports the median and the 99th percentile in the storm as parts of
// those in the quiet, and which part of the findings the watchers were told of, as
// items or in a number. The watchers are in the same process, and cost as much again.
//
//	go test ./app -run '^$' -bench LoginBesideLiveFeed -benchtime 2000x
func BenchmarkLoginBesideLiveFeed(b *testing.B) {
	c := app.Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", b.TempDir()
	c.TrustedProxies = []string{"127.0.0.1"}
	c.MaxConnections = 2 * watchers
	a := running(b, c, func(error) {})
	var told atomic.Int64
	watch(b, a, &told)

	var published atomic.Int64
	var stormy atomic.Bool
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if stormy.Load() {
				for range storm / 100 {
					a.PublishRecords(aFinding())
					published.Add(1)
				}
			}
		}
	})
	var took [2][]time.Duration // in the quiet, in the storm
	for i := 0; b.Loop(); i++ {
		turn := int(time.Now().Unix() % 2)
		stormy.Store(turn == 1)
		took[turn] = append(took[turn], wrongLogin(b, a, i))
	}
	close(stop)
	wg.Wait()
	want := published.Load() * watchers
	for deadline := time.Now().Add(5 * time.Second); told.Load() < want && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if len(took[0]) == 0 || len(took[1]) == 0 {
		return // too short to have had both
	}
	at := func(turn, percent int) float64 {
		slices.Sort(took[turn])
		return float64(took[turn][(len(took[turn])-1)*percent/100])
	}
	b.ReportMetric(at(1, 50)/at(0, 50), "p50-ratio")
	b.ReportMetric(at(1, 99)/at(0, 99), "p99-ratio")
	b.ReportMetric(at(0, 50)/1e6, "quiet-p50-ms")
	b.ReportMetric(float64(told.Load())/float64(want), "told")
}

func aFinding() gatehouse.Record {
	now := time.Now()
	r := gatehouse.Record{ID: gatehouse.NewID(now), Severity: gatehouse.High}
	r.Kind, r.Time, r.Account = gatehouse.BruteForceDetected, now, "ada@example.com"
	r.Finding = &gatehouse.Finding{
		ID: r.ID, Rule: "brute_force", Kind: r.Kind, Severity: r.Severity, KeyedBy: "account+ip",
		Observed: 5, Threshold: 5, Window: 5 * time.Minute, First: now, Last: now, Count: 1,
	}
	return r
}

// watch has many people watch the feed, and counts what they are told of.
func watch(b *testing.B, a *app.App, told *atomic.Int64) {
	const ofUser = 10
	cookies := ""
	for i := range watchers {
		if i%ofUser == 0 {
			cookies = signedIn(b, a, i/ofUser)
		}
		conn, err := net.Dial("tcp", a.AdminAddr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /live HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n", a.AdminAddr(), cookies)
		lines := bufio.NewReaderSize(conn, 64<<10)
		if status, err := lines.ReadString('\n'); err != nil || !strings.Contains(status, "200") {
			b.Fatalf("the live feed: %q, %v", status, err)
		}
		go count(lines, told)
	}
}

// signedIn returns the cookies of a viewer who has signed in.
func signedIn(b *testing.B, a *app.App, n int) string {
	email, password := fmt.Sprintf("watcher%d@example.com", n), "seven quiet herons"
	if err := a.AddOperator(b.Context(), email, password, "Watcher", accounts.Viewer); err != nil {
		b.Fatal(err)
	}
	form := url.Values{"email": {email}, "password": {password}}
	req, err := http.NewRequest(http.MethodPost, "http://"+a.AdminAddr().String()+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n)) // nobody signs in so often from one address
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	var cookies []string
	for _, c := range res.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return strings.Join(cookies, "; ")
}

// count adds up what one watcher is told of, until the connection ends.
func count(lines *bufio.Reader, told *atomic.Int64) {
	missed := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		if err == io.EOF {
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("event: finding")):
			told.Add(1)
		case bytes.HasPrefix(line, []byte("event: missed")):
			missed = true
		case missed && bytes.HasPrefix(line, []byte("data: ")):
			n, _, _ := strings.Cut(string(line[len("data: "):]), " ")
			more, _ := strconv.Atoi(n)
			told.Add(int64(more))
			missed = false
		}
	}
}
