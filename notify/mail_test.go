package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/notify"
)

func newMail(t *testing.T, o notify.MailOptions) *notify.Mail {
	t.Helper()
	m, err := notify.NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMailArrives(t *testing.T) {
	for _, mode := range []notify.TLSMode{notify.StartTLS, notify.ImplicitTLS, notify.NoTLS} {
		for _, mechanism := range []string{"", "PLAIN", "LOGIN"} {
			t.Run(string(mode)+mechanism, func(t *testing.T) {
				setup := mailSetup{tls: mode}
				if mechanism != "" {
					setup.auth = []string{mechanism}
				}
				server := startMail(t, setup)
				o := server.options(mode)
				if mechanism != "" {
					o.Username, o.Password = "gatehouse", "sesame"
				}
				if err := newMail(t, o).Send(t.Context(), alert(t, "ada@example.com", "curl/8.5")); err != nil {
					t.Fatal(err)
				}
				got := server.only(t)
				if got.from != "alerts@example.com" || got.to != "ops@example.com" || got.secure != (mode != notify.NoTLS) {
					t.Errorf("envelope: %q to %q, TLS %v", got.from, got.to, got.secure)
				}
				if mechanism != "" && !slices.Equal(server.logins, []string{mechanism}) {
					t.Errorf("logged in by %q", server.logins)
				}
			})
		}
	}
}

func TestMailContent(t *testing.T) {
	server := startMail(t, mailSetup{tls: notify.StartTLS})
	o := server.options(notify.StartTLS)
	o.Now = func() time.Time { return time.Date(2026, 11, 23, 15, 0, 0, 0, berlin) }
	m := alert(t, "zoë@example.com", "curl/8.5")
	if err := newMail(t, o).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	l := parse(t, server.only(t).raw)
	for name, want := range map[string]string{
		"From": `"Gatehouse" <alerts@example.com>`, "To": "<ops@example.com>", "Auto-Submitted": "auto-generated",
		"Message-Id": "<019ab3f2-9c1e-7d00-8000-1f2e3d4c5b6a-opened@example.com>",
		"References": "<019ab3f2-9c1e-7d00-8000-1f2e3d4c5b6a@example.com>", "Date": "Mon, 23 Nov 2026 15:00:00 +0100",
	} {
		if got := l.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if want := "Somebody is guessing a password: zoë@example.com"; l.subject != want {
		t.Errorf("subject %q", l.subject)
	}
	for _, want := range []string{
		"Somebody is guessing a password\n", "23 November 2026, 15:03:09 CET (UTC+01:00)", "Account          zoë@example.com\n",
		"Address          203.0.113.7\n", "Amsterdam, NL (Example Hosting)", "5 in 5 minutes, by account and ip; the limit is 5",
		"blocked 203.0.113.7 until 23 November 2026, 15:18:09 CET", "To undo          gatehouse blocks remove 203.0.113.7\n",
		"Show the log:\nhttps://gatehouse.example.com/log?finding=019ab3f2\n", "\n-- \n", "Severity: high.",
	} {
		if !strings.Contains(l.text, want) {
			t.Errorf("the text lacks %q:\n%s", want, l.text)
		}
	}
	for _, want := range []string{"<bdi>zoë@example.com</bdi>", `href="https://gatehouse.example.com/log?finding=019ab3f2"`,
		"15:18:09 CET", "background:#c2410c", ">high</span>", "prefers-color-scheme: dark"} {
		if !strings.Contains(l.html, want) {
			t.Errorf("the HTML lacks %q", want)
		}
	}
	if strings.Contains(l.html, "ZgotmplZ") || strings.Contains(l.text, "{{") {
		t.Error("a template went wrong")
	}
	if dir := os.Getenv("NOTIFY_MAIL_DIR"); dir != "" { // to be looked at
		if err := os.WriteFile(dir+"/mail.html", []byte(l.html), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMailKinds(t *testing.T) {
	record := bruteForce("ada@example.com", "curl/8.5")
	resolved, _ := notify.ForFinding(notify.Resolved, record, time.UTC)
	for _, c := range []struct {
		name, to   string
		m          notify.Message
		text, html string
	}{
		{"resolved", "ops@example.com", resolved, "Over: Somebody is guessing a password", ">resolved</span>"},
		{"notice", "ada@example.com", notify.Message{Kind: notify.Notice, Key: "n1", To: "Ada <ada@example.com>", Title: "Your password was changed"},
			"because it is about your account", ">your account</span>"},
		{"test", "ops@example.com", notify.Message{Kind: notify.Test, Key: "t1", Title: "A test"}, "A test", ">test</span>"},
		{"text only", "ops@example.com", notify.Message{Kind: notify.Test, Key: "t1", Text: "one\ntwo"}, "one\ntwo\n", "one\ntwo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := startMail(t, mailSetup{tls: notify.NoTLS})
			if err := newMail(t, server.options(notify.NoTLS)).Send(t.Context(), c.m); err != nil {
				t.Fatal(err)
			}
			got := server.only(t)
			l := parse(t, got.raw)
			if got.to != c.to || !strings.Contains(l.text, c.text) || !strings.Contains(l.html, c.html) || l.subject == "" {
				t.Errorf("to %s, subject %q\n%s\n%s", got.to, l.subject, l.text, l.html)
			}
		})
	}
}

// What an attacker types shows as text, in every part.
func TestMailHostile(t *testing.T) {
	for name, evil := range map[string]string{
		"header":       "ada\r\nBcc: everybody@example.com\r\n\r\nbody",
		"bare newline": "ada\nX-Evil: 1",
		"encoded word": "=?utf-8?q?=0D=0ABcc:_x@example.com?=",
		"html":         `<script>alert(1)</script><img src=x onerror=alert(1)>"'>`,
		"terminal":     "\x1b[2J\x1b]0;x\x07 \u009b31m",
		"bidi":         "\u202eada\u2066\u200f\u2028x\u0085",
		"link":         "https://evil.example/ www.evil.example",
		"template":     "{{.Foot}} {{printf \"%s\" 1}}",
		"dot":          ".\r\n.\r\nQUIT",
		"long":         strings.Repeat("\u202e<b>", 10_000),
		"not UTF-8":    "\xff\xfe\xc3",
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, mailSetup{tls: notify.NoTLS})
			m := alert(t, evil, evil)
			m.Key, m.Thread, m.Event = evil, evil, gatehouse.Kind(evil)
			m.Facts = append(m.Facts, notify.Fact{Name: evil, Value: evil})
			m.Links = []notify.Link{{Label: evil, URL: "https://gatehouse.example.com/"}, {Label: "x", URL: "javascript:alert(1)"},
				{Label: "x", URL: "https://user@evil.example/"}, {Label: "x", URL: "https://evil.example\r\n/"}}
			if err := newMail(t, server.options(notify.NoTLS)).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := server.only(t)
			l := parse(t, got.raw)
			var names []string
			for name := range l.Header {
				names = append(names, name)
			}
			slices.Sort(names)
			if want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "References", "Subject", "To", "X-Auto-Response-Suppress"}; !slices.Equal(names, want) {
				t.Errorf("headers %q", names)
			}
			if got.to != "ops@example.com" || l.Get("To") != "<ops@example.com>" {
				t.Errorf("to %q, %q", got.to, l.Get("To"))
			}
			for part, s := range map[string]string{"subject": l.subject, "text": l.text, "HTML": l.html} {
				if strings.ContainsAny(s, "\x1b\x07\u009b\u202e\u2066\u200f\u2028\u0085\r") {
					t.Errorf("%s: %q", part, s)
				}
				if strings.Contains(s, "https://evil") || strings.Contains(s, "www.evil") || strings.Contains(s, "javascript:alert") {
					t.Errorf("%s has a link: %q", part, s)
				}
			}
			if strings.Contains(l.html, "<script") || strings.Contains(l.html, "<img") || strings.Contains(l.html, "<b>") {
				t.Errorf("HTML:\n%s", l.html)
			}
			for _, row := range strings.Split(string(got.raw), "\r\n") {
				if len(row) > 998 {
					t.Errorf("a line of %d characters", len(row))
				}
			}
		})
	}
}

