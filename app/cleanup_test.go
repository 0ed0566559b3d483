package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"maps"
	"net/netip"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/logstats"
)

// withSessions returns an App whose clock stands still, with so many sessions
// that end an hour after now.
func withSessions(t *testing.T, now *time.Time, n int) *App {
	t.Helper()
	c := Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	a, err := New(t.Context(), c, Options{Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	user := accounts.User{ID: "ada", Account: "ada@example.com", PasswordHash: "hash"}
	if err := a.records.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s := accounts.Session{ID: gatehouse.NewID(*now), User: "ada", Created: *now, Expires: now.Add(time.Hour)}
		if err := a.records.CreateSession(t.Context(), s, accounts.TokenHash{byte(i), byte(i >> 8), 1}, "hash"); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func counted(counts []CleanUpCount) map[string]int {
	m := map[string]int{}
	for _, c := range counts {
		if c.Count > 0 {
			m[c.What] = c.Count
		}
	}
	return m
}

func TestCleanUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const over = 307
	a := withSessions(t, &now, over)
	ctx := t.Context()
	block := gatehouse.Block{ID: "1", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Created: now, Until: now.Add(time.Hour)}
	if _, err := a.records.Place(ctx, block); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after                    time.Duration
		tokens, sessions, blocks int
	}{{time.Hour, 0, 0, 0}, {a.config.CleanUp.Keep + time.Second, over, over, 1}, {0, 0, 0, 0}} {
		now = now.Add(step.after)
		removed, err := a.cleanUpNow(ctx, nil)
		got := counted(removed)
		if err != nil || got["tokens"] != step.tokens || got["sessions"] != step.sessions || got["blocks"] != step.blocks {
			t.Errorf("after %v: %v, %v; want %d sessions and %d blocks", step.after, got, err, step.sessions, step.blocks)
		}
	}
}

// Each type of record goes at its own age, and the rest of the log verifies.
func TestCleanUpOfTypes(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := withSessions(t, &now, 0)
	a.config.CleanUp.KeepLog = 48 * time.Hour
	a.config.CleanUp.KeepLogOf = map[gatehouse.Kind]time.Duration{gatehouse.LoginRefused: 2 * time.Hour, gatehouse.RequestRefused: 24 * time.Hour}
	const each = 150
	kinds := []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginRefused, gatehouse.RequestRefused}
	for i := range each * len(kinds) {
		e := gatehouse.Event{Kind: kinds[i%len(kinds)], Time: now}
		if err := a.records.Append(t.Context(), gatehouse.Record{ID: gatehouse.NewID(now), Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := loadKeys(a.config)
	if err != nil {
		t.Fatal(err)
	}
	key := logKey(keys).Public().(ed25519.PublicKey)
	for _, step := range []struct {
		after time.Duration
		what  string
		left  int
	}{{time.Hour, "", 3 * each}, {2 * time.Hour, "records_login_refused", 2 * each}, {24 * time.Hour, "records_request_refused", each}, {48 * time.Hour, "records", 0}} {
		now = now.Add(step.after)
		would, err := tally(t.Context(), chores(a.records, a.config.CleanUp), now)
		if err != nil {
			t.Fatal(err)
		}
		removed, err := a.cleanUpNow(t.Context(), nil)
		want := map[string]int{}
		if step.what != "" {
			want[step.what] = each
		}
		if got := counted(removed); err != nil || !maps.Equal(got, want) || !maps.Equal(counted(would), want) {
			t.Errorf("after %v: %v, %v, counted %v; want %v", step.after, got, err, counted(would), want)
		}
		if got, err := a.records.VerifyLog(t.Context(), key, nil, nil); err != nil || got.Records != step.left {
			t.Errorf("after %v: %d left, %v; want %d", step.after, got.Records, err, step.left)
		}
	}
}

// The log in numbers outlives the log, but not for good.
func TestCleanUpOfCounts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := withSessions(t, &now, 0)
	if err := a.records.AddCounts(t.Context(), []logstats.Count{{Slot: now, Name: "near:brute_force:9", N: 1}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		goes  bool
	}{{399 * 24 * time.Hour, false}, {2 * 24 * time.Hour, true}, {0, false}} {
		now = now.Add(step.after)
		would, err := tally(t.Context(), chores(a.records, a.config.CleanUp), now)
		if err != nil {
			t.Fatal(err)
		}
		removed, err := a.cleanUpNow(t.Context(), nil)
		if got := counted(removed)["counts"] > 0; err != nil || got != step.goes || counted(would)["counts"] != counted(removed)["counts"] {
			t.Errorf("after %v: %v, %v, counted %v", step.after, removed, err, would)
		}
	}
}

// Nothing goes on once nobody wants it, and what is left goes the next time.
func TestCleanUpEndsAtOnce(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const over = 400
	a := withSessions(t, &now, over)
	now = now.Add(a.config.CleanUp.Keep + 2*time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	batches := 0
	first, err := a.cleanUpNow(ctx, func(CleanUpCount) { batches++; cancel() })
	if batches != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d batches, %v", batches, err)
	}
	second, err := a.cleanUpNow(t.Context(), nil)
	if err != nil || counted(first)["tokens"]+counted(second)["tokens"] != over {
		t.Errorf("%v, then %v, %v", first, second, err)
	}
}

// One instant of the schedule is one clean-up, whichever of the nodes comes first
// and however many come later.
func TestCleanUpOnce(t *testing.T) {
	postgres := testserver.SharedPostgres(t).Database(t)
	keys := filepath.Join(t.TempDir(), "keys.pem")
	var nodes []*App
	for _, name := range []string{"a", "b"} {
		c := Default()
		c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
		c.Postgres.URL, c.KeysFile, c.Node = postgres, keys, name
		a, err := New(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		nodes = append(nodes, a)
	}
	due := time.Date(2026, 3, 1, 12, 17, 0, 0, time.UTC)
	old := gatehouse.Block{ID: "1", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Created: due.Add(-time.Hour), Until: due}
	place := func() {
		t.Helper()
		if _, err := nodes[0].records.Place(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	blocks := func() int {
		n, err := nodes[0].records.CountOldBlocks(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	place()
	turn, err := takeTurn(t.Context(), nodes[1].records)
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].cleanUpFor(t.Context(), due); err != nil || blocks() != 1 {
		t.Errorf("beside another: %v, %d left", err, blocks())
	}
	if _, err := nodes[0].cleanUpNow(t.Context(), nil); !errors.Is(err, ErrCleaning) {
		t.Errorf("asked for beside another: %v", err)
	}
	turn.Release()
	if err := nodes[0].cleanUpFor(t.Context(), due); err != nil || blocks() != 0 {
		t.Errorf("the first node: %v, %d left", err, blocks())
	}
	place()
	if err := nodes[1].cleanUpFor(t.Context(), due); err != nil || blocks() != 1 {
		t.Errorf("the second node, later: %v, %d left", err, blocks())
	}
	if err := nodes[1].cleanUpFor(t.Context(), due.Add(time.Hour)); err != nil || blocks() != 0 {
		t.Errorf("an hour later: %v, %d left", err, blocks())
	}
}

// It is done when the schedule says so, in UTC, and not before.
func TestCleanUpByTheSchedule(t *testing.T) {
	due := time.Date(2026, 3, 1, 12, 17, 0, 0, time.UTC)
	c := Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	c.CleanUp.Schedule = "17 12 * * *"
	var late atomic.Bool
	var asked atomic.Int32
	a, err := New(t.Context(), c, Options{Now: func() time.Time {
		asked.Add(1)
		now := due.In(time.FixedZone("", 5*3600))
		if !late.Load() {
			now = now.Add(-time.Millisecond)
		}
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ended := make(chan error)
	before := asked.Load()
	go func() { ended <- a.cleanUpUntil(ctx) }()
	for asked.Load() < before+10 { // it has looked at the clock a few times
		runtime.Gosched()
	}
	if at, err := a.records.DutyDone(ctx, cleanUpDuty); err != nil || !at.IsZero() {
		t.Errorf("early: %v, %v", at, err)
	}
	late.Store(true)
	for at := (time.Time{}); at.IsZero(); {
		if at, err = a.records.DutyDone(ctx, cleanUpDuty); err != nil {
			t.Fatal(err)
		}
		if !at.IsZero() && !at.Equal(due) {
			t.Errorf("done for %v", at)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestParseSchedule(t *testing.T) {
	for line, ok := range map[string]bool{
		"17 * * * *": true, "*/5 2-4 1,15 jan mon-fri": true, "0 0 29 2 *": true,
		"": false, "* * *": false, "0 0 30 2 *": false, "61 * * * *": false, "@every 1s": false, "TZ=": false, "TZ=UTC": false, "CRON_TZ=UTC * * * * *": false,
		"* * * * * *": false, "*/0 * * * *": false,
	} {
		if _, err := parseSchedule(line); (err == nil) != ok {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestPace(t *testing.T) {
	p := newPace()
	for range 20 {
		p.next(0)
	}
	if p.size != maxBatch {
		t.Errorf("a store that takes no time: %d", p.size)
	}
	for range 20 { // 100 µs a row
		took := time.Duration(p.size) * 100 * time.Microsecond
		if wait := p.next(took); wait != 4*took {
			t.Errorf("%v of pause after %v", wait, took)
		}
	}
	if p.size != 100 {
		t.Errorf("a store that takes 100 µs a row: %d", p.size)
	}
	if p.next(time.Hour); p.size != minBatch {
		t.Errorf("a store that hangs: %d", p.size)
	}
}
