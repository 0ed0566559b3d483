package guard_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/geoip"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// desk is a guard on real stores, with a clock that the test moves.
type desk struct {
	*guard.Guard
	t     *testing.T
	store *sql.Store
	now   time.Time
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

var (
	home   = netip.MustParseAddr("192.0.2.1")    // in Berlin
	abroad = netip.MustParseAddr("198.51.100.1") // in Sydney
	away   = netip.MustParseAddr("203.0.113.1")  // nobody knows where
)

func newDesk(t *testing.T, change func(*guard.Options)) *desk {
	t.Helper()
	store, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "test.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	places, err := geoip.NewNetworks(map[netip.Prefix]gatehouse.Place{
		netip.MustParsePrefix("192.0.2.0/24"):    {Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.40, RadiusKm: 20},
		netip.MustParsePrefix("198.51.100.0/24"): {Country: "AU", City: "Sydney", Lat: -33.87, Lon: 151.21, RadiusKm: 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(),
		Sightings: store, Journal: store, Log: store, Places: places,
		OnError: func(_ context.Context, doing string, err error) { t.Errorf("could not %s: %v", doing, err) },
	}
	if change != nil {
		change(&o)
	}
	g, err := guard.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{Guard: g, t: t, store: store, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (d *desk) event(account string, ip netip.Addr) gatehouse.Event {
	return gatehouse.Event{
		Time: d.now, Endpoint: "POST /login", CorrelationID: gatehouse.NewID(d.now),
		Subject: gatehouse.Subject{Account: account}, Client: gatehouse.Client{IP: ip, UserAgent: browser},
	}
}

func (d *desk) fail(account string, ip netip.Addr) gatehouse.Decision {
	d.t.Helper()
	a, decision := d.Begin(d.t.Context(), d.event(account, ip))
	if a == nil {
		return decision
	}
	decision, err := a.Fail(d.t.Context(), d.now, "password")
	if err != nil {
		d.t.Fatal(err)
	}
	return decision
}

func (d *desk) succeed(account string, ip netip.Addr, device string) gatehouse.Decision {
	d.t.Helper()
	a, decision := d.Begin(d.t.Context(), d.event(account, ip))
	if a == nil {
		return decision
	}
	decision, err := a.Succeed(d.t.Context(), d.now, gatehouse.Subject{User: "id of " + account}, gatehouse.Device{ID: device})
	if err != nil {
		d.t.Fatal(err)
	}
	return decision
}

func (d *desk) records(q gatehouse.Query) []gatehouse.Record {
	d.t.Helper()
	var records []gatehouse.Record
	for r, err := range d.store.Query(d.t.Context(), q) {
		if err != nil {
			d.t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func (d *desk) count(kind gatehouse.Kind) int {
	d.t.Helper()
	return len(d.records(gatehouse.Query{Kinds: []gatehouse.Kind{kind}}))
}

func TestFifthFailureBlocks(t *testing.T) {
	d := newDesk(t, nil)
	for i := range 4 {
		if got := d.fail("ada@example.com", home); !got.Allowed() || got.Findings != nil {
			t.Fatalf("failure %d: %+v", i+1, got)
		}
		d.now = d.now.Add(time.Minute)
	}
	got := d.fail("ADA@example.com ", home)
	if !got.Allowed() || len(got.Findings) != 1 {
		t.Fatalf("the fifth failure: %+v", got)
	}
	f := got.Findings[0]
	if f.Kind != gatehouse.BruteForceDetected || f.Severity != gatehouse.High || f.Observed != 5 || f.Threshold != 5 ||
		f.Window != 5*time.Minute || f.KeyedBy != "account+ip" {
		t.Errorf("the receipt: %+v", f)
	}
	var block *gatehouse.Action
	for _, a := range f.Actions {
		if a.Response == "block_ip" {
			block = &a
		}
	}
	if block == nil || !block.Until.Equal(d.now.Add(time.Hour)) || block.Undo != "gatehouse blocks remove 192.0.2.1" {
		t.Errorf("what was done: %+v", f.Actions)
	}
	d.now = d.now.Add(time.Second)
	if got := d.succeed("ada@example.com", home, "laptop"); got.Verdict != gatehouse.Blocked || got.RetryAfter != time.Hour-time.Second {
		t.Errorf("the sixth attempt: %+v", got)
	}
	if got := d.succeed("ada@example.com", away, "laptop"); !got.Allowed() {
		t.Errorf("the owner from elsewhere: %+v", got)
	}
	d.now = d.now.Add(time.Hour)
	if got := d.succeed("ada@example.com", home, "laptop"); !got.Allowed() {
		t.Errorf("after the block: %+v", got)
	}
}

func TestFailuresSlideOutOfTheWindow(t *testing.T) {
	d := newDesk(t, nil)
	for i := range 20 {
		if got := d.fail("ada@example.com", home); got.Findings != nil {
			t.Fatalf("failure %d, never five in five minutes: %+v", i+1, got.Findings)
		}
		d.now = d.now.Add(75 * time.Second)
	}
}

func TestBlockOfAnAccountGivesItsAttemptsBack(t *testing.T) {
	d := newDesk(t, nil)
	for range 5 {
		d.fail("ada@example.com", home)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, guard.CountingPrefix(home), "an operator"); err != nil {
		t.Fatal(err)
	}
	if got := d.succeed("ada@example.com", home, "laptop"); !got.Allowed() {
		t.Errorf("after the block was lifted: %+v", got)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, guard.CountingPrefix(home), "an operator"); err == nil {
		t.Error("a block was lifted twice")
	}
	for range 5 {
		d.fail("ada@example.com", home)
	}
	if got := d.succeed("ada@example.com", home, "laptop"); got.Verdict != gatehouse.Blocked {
		t.Errorf("five more failures: %+v", got)
	}
	if n := d.count(gatehouse.IPAddressBlocked); n != 2 {
		t.Errorf("%d blocks on record, want 2", n)
	}
}

// Of two accounts that were attacked together, both get their attempts back,
// also from a block that a person has lengthened.
func TestUnblockingFreesAllAccounts(t *testing.T) {
	d := newDesk(t, nil)
	accounts := []string{"ada@example.com", "bob@example.com"}
	var attempts []*guard.Attempt
	for _, account := range accounts {
		for range 5 {
			a, _ := d.Begin(t.Context(), d.event(account, home))
			attempts = append(attempts, a)
		}
	}
	for i, a := range attempts {
		if _, err := a.Fail(t.Context(), d.now.Add(time.Duration(i)*time.Second), "password"); err != nil {
			t.Fatal(err)
		}
	}
	d.now = d.now.Add(20 * time.Second)
	if _, err := d.BlockIP(t.Context(), gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, Reason: "for good"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, guard.CountingPrefix(home), "an operator"); err != nil {
		t.Fatal(err)
	}
	for _, account := range accounts {
		if got := d.succeed(account, home, "laptop"); !got.Allowed() {
			t.Errorf("%s: %+v", account, got)
		}
	}
}

func TestParallelAttempts(t *testing.T) {
	for _, c := range []struct {
		name  string
		right bool
		want  int64
	}{{"wrong passwords", false, 5}, {"right passwords", true, 64}} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, nil)
			var looked, answered atomic.Int64
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					a, _ := d.Begin(t.Context(), d.event("ada@example.com", home))
					if a == nil {
						answered.Add(1)
						return
					}
					looked.Add(1)
					var err error
					if c.right {
						_, err = a.Succeed(t.Context(), d.now, gatehouse.Subject{User: "ada"}, gatehouse.Device{})
					} else {
						_, err = a.Fail(t.Context(), d.now, "password")
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if looked.Load() != c.want || looked.Load()+answered.Load() != 64 {
				t.Errorf("%d passwords were looked at, want %d; %d refused", looked.Load(), c.want, answered.Load())
			}
		})
	}
}

func TestAbandonedAttemptsCostNothing(t *testing.T) {
	d := newDesk(t, nil)
	for range 20 {
		a, _ := d.Begin(t.Context(), d.event("ada@example.com", home))
		if a == nil {
			t.Fatal("refused")
		}
		a.Abandon(t.Context())
		if _, err := a.Fail(t.Context(), d.now, "password"); err == nil {
			t.Fatal("an attempt was settled twice")
		}
	}
}

// A client that hangs up when it has guessed is counted all the same.
func TestHangingUpIsCounted(t *testing.T) {
	d := newDesk(t, nil)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		a, _ := d.Begin(ctx, d.event("ada@example.com", home))
		cancel()
		if _, err := a.Fail(ctx, d.now, "password"); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.fail("ada@example.com", home); got.Verdict != gatehouse.Blocked {
		t.Errorf("after five guesses: %+v", got)
	}
}

func TestOneAttackIsOneFinding(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) {
		o.Rules = rules.Default()
		o.Rules.BruteForce.Respond = rules.Responses{Alert: true} // no block: the attack goes on
	})
	ids := make(map[string]bool)
	for range 200 { // one guess each time that the window lets one through
		for _, f := range d.fail("ada@example.com", home).Findings {
			ids[f.ID] = true
		}
		d.now = d.now.Add(time.Minute)
	}
	if len(ids) != 1 {
		t.Errorf("one attack is %d findings", len(ids))
	}
	if n := d.count(gatehouse.BruteForceDetected); n < 2 || n > 4 {
		t.Errorf("%d records of it, want the first, the tenth and the hundredth", n)
	}
	stats, err := d.UserStats(t.Context(), d.now, "ada@example.com", 1)
	if err != nil || len(stats) != 1 || stats[0].Count != 1 {
		t.Errorf("statistics: %+v, %v", stats, err)
	}
}

func TestPlacesAndDevices(t *testing.T) {
	kinds := func(d gatehouse.Decision) string {
		var s string
		for _, f := range d.Findings {
			s += string(f.Kind) + " "
		}
		return s
	}
	type step struct {
		after  time.Duration
		ip     netip.Addr
		device string
		want   string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"the first login is nothing", []step{{0, abroad, "a", ""}}},
		{"unknown places are nothing", []step{{0, home, "a", ""}, {time.Hour, away, "a", ""}, {time.Hour, home, "a", ""}}},
		{"too fast a way", []step{{0, home, "a", ""}, {time.Hour, abroad, "a", "geographic_anomaly "}}},
		{"another country, at leisure", []step{{0, home, "a", ""}, {240 * time.Hour, abroad, "a", "geographic_anomaly "}}},
		{"coming home", []step{{0, home, "a", ""}, {240 * time.Hour, abroad, "a", "geographic_anomaly "}, {240 * time.Hour, home, "a", ""}}},
		{"an unknown place between hides nothing", []step{{0, home, "a", ""}, {time.Hour, away, "a", ""}, {time.Hour, abroad, "a", "geographic_anomaly "}}},
		{"another device there is takeover", []step{{0, home, "a", ""}, {time.Hour, abroad, "b", "geographic_anomaly account_takeover_attempt "}}},
		{"a stranger elsewhere is not held against the owner", []step{{0, home, "a", ""}, {time.Hour, abroad, "b", "geographic_anomaly account_takeover_attempt "}, {time.Hour, home, "a", ""}}},
		{"a laptop at home while the phone travels", []step{{0, home, "a", ""}, {0, home, "b", ""}, {240 * time.Hour, abroad, "b", "geographic_anomaly "}, {time.Hour, home, "a", ""}, {time.Hour, abroad, "b", ""}}},
		{"a copied device, back and forth", []step{{0, home, "a", ""}, {time.Hour, abroad, "a", "geographic_anomaly "}, {time.Hour, home, "a", "geographic_anomaly "}}},
		{"two devices are ordinary", []step{{0, home, "a", ""}, {0, home, "b", ""}, {0, home, "a", ""}, {0, home, "b", ""}}},
		{"three devices within the hour", []step{{0, home, "a", ""}, {59 * time.Minute, home, "b", ""}, {0, home, "c", "multiple_device_login "}}},
		{"three devices over more than an hour", []step{{0, home, "a", ""}, {time.Hour, home, "b", ""}, {0, home, "c", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, nil)
			for i, s := range c.steps {
				d.now = d.now.Add(s.after)
				if got := kinds(d.succeed("ada@example.com", s.ip, s.device)); got != s.want {
					t.Errorf("login %d found %q, want %q", i+1, got, s.want)
				}
			}
		})
	}
}

