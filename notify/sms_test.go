package notify_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/safedial"
	"github.com/fluxstudio/gatehouse/notify"
)

func smsOptions(base string) notify.SMSOptions {
	return notify.SMSOptions{URL: base, AccountSID: "AC0123", AuthToken: "s3cret", From: "+15005550006", To: "+491700000000", Reach: loopback}
}

func newSMS(t *testing.T, o notify.SMSOptions) *notify.SMS {
	t.Helper()
	s, err := notify.NewSMS(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSMSArrives(t *testing.T) {
	var got url.Values
	var path, user, password, key string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got, path, key = r.PostForm, r.URL.Path, r.Header.Get("Idempotency-Key")
		user, password, _ = r.BasicAuth()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"sid":"SM1","status":"queued"}`)
	}))
	defer s.Close()
	sms := newSMS(t, smsOptions(s.URL+"/prefix/"))
	if err := sms.Send(t.Context(), alert(t, "ada@example.com", "curl/8.5")); err != nil {
		t.Fatal(err)
	}
	if path != "/prefix/2010-04-01/Accounts/AC0123/Messages.json" || user != "AC0123" || password != "s3cret" || key != `"019ab3f2-9c1e-7d00-8000-1f2e3d4c5b6a-opened"` {
		t.Errorf("%s as %s:%s, key %s", path, user, password, key)
	}
	body := got.Get("Body")
	if got.Get("From") != "+15005550006" || got.Get("To") != "+491700000000" || notify.SMSParts(body) > 2 ||
		!strings.HasPrefix(body, "HIGH: Somebody is guessing a password: ada@example.com\nShow the log: https://") {
		t.Errorf("%v", got)
	}
	o := smsOptions(s.URL)
	o.From = "MG0123"
	m := alert(t, strings.Repeat("é", 400), "")
	m.To = "+4915100000000"
	if err := newSMS(t, o).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got.Get("MessagingServiceSid") != "MG0123" || got.Has("From") || got.Get("To") != m.To || notify.SMSParts(got.Get("Body")) > 2 {
		t.Errorf("%v", got)
	}
}

func TestSMSAnswers(t *testing.T) {
	for _, c := range []struct {
		status    int
		body      string
		permanent bool
		after     time.Duration
	}{
		{400, `{"code":21211,"message":"The 'To' number +491700000000 is not valid: s3cret"}`, true, 0},
		{401, `{"code":20003}`, false, 0}, {403, "", false, 0}, {404, "not JSON", true, 0}, {410, "", true, 0},
		{429, `{"code":20429}`, false, 7 * time.Second}, {500, strings.Repeat("x", 1<<20), false, 7 * time.Second}, {301, "", false, 7 * time.Second},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.after > 0 {
					w.Header().Set("Retry-After", "7")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer s.Close()
			err := newSMS(t, smsOptions(s.URL)).Send(t.Context(), alert(t, "ada@example.com", ""))
			after, _ := notify.RetryAfter(err)
			if err == nil || errors.Is(err, notify.ErrPermanent) != c.permanent || after != c.after || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v, permanent %v, after %v", err, errors.Is(err, notify.ErrPermanent), after)
			}
			if c.status == 400 && !strings.Contains(err.Error(), "code 21211") {
				t.Errorf("%v does not name the service's code", err)
			}
		})
	}
}

func TestSMSOptions(t *testing.T) {
	for name, change := range map[string]func(*notify.SMSOptions){
		"no account":   func(o *notify.SMSOptions) { o.AccountSID = "" },
		"no token":     func(o *notify.SMSOptions) { o.AuthToken = "" },
		"no sender":    func(o *notify.SMSOptions) { o.From = "" },
		"no number":    func(o *notify.SMSOptions) { o.To = "0170" },
		"no TLS":       func(o *notify.SMSOptions) { o.URL = "http://sms.example.com"; o.AllowHTTP = false },
		"no URL":       func(o *notify.SMSOptions) { o.URL = "sms.example.com" },
		"user in URL":  func(o *notify.SMSOptions) { o.URL = "https://s3cret@sms.example.com" },
		"broken URL":   func(o *notify.SMSOptions) { o.URL = "https://s3cret:x@[" },
		"other scheme": func(o *notify.SMSOptions) { o.URL = "gopher://sms.example.com" },
	} {
		o := smsOptions("https://sms.example.com")
		change(&o)
		if s, err := notify.NewSMS(o); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	o := smsOptions("http://127.0.0.1:1")
	o.Allow = nil
	if err := newSMS(t, o).Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, safedial.ErrRefused) {
		t.Errorf("%v", err)
	}
	m := notify.Message{Kind: notify.Notice, Key: "k", Title: "x", To: "ada@example.com", Severity: gatehouse.Info}
	if err := newSMS(t, smsOptions("https://sms.example.com")).Send(t.Context(), m); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("%v", err)
	}
}

func TestSMSParts(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1}, {strings.Repeat("a", 160), 1}, {strings.Repeat("a", 161), 2}, {strings.Repeat("a", 306), 2}, {strings.Repeat("a", 307), 3},
		{strings.Repeat("[", 80), 1}, {strings.Repeat("[", 81), 2}, {strings.Repeat("ż", 70), 1}, {strings.Repeat("ż", 71), 2},
		{strings.Repeat("a", 70) + "ż", 2}, {strings.Repeat("😀", 35), 1}, {strings.Repeat("😀", 36), 2},
	} {
		if got := notify.SMSParts(c.text); got != c.want {
			t.Errorf("%.5q… (%d bytes): %d parts, want %d", c.text, len(c.text), got, c.want)
		}
	}
}
