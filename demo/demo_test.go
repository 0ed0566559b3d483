package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer may be written and read at the same time. It calls seen, if set, with
// all that has been written so far.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	seen func(string)
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.b.Write(p)
	if b.seen != nil {
		b.seen(b.b.String())
	}
	return n, err
}

// options run the demo on free ports, and its directory is below dir.
func options(t *testing.T) (o demo.Options, out *buffer, dir string) {
	t.Helper()
	dir, out = t.TempDir(), new(buffer)
	t.Setenv("TMPDIR", dir)
	return demo.Options{Out: out, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", Once: true}, out, dir
}

func removed(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A day as a person watches it, and a visitor who tries the server out afterwards,
// in real time.
func TestDay(t *testing.T) {
	o, out, dir := options(t)
	o.Once = false
	mode := os.FileMode(0)
	ready, detected := make(chan string, 1), make(chan struct{})
	found := false
	login := regexp.MustCompile(`login server +(http://\S+)`)
	visitor := regexp.MustCompile(`ip_address_blocked +127\.0\.0\.1\n.*until `)
	out.seen = func(s string) {
		if dirs, _ := filepath.Glob(filepath.Join(dir, "gatehouse-demo-*")); len(dirs) == 1 && mode == 0 {
			if info, err := os.Stat(dirs[0]); err == nil {
				mode = info.Mode().Perm()
			}
		}
		if strings.HasSuffix(s, "-lantern-40\"}'\n\n") {
			ready <- login.FindStringSubmatch(s)[1]
		}
		if !found && visitor.MatchString(s) {
			found = true
			close(detected)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- demo.Run(ctx, o) }()
	var url string
	select {
	case url = <-ready:
	case err := <-done:
		t.Fatalf("it did not stay: %v\n%s", err, out.b.String())
	}
	if statuses, want := sixWrongLogins(t, url), []int{401, 401, 401, 401, 401, 429}; !slices.Equal(statuses, want) {
		t.Errorf("six wrong logins: %v", statuses)
	}
	select {
	case <-detected:
	case <-time.After(10 * time.Second):
		t.Error("the feed does not tell what the visitor did")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	removed(t, dir)
	if mode != 0o700 {
		t.Errorf("the data directory had mode %o", mode)
	}
	text := out.b.String()
	readable(t, text, dir)
	for _, told := range []string{
		"401 ×5    log in as ada, wrong password", "429       log in as ada, right password", "200       Ada herself logs in",
		"201 ×50   POST /api/auth/signup", "401 ×50   GET /api/auth/me", "token_reuse_detected",
		"12 ordinary people made 12 signups, 37 logins", ": 0 refused, 0 reported.", "Every rule fired as expected",
		"brute_force_detected     ada@example.com  127.0.0.1", "its data is removed.",
	} {
		if !strings.Contains(text, told) {
			t.Errorf("it is not told that %q:\n%s", told, text)
		}
	}
	for line, times := range map[string]int{
		"brute_force_detected +brute_force": 1, "multiple_device_login +multiple_devices": 1,
		"rapid_token_refresh +rapid_token_refresh": 1, "bot_activity_detected +bot_activity": 1,
		"bot_activity_detected +rapid_signup": 1, "geographic_anomaly +geographic_anomaly": 2,
		"account_takeover_attempt +account_takeover": 1, "suspicious_activity +suspicious_user_agent": 4,
		"ip_address_blocked": 2,
	} {
		if want := fmt.Sprintf("(?m)^  %s +%d +%d +[A-Z]", line, times, times); !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no line like %s in the summary", want)
		}
	}
	visit := text[strings.Index(text, "In another terminal"):]
	if now := time.Now(); !strings.Contains(visit, "\n"+now.Format("15:04")) && !strings.Contains(visit, "\n"+now.Add(-time.Minute).Format("15:04")) {
		t.Errorf("it is not told in real time:\n%s", visit)
	}
}

func sixWrongLogins(t *testing.T, url string) (statuses []int) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	for range 6 {
		resp, err := http.Post(url+"/login", "application/json", strings.NewReader(`{"email":"ada@example.com","password":"wrong"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
	}
	return statuses
}

// readable checks that a terminal of 100 columns shows text as it is.
func readable(t *testing.T, text, dir string) {
	t.Helper()
	text = strings.ReplaceAll(text, dir, "/tmp")
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if gatehouse.CleanText(line, 1000) != line {
			t.Errorf("control characters in %q", line)
		}
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

// What is detected, in order: every day is the same.
func TestDayAsJSON(t *testing.T) {
	o, out, dir := options(t)
	o.JSON, o.Color = true, true
	if err := demo.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	removed(t, dir)
	var got []string
	for line := range strings.Lines(out.b.String()) {
		var r gatehouse.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("no record: %v in %q", err, line)
		}
		rule := "-"
		if r.Finding != nil {
			rule = r.Finding.Rule
		}
		got = append(got, strings.Join([]string{r.Severity.String(), string(r.Kind), rule, r.IP.String()}, " "))
	}
	want := []string{
		"warning suspicious_activity suspicious_user_agent 203.0.113.70",
		"warning suspicious_activity suspicious_user_agent 203.0.113.71",
		"warning suspicious_activity suspicious_user_agent 203.0.113.72",
		"warning suspicious_activity suspicious_user_agent 203.0.113.73",
		"warning bot_activity_detected bot_activity 2001:db8:bad:1::1ebd",
		"warning multiple_device_login multiple_devices 203.0.113.36",
		"high geographic_anomaly geographic_anomaly 203.0.113.20",
		"high geographic_anomaly geographic_anomaly 203.0.113.52",
		"high account_takeover_attempt account_takeover 203.0.113.52",
		"high rapid_token_refresh rapid_token_refresh 203.0.113.9",
		"high token_reuse_detected - 192.0.2.7", // the victim's own browser shows the theft
		"warning bot_activity_detected rapid_signup 203.0.113.66",
		"warning ip_address_blocked - 203.0.113.66",
		"high brute_force_detected brute_force 203.0.113.5",
		"high ip_address_blocked - 203.0.113.5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCutShort(t *testing.T) {
	for _, c := range []struct {
		name string
		once bool
		want error
	}{{"once", true, context.Canceled}, {"by hand", false, nil}} {
		t.Run(c.name, func(t *testing.T) {
			o, out, dir := options(t)
			o.Once = c.once
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out.seen = func(s string) {
				if strings.Contains(s, "1/8") {
					cancel()
				}
			}
			if err := demo.Run(ctx, o); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			removed(t, dir)
			if strings.Contains(out.b.String(), "8/8") {
				t.Error("the day went on")
			}
		})
	}
}

// brokenPipe is what is left of a pager that has been closed.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestNobodyReads(t *testing.T) {
	o, _, dir := options(t)
	o.Out, o.Once = brokenPipe{}, false
	if err := demo.Run(t.Context(), o); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	removed(t, dir)
}

func TestBadAddress(t *testing.T) {
	for address, malformed := range map[string]bool{"192.0.2.1:80": false /* not of this machine */, "nonsense": true} {
		o, _, dir := options(t)
		o.Listen = address
		err := demo.Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), address) || errors.Is(err, demo.ErrOptions) != malformed {
			t.Errorf("%s: got %v", address, err)
		}
		removed(t, dir)
	}
}
