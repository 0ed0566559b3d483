package accountmail_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/sql"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a mailer on a real store, with a clock that stands.
type desk struct {
	*accountmail.Mailer
	t       *testing.T
	store   *sql.Store
	service *accounts.Service
	user    accounts.User

	mu     sync.Mutex
	errors []error
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newDesk(t *testing.T, change func(*accountmail.Options)) *desk {
	t.Helper()
	store, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	hasher, err := accounts.NewHasher(accounts.HasherOptions{Params: accounts.Argon2{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return noon }
	service, err := accounts.New(accounts.Options{Store: store, Hasher: hasher, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, store: store, service: service}
	if d.user, err = service.Signup(t.Context(), "Ada@example.com", "seven quiet herons", "Ada"); err != nil {
		t.Fatal(err)
	}
	o := accountmail.Options{Accounts: service, Outbox: store, PublicURL: "https://login.example.com", Now: now, Delay: time.Millisecond,
		OnError: func(_ context.Context, _ string, err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.errors = append(d.errors, err)
		}}
	if change != nil {
		change(&o)
	}
	if d.Mailer, err = accountmail.New(o); err != nil {
		t.Fatal(err)
	}
	return d
}

// event is one of Ada's.
func (d *desk) event(kind gatehouse.Kind) gatehouse.Event {
	return gatehouse.Event{
		Kind: kind, Time: noon, Subject: gatehouse.Subject{User: d.user.ID, Account: d.user.Account},
		Client: gatehouse.Client{IP: netip.MustParseAddr("2001:db8::7"), UserAgent: "curl/8.5.0", Place: gatehouse.Place{Country: "NL"}},
	}
}

// queued returns what is in the outbox.
func (d *desk) queued() []outbox.Delivery {
	d.t.Helper()
	list, err := d.store.Deliveries(d.t.Context(), outbox.Filter{})
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// workOff looks into all that waits.
func (d *desk) workOff() {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	cancel()
	if err := d.Run(ctx); err != nil {
		d.t.Error(err)
	}
}

func TestWhatIsTold(t *testing.T) {
	blocked := gatehouse.Finding{Kind: gatehouse.BruteForceDetected, Actions: []gatehouse.Action{
		{Response: "block_ip", Target: netip.MustParsePrefix("2001:db8::/64"), Until: noon.Add(time.Hour)}}}
	onTrial := blocked
	onTrial.Shadow = true
	for _, c := range []struct {
		kind     gatehouse.Kind
		decision gatehouse.Decision
		title    string // of the message; empty: none
		text     string // in it
	}{
		{gatehouse.LoginSucceeded, gatehouse.Decision{}, "", ""},
		{gatehouse.LoginSucceeded, gatehouse.Decision{NewDevice: true}, "Login on a new device", "device that is new"},
		{gatehouse.LoginSucceeded, gatehouse.Decision{NewCountry: true}, "Login from a new country", "was not used before"},
		{gatehouse.LoginSucceeded, gatehouse.Decision{NewDevice: true, NewCountry: true}, "Login on a new device in a new country", "both new"},
		{gatehouse.PasswordChanged, gatehouse.Decision{}, "Your password was changed", "who knew your password"},
		{gatehouse.PasswordReset, gatehouse.Decision{}, "You have a new password", "mailed to you"},
		{gatehouse.LoggedOutEverywhere, gatehouse.Decision{}, "All devices were signed out", "ended all its sessions"},
		{gatehouse.LoginFailed, gatehouse.Decision{}, "", ""},
		{gatehouse.LoginFailed, gatehouse.Decision{Findings: []gatehouse.Finding{{Kind: gatehouse.SuspiciousActivity}}}, "", ""},
		{gatehouse.LoginFailed, gatehouse.Decision{Findings: []gatehouse.Finding{blocked}}, "Somebody is guessing your password", "blocked until 1 March 2026, 13:00:00 UTC"},
		{gatehouse.PasswordChangeFailed, gatehouse.Decision{Findings: []gatehouse.Finding{blocked}}, "Somebody is guessing your password", "None of them was right"},
		{gatehouse.LoginFailed, gatehouse.Decision{Findings: []gatehouse.Finding{onTrial}}, "", ""},
		{gatehouse.LoggedOut, gatehouse.Decision{NewDevice: true}, "", ""},
		{gatehouse.TokenRefreshed, gatehouse.Decision{NewCountry: true}, "", ""},
	} {
		d := newDesk(t, nil)
		d.Tell(t.Context(), d.event(c.kind), c.decision)
		d.workOff()
		list := d.queued()
		if c.title == "" {
			if len(list) != 0 {
				t.Errorf("%s: told of %q", c.kind, list[0].Message.Title)
			}
			continue
		}
		if len(list) != 1 {
			t.Fatalf("%s: %d messages, errors %v", c.kind, len(list), d.errors)
		}
		m := list[0].Message
		if m.Title != c.title || !strings.Contains(m.Text, c.text) || m.To != "Ada@example.com" || !m.Time.Equal(noon) ||
			m.Kind != notify.Notice || list[0].Channel != outbox.Mail || len(m.Links) != 1 {
			t.Errorf("%s: %+v", c.kind, m)
		}
		facts := map[string]string{}
		for _, f := range m.Facts {
			facts[f.Name] = f.Value
		}
		if facts["Account"] != "Ada@example.com" || facts["Address"] != "2001:db8::7" || facts["Place"] != "NL" || facts["Device"] == "" {
			t.Errorf("%s: facts %v", c.kind, facts)
		}
	}
}

// Whoever asks for a link to the account of nobody causes nothing, and the queue
// is bounded.
func TestResetRequests(t *testing.T) {
	d := newDesk(t, func(o *accountmail.Options) { o.Queue, o.Resets = 4, 2 })
	for _, account := range []string{"nobody@example.com", "ada@example.com", " ADA@example.com", "ada@example.com"} {
		e := d.event(gatehouse.PasswordResetRequested)
		e.User, e.Account = "", account
		if err := d.RequestReset(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.RequestReset(d.event(gatehouse.PasswordResetRequested)); !errors.Is(err, gatehouse.ErrBusy) {
		t.Errorf("the fifth: %v", err)
	}
	d.Tell(t.Context(), d.event(gatehouse.LoginFailed), gatehouse.Decision{Findings: []gatehouse.Finding{{Kind: gatehouse.BruteForceDetected}}})
	if len(d.errors) != 1 || !errors.Is(d.errors[0], gatehouse.ErrBusy) {
		t.Errorf("a notice for which there is no room: %v", d.errors)
	}
	if n := len(d.queued()); n != 0 {
		t.Errorf("%d messages before anybody looked", n)
	}
	d.workOff()
	if n := len(d.queued()); n != 2 || len(d.errors) != 1 {
		t.Errorf("%d messages, want 2; %v", n, d.errors)
	}
}

// Run looks into requests as they come and ends with its context.
func TestRun(t *testing.T) {
	d := newDesk(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	if err := d.RequestReset(d.event(gatehouse.PasswordResetRequested)); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(d.queued()) == 0 {
		<-tick.C
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// sink keeps what is sent.
type sink struct{ got []notify.Message }

func (s *sink) Send(_ context.Context, m notify.Message) error {
	s.got = append(s.got, m)
	return nil
}

func TestLinksAreFilledInWhenSent(t *testing.T) {
	d := newDesk(t, nil)
	d.Tell(t.Context(), d.event(gatehouse.PasswordChanged), gatehouse.Decision{})
	waits := d.queued()[0].Message
	var s sink
	for range 2 { // an attempt and another one
		if err := d.Notifier(&s).Send(t.Context(), waits); err != nil {
			t.Fatal(err)
		}
	}
	sent := s.got[0].Links[0].URL
	prefix := "https://login.example.com/account/not-me?token=ghl_"
	if !strings.HasPrefix(sent, prefix) || sent != s.got[1].Links[0].URL || strings.Contains(waits.Links[0].URL, "token") {
		t.Errorf("%q waits, %q and %q were sent", waits.Links[0].URL, sent, s.got[1].Links[0].URL)
	}
	if u, err := d.service.Disown(t.Context(), strings.TrimPrefix(sent, strings.TrimSuffix(prefix, "ghl_"))); err != nil || u.ID != d.user.ID {
		t.Errorf("the link sent: %+v, %v", u, err)
	}
	// Findings are none of its business, even with a link that looks alike.
	finding := notify.Message{Kind: notify.Opened, Links: []notify.Link{{URL: "https://example.com/?ticket=x"}}}
	if err := d.Notifier(&s).Send(t.Context(), finding); err != nil || s.got[2].Links[0].URL != finding.Links[0].URL {
		t.Errorf("%v, %+v", err, s.got[2])
	}
	damaged := waits
	damaged.Links = []notify.Link{{URL: "https://login.example.com/account/reset?ticket=x"}}
	var none *accountmail.Mailer
	for name, m := range map[string]*accountmail.Mailer{"a ticket that is none": d.Mailer, "no mailer any more": none} {
		if err := m.Notifier(&s).Send(t.Context(), damaged); !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// deadOutbox takes nothing until its context ends.
type deadOutbox struct{}

func (deadOutbox) Enqueue(ctx context.Context, _ ...outbox.Delivery) error {
	<-ctx.Done()
	return gatehouse.ErrUnavailable
}

// An outbox that hangs holds a login up for the time-out and no longer, and a
// client that hangs up loses nothing.
func TestOutboxHangs(t *testing.T) {
	d := newDesk(t, func(o *accountmail.Options) { o.Outbox, o.Timeout = deadOutbox{}, 20*time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.Tell(ctx, d.event(gatehouse.PasswordChanged), gatehouse.Decision{})
	d.Disowned(ctx, d.user, d.event(gatehouse.LoginDisowned))
	if len(d.errors) != 2 || !errors.Is(d.errors[0], gatehouse.ErrUnavailable) {
		t.Errorf("heard of %v", d.errors)
	}

	d = newDesk(t, nil)
	d.Tell(ctx, d.event(gatehouse.PasswordChanged), gatehouse.Decision{})
	if len(d.queued()) != 1 {
		t.Errorf("nobody was told, as the client hung up: %v", d.errors)
	}
}

// A store that hangs does not hold up the end of the process.
func TestRunEndsInTime(t *testing.T) {
	d := newDesk(t, func(o *accountmail.Options) { o.Outbox, o.Timeout, o.Resets = deadOutbox{}, 50*time.Millisecond, 1000 })
	for range 1000 {
		if err := d.RequestReset(d.event(gatehouse.PasswordResetRequested)); err != nil {
			t.Fatal(err)
		}
	}
	d.workOff()
	if n := len(d.errors); n < 1 || n > 10 {
		t.Errorf("%d of 1000 were tried within twice 50 ms", n)
	}
}

func TestNobody(t *testing.T) {
	var m *accountmail.Mailer
	m.Tell(t.Context(), gatehouse.Event{Kind: gatehouse.PasswordChanged}, gatehouse.Decision{})
	m.Disowned(t.Context(), accounts.User{}, gatehouse.Event{})
	if err := errors.Join(m.RequestReset(gatehouse.Event{}), m.Run(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	d := newDesk(t, nil)
	good := accountmail.Options{Accounts: d.service, Outbox: d.store, PublicURL: "https://login.example.com/auth"}
	if _, err := accountmail.New(good); err != nil {
		t.Fatal(err)
	}
	odd := good
	odd.Queue, odd.Delay, odd.Notices = -1, -1, -1 // the defaults
	m, err := accountmail.New(odd)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RequestReset(d.event(gatehouse.PasswordResetRequested)); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != nil || len(d.queued()) != 1 {
		t.Errorf("%v, %d messages", err, len(d.queued()))
	}
	for name, change := range map[string]func(*accountmail.Options){
		"no accounts": func(o *accountmail.Options) { o.Accounts = nil },
		"no outbox":   func(o *accountmail.Options) { o.Outbox = nil },
		"no URL":      func(o *accountmail.Options) { o.PublicURL = "" },
		"a path":      func(o *accountmail.Options) { o.PublicURL = "/auth" },
		"a script":    func(o *accountmail.Options) { o.PublicURL = "javascript:alert(1)" },
		"a query":     func(o *accountmail.Options) { o.PublicURL += "?x=1" },
		"a fragment":  func(o *accountmail.Options) { o.PublicURL += "#x" },
		"a user":      func(o *accountmail.Options) { o.PublicURL = "https://bob:hunter2@login.example.com" },
	} {
		o := good
		change(&o)
		if _, err := accountmail.New(o); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