func TestAdmitLimitsOneEndpointOfOneAddress(t *testing.T) {
	d := newDesk(t, nil)
	ask := func(endpoint string, ip netip.Addr) gatehouse.Decision {
		e := d.event("", ip)
		e.Kind, e.Endpoint = gatehouse.RequestRefused, endpoint
		return d.Admit(t.Context(), e)
	}
	for i := range 49 {
		if got := ask("GET /a", home); !got.Allowed() || got.Findings != nil {
			t.Fatalf("request %d: %+v", i+1, got)
		}
	}
	if got := ask("GET /a", home); !got.Allowed() || len(got.Findings) != 1 {
		t.Fatalf("request 50: %+v", got)
	}
	if got := ask("GET /a", home); got.Verdict != gatehouse.Limited || got.RetryAfter != time.Minute {
		t.Fatalf("request 51: %+v", got)
	}
	for _, other := range []gatehouse.Decision{ask("GET /b", home), ask("GET /a", away)} {
		if !other.Allowed() {
			t.Errorf("another key: %+v", other)
		}
	}
	d.now = d.now.Add(time.Minute)
	if got := ask("GET /a", home); !got.Allowed() {
		t.Errorf("a minute later: %+v", got)
	}
}

func TestRefusalsAreRecordedWithoutFillingTheDisk(t *testing.T) {
	d := newDesk(t, nil)
	if _, err := d.BlockIP(t.Context(), gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	const flood = 20_000
	e := d.event("", home)
	e.Kind = gatehouse.LoginRefused
	for range flood {
		if got := d.Admit(t.Context(), e); got.Verdict != gatehouse.Blocked {
			t.Fatalf("got in: %+v", got)
		}
	}
	d.now = d.now.Add(time.Minute)
	e.Time = d.now
	d.Admit(t.Context(), e)
	records := d.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginRefused}})
	told := 0
	for _, r := range records {
		told += max(r.Count, 1)
	}
	if told != flood+1 {
		t.Errorf("the records tell of %d refusals, want %d", told, flood+1)
	}
	if len(records) > 1010 {
		t.Errorf("%d records", len(records))
	}
}