func TestMailRefused(t *testing.T) {
	reply := func(code int) *smtp.SMTPError {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: "no"}
	}
	for _, c := range []struct {
		command   string
		code      int
		permanent bool
	}{
		{"MAIL", 550, true}, {"MAIL", 451, false}, {"MAIL", 530, false},
		{"RCPT", 550, true}, {"RCPT", 450, false}, {"RCPT", 452, false},
		{"DATA", 554, true}, {"DATA", 552, true}, {"DATA", 451, false}, {"DATA", 421, false},
		{"CONNECT", 554, false}, {"CONNECT", 421, false},
	} {
		t.Run(fmt.Sprint(c.command, c.code), func(t *testing.T) {
			server := startMail(t, mailSetup{tls: notify.NoTLS, refuse: map[string]*smtp.SMTPError{c.command: reply(c.code)}})
			err := newMail(t, server.options(notify.NoTLS)).Send(t.Context(), alert(t, "ada@example.com", ""))
			if err == nil || errors.Is(err, notify.ErrPermanent) != c.permanent {
				t.Errorf("%v, permanent %v", err, errors.Is(err, notify.ErrPermanent))
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprint(c.code)) {
				t.Errorf("the error does not name the reply: %v", err)
			}
		})
	}
}

// A server that will be mended: the mail must be tried again.
func TestMailTriedAgain(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	plain := startMail(t, mailSetup{tls: notify.NoTLS})
	locked := startMail(t, mailSetup{tls: notify.StartTLS, auth: []string{"PLAIN"}})
	for _, c := range []struct {
		name string
		o    notify.MailOptions
		mode func(*notify.MailOptions)
	}{
		{"refused connection", plain.options(notify.NoTLS), func(o *notify.MailOptions) { o.Port = port }},
		{"no STARTTLS", plain.options(notify.StartTLS), nil},
		{"unknown authority", locked.options(notify.StartTLS), func(o *notify.MailOptions) { o.RootCAs = nil }},
		{"wrong password", locked.options(notify.StartTLS), func(o *notify.MailOptions) { o.Username, o.Password = "gatehouse", "wr0ng-secret" }},
		{"no authentication offered", plain.options(notify.NoTLS), func(o *notify.MailOptions) { o.Username, o.Password = "gatehouse", "wr0ng-secret" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.mode != nil {
				c.mode(&c.o)
			}
			err := newMail(t, c.o).Send(t.Context(), alert(t, "ada@example.com", ""))
			if err == nil || errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "wr0ng-secret") {
				t.Errorf("%v", err)
			}
		})
	}
	if len(plain.mails)+len(locked.mails) != 0 {
		t.Error("a mail arrived")
	}
}

