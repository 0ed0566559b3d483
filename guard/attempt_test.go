package guard_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
)

// queue makes something happen while an attempt waits for its turn.
type queue struct {
	gatehouse.Windows
	meanwhile func()
}

func (q *queue) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	r, tally, err := q.Windows.Reserve(ctx, at, key, limit, wait)
	if q.meanwhile != nil {
		q.meanwhile()
	}
	return r, tally, err
}

// An address that is blocked while its attempts wait gets none of them, and
// they cost the account nothing.
func TestBlockedInTheQueue(t *testing.T) {
	q := new(queue)
	d := newDesk(t, func(o *guard.Options) { q.Windows, o.Windows, o.LoginWait = o.Windows, q, time.Nanosecond })
	for range 5 {
		q.meanwhile = func() {
			if _, err := d.BlockIP(t.Context(), gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, Reason: "test"}); err != nil {
				t.Error(err)
			}
		}
		if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Blocked {
			t.Fatalf("blocked while it waited: %+v", got)
		}
		q.meanwhile = nil
		if _, err := d.UnblockIP(t.Context(), d.now, guard.CountingPrefix(home), "an operator"); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.succeed("ada@example.com", home, "laptop"); !got.Allowed() {
		t.Errorf("after the block: %+v", got)
	}
}

// Beyond the limit the password is not looked at, whether or not a block holds.
func TestSixthAttemptWithoutABlock(t *testing.T) {
	for want, blockFor := range map[time.Duration]time.Duration{5 * time.Minute: 0, time.Hour: time.Hour} {
		d := newDesk(t, func(o *guard.Options) {
			o.Rules = rules.Default()
			o.Rules.BruteForce.Respond = rules.Responses{BlockIP: blockFor}
			o.Blocks = noBlocks{o.Blocks}
		})
		for range 5 {
			d.fail("ada@example.com", home)
		}
		if got := d.succeed("ada@example.com", home, "laptop"); got.Verdict != gatehouse.Limited || got.RetryAfter != want {
			t.Errorf("a block for %v that does not hold: %+v", blockFor, got)
		}
	}
}

func TestSuccessForgetsFailures(t *testing.T) {
	d := newDesk(t, nil)
	for range 3 {
		for i := range 4 {
			if got := d.fail("ada@example.com", home); !got.Allowed() || got.Findings != nil {
				t.Fatalf("failure %d after a success: %+v", i+1, got)
			}
		}
		d.succeed("ada@example.com", home, "laptop")
	}
}

// A failed login shows a script as well as one that succeeds.
func TestUserAgentOfAFailedLogin(t *testing.T) {
	d := newDesk(t, nil)
	e := d.event("ada@example.com", home)
	e.UserAgent = "sqlmap/1.7"
	a, _ := d.Begin(t.Context(), e)
	got, err := a.Fail(t.Context(), d.now, "password")
	if err != nil || len(got.Findings) != 1 || got.Findings[0].Kind != gatehouse.SuspiciousActivity {
		t.Errorf("%+v, %v", got, err)
	}
}

