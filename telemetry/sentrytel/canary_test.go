package sentrytel_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// canary is planted wherever a secret may be, and looked for in every byte that
// leaves.
const canary = "c4n4ry"

// plant returns the n-th canary, so that one that got out is known.
func plant(n int) string { return fmt.Sprintf("%s%02dQx9z", canary, n) }

const places = 50

func TestCanary(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) {
		o.SameEventsPerMinute, o.EventsPerMinute, o.TracesSampleRate = 100, 1000, rate(1)
	})
	planted := map[int]bool{}
	p := func(n int) string { planted[n] = true; return plant(n) }
	pass := func(n int) string { return "password=" + p(n) }

	// In a request, with an error and a panic about it.
	h := site(m, map[string]http.HandlerFunc{
		"POST /fails/{token}": httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			m.Breadcrumb(r.Context(), "auth", pass(1), map[string]string{"refresh_token": p(2), "note": "Bearer " + p(3)})
			return errors.Join(fmt.Errorf("post https://user:%s@example.com/: %w", p(4), errors.New(pass(5))), errors.New(`{"client_secret":"`+p(6)+`"}`))
		}).ServeHTTP,
		"POST /panics":       func(http.ResponseWriter, *http.Request) { panic("Authorization: Bearer " + p(7)) },
		"POST /panics/error": func(http.ResponseWriter, *http.Request) { panic(errors.New("api_key=" + p(8))) },
		"POST /panics/value": func(http.ResponseWriter, *http.Request) { panic(struct{ Password string }{p(9)}) },
	})
	for _, path := range []string{"/fails/" + p(10), "/panics", "/panics/error", "/panics/value"} {
		r := httptest.NewRequest("POST", path+"?token="+p(11)+"&code="+p(12), strings.NewReader("password="+p(13)))
		r.Header.Set("Authorization", "Bearer "+p(14))
		r.Header.Set("Cookie", "session="+p(15))
		r.Header.Set("X-Api-Key", p(16))
		r.Header.Set("X-Forwarded-For", p(17))
		r.Header.Set("User-Agent", "Mozilla/5.0 token="+p(18))
		r.Header.Set("Content-Type", "application/json; secret="+p(19))
		r.Header.Set("Referer", "https://example.com/?code="+p(20))
		r.SetBasicAuth("user", p(21))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	m.Survived(t.Context(), "append", fmt.Errorf("dial redis://:%s@localhost: refused", p(22)))
	m.CheckIn(t.Context(), "backup", sentrytel.Schedule{})(errors.New("passwd: " + p(23)))

	// In records.
	r := bruteForce(attacker, "a", 1)
	r.UserAgent, r.Account, r.Session = "x password="+p(24), p(25)+"@example.com", p(26)
	r.Device.Name = "secret=" + p(27)
	r.Finding.Evidence.UserAgent = "Bearer " + p(28)
	r.Finding.Actions[0].Failure = pass(29)
	m.Records([]gatehouse.Record{r})
	m.Records([]gatehouse.Record{failed(netip.MustParseAddr("192.0.2.1"), p(25)+"@example.com")})

	// In the log and in metrics.
	log := slog.New(m.LogHandler(slog.LevelInfo))
	log.Warn("login with "+pass(30), "password", p(31), "cookie", p(32), slog.Group("request", "authorization", "Basic "+p(33)), "err", errors.New("token="+p(34)))
	m.Meter().Count("logins", 1, sentry.WithAttributes(attribute.String("api_key", p(35)), attribute.String("query", "?access_token="+p(36))))

	// Through the SDK itself, by those who know no better.
	hub := m.Hub()
	scope := hub.Scope()
	req := httptest.NewRequest("POST", "/reset/"+p(37)+"?token="+p(38), nil)
	req.Header.Set("Cookie", "a="+p(39))
	scope.SetRequest(req)
	scope.SetTag("password", p(40))
	scope.SetTag("note", "token="+p(41))
	scope.SetContext("login", sentry.Context{"deep": map[string]any{"list": []any{map[string]any{"passwd": p(42)}}}})
	scope.SetUser(sentry.User{ID: p(43), Email: p(44) + "@example.com", Username: p(44), IPAddress: "203.0.113.9", Data: map[string]string{"x": p(44)}})
	scope.AddAttachment(&sentry.Attachment{Filename: p(45), Payload: []byte(p(45))})
	hub.AddBreadcrumb(&sentry.Breadcrumb{Message: "x_secret=" + p(46), Data: map[string]any{"Set-Cookie": p(46)}}, nil)
	e := sentry.NewEvent()
	e.Message, e.Logger, e.Transaction = pass(47), "token="+p(47), "/x?token="+p(47)
	e.Fingerprint, e.ServerName, e.Modules = []string{"secret=" + p(48)}, p(48), map[string]string{p(48): "1"}
	e.Request = &sentry.Request{Data: p(49), Env: map[string]string{"A": p(49)}, URL: "https://u:" + p(49) + "@example.com/" + p(49)}
	e.Exception = []sentry.Exception{{Type: "x", Value: pass(50), Stacktrace: &sentry.Stacktrace{Frames: []sentry.Frame{{Vars: map[string]any{"v": p(50)}, ContextLine: p(50)}}},
		Mechanism: &sentry.Mechanism{Data: map[string]any{"token": p(50)}}}}
	hub.CaptureEvent(e)
	hub.CaptureException(errors.New(pass(50)))
	span := sentry.StartSpan(sentry.SetHubOnContext(t.Context(), hub), "op", sentry.WithTransactionName("x"))
	child := span.StartChild("db", sentry.WithDescription("SELECT password='"+p(50)+"'"))
	child.SetData("authorization", p(50))
	child.SetTag("cookie", p(50))
	child.Finish()
	span.SetData("token", p(50))
	span.Finish()
	flush(t, m)

	if len(planted) < places {
		t.Errorf("%d places, want %d", len(planted), places)
	}
	for _, kind := range []string{"event", "transaction", "log", "trace_metric", "check_in"} {
		if len(s.of(kind)) == 0 {
			t.Errorf("nothing of type %s arrived", kind)
		}
	}
	out := s.raw.String()
	for i := strings.Index(out, canary); i >= 0; i = strings.Index(out, canary) {
		t.Errorf("got out: …%s…", out[max(0, i-120):min(len(out), i+20)])
		out = out[i+len(canary):]
	}
	for _, personal := range []string{"203.0.113", "192.0.2.1"} {
		if strings.Contains(s.raw.String(), personal) {
			t.Errorf("%s got out", personal)
		}
	}
}