// listen accepts connections and lets serve have them until the test ends.
func listen(t *testing.T, serve func(net.Conn)) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().(*net.TCPAddr)
}

// hungUp waits until the client has given up a connection, and closes it.
func hungUp(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the client still holds the connection")
	}
}

func TestMailHangs(t *testing.T) {
	arrived := make(chan net.Conn, 4)
	addr := listen(t, func(c net.Conn) { arrived <- c })
	o := notify.MailOptions{Host: "127.0.0.1", Port: addr.Port, TLS: notify.NoTLS, From: "alerts@example.com", To: "ops@example.com"}
	t.Run("timeout", func(t *testing.T) {
		o := o
		o.Timeout = 50 * time.Millisecond
		if err := newMail(t, o).Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%v", err)
		}
		hungUp(t, <-arrived)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan net.Conn, 1)
		go func() { c := <-arrived; cancel(); accepted <- c }()
		defer func(start time.Time) {
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v to give up", took)
			}
		}(time.Now())
		if err := newMail(t, o).Send(ctx, alert(t, "ada@example.com", "")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		hungUp(t, <-accepted)
	})
}

// The server has taken the mail over, and dies before it says goodbye.
func TestMailDeliveredIsDelivered(t *testing.T) {
	server := startMail(t, mailSetup{tls: notify.NoTLS})
	hangs := listen(t, func(c net.Conn) { go proxyUntilQuit(c, server.port) })
	o := server.options(notify.NoTLS)
	o.Port = hangs.Port
	if err := newMail(t, o).Send(t.Context(), alert(t, "ada@example.com", "")); err != nil {
		t.Errorf("a mail that was accepted would be sent twice: %v", err)
	}
	server.only(t)
}

// proxyUntilQuit forwards both ways and hangs up when the client says QUIT.
func proxyUntilQuit(c net.Conn, port int) {
	defer c.Close()
	s, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := s.Read(buf)
			if err != nil {
				return
			}
			_, _ = c.Write(buf[:n])
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil || strings.HasPrefix(string(buf[:n]), "QUIT") {
			return
		}
		_, _ = s.Write(buf[:n])
	}
}

func TestMailOptions(t *testing.T) {
	good := notify.MailOptions{Host: "mail.example.com", From: "alerts@example.com"}
	if _, err := notify.NewMail(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*notify.MailOptions){
		"host":                   func(o *notify.MailOptions) { o.Host = "" },
		"not a name":             func(o *notify.MailOptions) { o.Host = "a b" },
		"use starttls":           func(o *notify.MailOptions) { o.TLS = "ssl" },
		"port":                   func(o *notify.MailOptions) { o.Port = 70000 },
		"from":                   func(o *notify.MailOptions) { o.From = "alerts" },
		"to \"x":                 func(o *notify.MailOptions) { o.To = "x\r\nBcc: y@example.com" },
		"on this machine":        func(o *notify.MailOptions) { o.TLS = notify.NoTLS },
		"username and password ": func(o *notify.MailOptions) { o.Username = "x" },
	} {
		o := good
		change(&o)
		if _, err := notify.NewMail(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	anywhere := good
	anywhere.TLS, anywhere.PlainAnywhere = notify.NoTLS, true
	if _, err := notify.NewMail(anywhere); err != nil {
		t.Error(err)
	}
}

func TestMailUnsendable(t *testing.T) {
	m := newMail(t, notify.MailOptions{Host: "127.0.0.1", Port: 1, From: "alerts@example.com"})
	for name, msg := range map[string]notify.Message{
		"no key":      {Title: "x", To: "ada@example.com"},
		"no content":  {Key: "k", To: "ada@example.com"},
		"no receiver": {Key: "k", Title: "x"},
		"no mailbox":  {Key: "k", Title: "x", To: "ada"},
		"two":         {Key: "k", Title: "x", To: "ada@example.com, bob@example.com"},
		"injection":   {Key: "k", Title: "x", To: "ada@example.com>\r\nRCPT TO:<bob@example.com"},
	} {
		if err := m.Send(t.Context(), msg); !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