// A password that is given to change it, or given again, is no login: it shows no
// place and no device. It is recorded as what it is, and shares the account's
// attempts with logins.
func TestPasswordOfSomebodySignedIn(t *testing.T) {
	type begin = func(*guard.Guard, context.Context, gatehouse.Event) (*guard.Attempt, gatehouse.Decision)
	for _, c := range []struct {
		begin                      begin
		succeeded, failed, refused gatehouse.Kind
	}{
		{(*guard.Guard).BeginPasswordChange, gatehouse.PasswordChanged, gatehouse.PasswordChangeFailed, gatehouse.PasswordChangeRefused},
		{(*guard.Guard).BeginStepUp, gatehouse.StepUpSucceeded, gatehouse.StepUpFailed, gatehouse.StepUpRefused},
	} {
		d := newDesk(t, nil)
		d.succeed("ada@example.com", home, "laptop")
		a, _ := c.begin(d.Guard, t.Context(), d.event("ada@example.com", abroad))
		got, err := a.Succeed(t.Context(), d.now, gatehouse.Subject{User: "id of ada@example.com"}, gatehouse.Device{ID: "phone"})
		if err != nil || got.Findings != nil {
			t.Errorf("%s: %+v, %v", c.succeeded, got, err)
		}
		d.fail("ada@example.com", abroad)
		for range 4 {
			a, _ := c.begin(d.Guard, t.Context(), d.event("ada@example.com", abroad))
			if got, err = a.Fail(t.Context(), d.now, "password"); err != nil {
				t.Fatal(err)
			}
		}
		if len(got.Findings) != 1 || got.Findings[0].Kind != gatehouse.BruteForceDetected {
			t.Errorf("%s: the fifth failure: %+v", c.failed, got)
		}
		if a, got := c.begin(d.Guard, t.Context(), d.event("ada@example.com", abroad)); a != nil || got.Allowed() {
			t.Errorf("%s: the sixth attempt: %+v", c.refused, got)
		}
		if s, f, r := d.count(c.succeeded), d.count(c.failed), d.count(c.refused); s != 1 || f != 4 || r != 1 {
			t.Errorf("on record: %d of %s, %d of %s, %d of %s", s, c.succeeded, f, c.failed, r, c.refused)
		}
	}
}

// strict is a store that does nothing for a client that is gone.
type strict struct {
	gatehouse.Journal
	gatehouse.Windows
}

func (s strict) Append(ctx context.Context, r ...gatehouse.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Journal.Append(ctx, r...)
}

func (s strict) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, o gatehouse.Outcome) (gatehouse.Tally, error) {
	if err := ctx.Err(); err != nil {
		return gatehouse.Tally{}, err
	}
	return s.Windows.Settle(ctx, at, r, o)
}

// Whoever hangs up is settled and recorded all the same.
func TestHangingUpHidesNothing(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) { // whose OnError fails the test
		s := strict{o.Journal, o.Windows}
		o.Journal, o.Windows = s, s
	})
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	begin := func(account string) *guard.Attempt {
		a, got := d.Begin(t.Context(), d.event(account, home))
		if a == nil {
			t.Fatalf("refused: %+v", got)
		}
		return a
	}
	begin("ada@example.com").Abandon(gone)
	if _, err := begin("ada@example.com").Succeed(gone, d.now, gatehouse.Subject{User: "ada"}, gatehouse.Device{}); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	e := d.event("ada@example.com", away)
	e.Kind = gatehouse.TokenReused
	if _, err := d.Observe(gone, e); err != nil {
		t.Errorf("Observe: %v", err)
	}
	e.Kind = gatehouse.RequestRefused
	for range 51 { // the last but one is found, the last is refused
		d.Admit(gone, e)
	}
	for _, kind := range []gatehouse.Kind{gatehouse.LoginSucceeded, gatehouse.TokenReused, gatehouse.BotActivityDetected, gatehouse.RequestRefused} {
		if n := d.count(kind); n != 1 {
			t.Errorf("%d records of %s, want 1", n, kind)
		}
	}
}

// diary notes what happened in which order.
type diary struct {
	gatehouse.Journal
	did []string
}

func (y *diary) Append(ctx context.Context, r ...gatehouse.Record) error {
	y.did = append(y.did, "record")
	return y.Journal.Append(ctx, r...)
}

func (y *diary) Alert(context.Context, gatehouse.Record) error {
	y.did = append(y.did, "alert")
	return nil
}

// People hear of an attack once it is on record, not before.
func TestRecordedBeforeAlerted(t *testing.T) {
	y := new(diary)
	d := newDesk(t, func(o *guard.Options) { y.Journal, o.Journal, o.Alerts = o.Journal, y, y })
	for range 5 {
		d.fail("ada@example.com", netip.MustParseAddr("192.0.2.1"))
	}
	if want := []string{"record", "record", "record", "record", "record", "alert"}; !slices.Equal(y.did, want) {
		t.Errorf("did %v", y.did)
	}
}