func TestPersonalDataInTexts(t *testing.T) {
	for text, want := range map[string]string{
		"no such user jane.doe+x@mail.example.com!": "no such user [email]!",
		"dial tcp 203.0.113.9:6379: refused":        "dial tcp [ip]:6379: refused",
		"dial tcp [2001:db8::5]:6379: refused":      "dial tcp [[ip]]:6379: refused",
		"dial tcp 127.0.0.1:6379: refused":          "dial tcp 127.0.0.1:6379: refused",
		"at 12:30:00 version 1.2.3":                 "at 12:30:00 version 1.2.3",
		"guard::check, a::step:":                    "guard::check, a::step:",
		"from 2001:db8::5: gone, 2001:db8::6.":      "from [ip]: gone, [ip].",
		"a net 2001:db8::/32":                       "a net [ip]/32",
	} {
		s := newIngest(t)
		m := newMonitor(t, s, nil)
		m.Survived(t.Context(), "x", errors.New(text))
		flush(t, m)
		if got := s.only(t, "event").at("exception.0.value"); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A text that is too long is cut between words, and costs no more than a short
// one.
func TestLongTexts(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, nil)
	m.Survived(t.Context(), "x", errors.New(strings.Repeat("word ", 819)+"password=hunter2"+strings.Repeat("x", 1<<20)))
	flush(t, m)
	got := s.only(t, "event").at("exception.0.value").(string)
	if len(got) > 4200 || strings.Contains(got, "hunter") || !strings.HasPrefix(got, "word word") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-40:])
	}
}

// A scrubber that fails lets nothing out.
func TestScrubberThatPanics(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Scrubber = broken{} })
	m.Survived(t.Context(), "x", errors.New("x"))
	slog.New(m.LogHandler(nil)).Error("x")
	m.Meter().Count("x", 1)
	m.Hub().AddBreadcrumb(&sentry.Breadcrumb{Message: "x", Timestamp: time.Now()}, nil)
	m.Hub().CaptureMessage("x")
	flush(t, m)
	if got := m.Stats(); len(s.items) != 0 || got.Dropped[sentrytel.Failed] != 4 {
		t.Errorf("%d items; %+v", len(s.items), got)
	}
}

type broken struct{}

func (broken) Text(string) string { panic("broken") }
func (broken) Value(any) any      { panic("broken") }