func TestHostileEventsAreClean(t *testing.T) {
	d := newDesk(t, nil)
	hostile := "a\r\n\x00\x1b[31m\u2028\u202e\xff" + fmt.Sprintf("%01000000d", 7)
	e := d.event(hostile, home)
	e.UserAgent, e.Endpoint, e.Reason, e.CorrelationID = hostile, hostile, hostile, hostile
	e.Kind = gatehouse.SignupFailed
	if _, err := d.Observe(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	records := d.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.SignupFailed}})
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	r := records[0]
	for _, s := range []string{r.Account, r.UserAgent, r.Endpoint, r.Reason, r.CorrelationID} {
		if len(s) > gatehouse.MaxText || s != gatehouse.CleanText(s, gatehouse.MaxText) {
			t.Errorf("%.60q is on record", s)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := guard.New(guard.Options{}); err == nil {
		t.Error("a guard without stores was made")
	}
	d := newDesk(t, nil)
	for name, b := range map[string]gatehouse.Block{
		"nothing":     {Created: d.now},
		"everybody":   {Prefix: netip.MustParsePrefix("0.0.0.0/0"), Created: d.now},
		"never begun": {Prefix: guard.CountingPrefix(home)},
		"over before": {Prefix: guard.CountingPrefix(home), Created: d.now, Until: d.now},
	} {
		if _, err := d.BlockIP(t.Context(), b); err == nil {
			t.Errorf("a block of %s was placed", name)
		}
	}
}

// Ten exchanges of a token are found; retries that race are no exchanges.
func TestRapidRefreshCountsNoRetries(t *testing.T) {
	d := newDesk(t, nil)
	observe := func(kind gatehouse.Kind) []gatehouse.Finding {
		e := d.event("", home)
		e.Kind, e.User, e.Session = kind, "ada", "session"
		got, err := d.Observe(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return got.Findings
	}
	for range 30 {
		if f := observe(gatehouse.TokenRefreshRepeated); f != nil {
			t.Fatalf("retries are reported: %+v", f)
		}
	}
	for i := range 10 {
		if f := observe(gatehouse.TokenRefreshed); (f != nil) != (i == 9) {
			t.Fatalf("refresh %d: %+v", i+1, f)
		}
	}
}
