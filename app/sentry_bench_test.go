package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/app"
)

// BenchmarkLoginBesideSentry logs in at servers that differ only in how Sentry
// treats them, in turns, and reports the median and the 99th percentile as parts
// of those without a DSN. Every login fails, so that there is something to report,
// and every trace is kept.
//
//	go test ./app -run '^$' -bench LoginBesideSentry -benchtime 300x
func BenchmarkLoginBesideSentry(b *testing.B) {
	sentries := []struct{ name, dsn string }{
		{"none", ""},
		{"accepts", sentryThat(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })},
		{"refuses", refusing(b)},
		{"429", sentryThat(b, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		})},
		{"500", sentryThat(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })},
		{"1MB", sentryThat(b, func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 1<<20)) })},
		{"hangs", sentryThat(b, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
	}
	var servers []*app.App
	for _, s := range sentries {
		servers = append(servers, serve(b, s.dsn))
	}
	var names []string
	for _, r := range sentries {
		names = append(names, r.name)
	}
	loginsInTurn(b, names, servers)
}

// loginsInTurn has people fail to log in at servers, in turns, and reports the median
// and the 99th percentile as parts of those at the first.
func loginsInTurn(b *testing.B, names []string, servers []*app.App) {
	took := make([][]time.Duration, len(servers))
	for i := 0; b.Loop(); i++ {
		for n := range servers {
			n = (n + i) % len(servers) // nobody always comes after the same one
			took[n] = append(took[n], wrongLogin(b, servers[n], i))
		}
	}
	for n := range servers {
		slices.Sort(took[n])
	}
	at := func(n, percent int) float64 { return float64(took[n][(len(took[n])-1)*percent/100]) }
	for n, name := range names[1:] {
		b.ReportMetric(at(n+1, 50)/at(0, 50), name+"-p50-ratio")
		b.ReportMetric(at(n+1, 99)/at(0, 99), name+"-p99-ratio")
	}
	b.ReportMetric(at(0, 99)/1e6, "none-p99-ms")
}

func serve(b *testing.B, dsn string) *app.App {
	c := app.Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", b.TempDir()
	c.TrustedProxies = []string{"127.0.0.1"}
	c.Sentry.DSN, c.Sentry.Environment = dsn, "development"
	return running(b, c, func(error) {}) // a Sentry that hangs is left behind with an error
}

// running runs a server until the benchmark ends, and tells how the server ended.
func running(b *testing.B, c app.Config, ended func(error)) *app.App {
	a, err := app.New(b.Context(), c, app.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		ended(<-done)
	})
	return a
}

func wrongLogin(b *testing.B, a *app.App, i int) time.Duration {
	body := fmt.Sprintf(`{"email":"person%d@example.com","password":"wrong"}`, i)
	req, err := http.NewRequest("POST", "http://"+a.PublicAddr().String()+"/api/auth/login", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/250%250, i%250)) // never the same twice in a minute
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	took := time.Since(began)
	if resp.StatusCode != http.StatusUnauthorized {
		b.Fatalf("login: %d", resp.StatusCode)
	}
	return took
}

func sentryThat(b *testing.B, answer http.HandlerFunc) string {
	s := httptest.NewServer(answer)
	b.Cleanup(s.CloseClientConnections)
	return strings.Replace(s.URL, "http://", "http://public@", 1) + "/1"
}

// refusing is where nobody listens.
func refusing(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return "http://public@" + l.Addr().String() + "/1"
}
