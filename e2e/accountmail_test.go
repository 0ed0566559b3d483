package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fluxstudio/gatehouse"
)

// mailbox is a real SMTP server that keeps what it is given.
type mailbox struct {
	t       *testing.T
	port    int
	mu      sync.Mutex
	mails   []letter
	changed chan struct{}
}

// letter is a mail as its reader has it.
type letter struct {
	mail.Header
	to, raw, text, html string
}

func startMailbox(t *testing.T) *mailbox {
	t.Helper()
	m := &mailbox{t: t, changed: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: m}, nil }))
	s.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return m
}

// config has a server send its mails here.
func (m *mailbox) config() string {
	return fmt.Sprintf("public_url: https://login.example.com/auth\nmail: {host: 127.0.0.1, port: %d, tls: none, from: \"Example <no-reply@example.com>\"}\n", m.port)
}

type mailSession struct {
	box *mailbox
	to  []string
}

func (s *mailSession) Reset()                                    {}
func (s *mailSession) Logout() error                             { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = append(s.to, to); return nil }

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l, err := readLetter(raw)
	if err != nil {
		s.box.t.Errorf("%v in\n%s", err, raw)
	}
	l.to, l.raw = strings.Join(s.to, ","), string(raw)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, l)
	close(s.box.changed)
	s.box.changed = make(chan struct{})
	return nil
}

func readLetter(raw []byte) (l letter, err error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return l, err
	}
	l.Header = msg.Header
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for _, to := range []*string{&l.text, &l.html} {
		p, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			return l, err
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return l, err
		}
		*to = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return l, nil
}

// last returns the newest of n mails, once they are there, and no more.
func (m *mailbox) last(n int) letter {
	m.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		m.mu.Lock()
		got, changed := len(m.mails), m.changed
		if got >= n {
			defer m.mu.Unlock()
			if got > n {
				m.t.Fatalf("%d mails, want %d; the last one:\n%s", got, n, m.mails[got-1].text)
			}
			return m.mails[n-1]
		}
		m.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			m.t.Fatalf("%d mails, want %d", got, n)
		}
	}
}

var linkInText = regexp.MustCompile(`(?m)^https://login\.example\.com/auth(/account/[a-z-]+)\?token=(ghl_[A-Za-z0-9_-]{43})$`)

// link returns the page and the token of the one link in a mail.
func (l letter) link(t *testing.T) (page, token string) {
	t.Helper()
	found := linkInText.FindAllStringSubmatch(l.text, -1)
	if len(found) != 1 || !strings.Contains(l.html, found[0][2]) || strings.Count(l.text, "://") != 1 {
		t.Fatalf("links %v in\n%s", found, l.text)
	}
	return found[0][1], found[0][2]
}

// submit sends the form of a page as a browser does.
func (s *server) submit(page string, values url.Values) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.address()+page, strings.NewReader(values.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "null")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("User-Agent", browser)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (s *server) refused(what string, a answer, want int) {
	s.t.Helper()
	if a.status != want {
		s.t.Errorf("%s: %d %s, want %d", what, a.status, a.body, want)
	}
}

// A forgotten password, from the request over the mail to the new one.
func TestPasswordResetByMail(t *testing.T) {
	box := startMailbox(t)
	s := start(t, cheapHash+proxied+box.config())
	s.signup("ada@example.com")
	before := s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	forgot := call{method: "POST", path: "/api/auth/password/forgot", from: "192.0.2.1", body: map[string]string{"email": "Ada@example.com"},
		header: http.Header{"X-Forwarded-Host": {"evil.example.net"}, "Forwarded": {"host=evil.example.net"}}}
	s.refused("forgot", s.do(forgot), http.StatusAccepted)

	mail := box.last(1)
	page, token := mail.link(t)
	if page != "/account/reset" || mail.to != "ada@example.com" || !strings.Contains(mail.text, "192.0.2.1") {
		t.Errorf("to %s, with %s:\n%s", mail.to, page, mail.text)
	}
	reset := call{method: "POST", path: "/api/auth/password/reset", from: "192.0.2.1", body: map[string]string{"token": token, "new_password": "eight loud cormorants"}}
	s.refused("reset", s.do(reset), http.StatusNoContent)
	s.refused("an old session", s.do(call{method: "GET", path: "/api/auth/me", bearer: before.Access}), http.StatusUnauthorized)
	s.refused("an old refresh token", s.do(call{method: "POST", path: "/api/auth/refresh", body: map[string]string{"refresh_token": before.Refresh}}), http.StatusUnauthorized)
	s.refused("the old password", s.login("ada@example.com", password, "192.0.2.1"), http.StatusUnauthorized)
	s.login("ada@example.com", "eight loud cormorants", "192.0.2.1").tokens(t)
	s.refused("the same link", s.do(reset), http.StatusBadRequest)
	if subject := box.last(2).Get("Subject"); subject != "You have a new password" {
		t.Errorf("then a mail about %q", subject)
	}
}

// A login on a new device, from the mail about it to the owner's new password.
func TestThisWasNotMe(t *testing.T) {
	box := startMailbox(t)
	s := start(t, cheapHash+proxied+box.config()+"geoip: {networks: {198.51.100.0/24: {country: AU, city: Sydney}, 192.0.2.0/24: {country: NL}}}\n")
	s.signup("ada@example.com")
	mine := s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	theirs := loginCall("ada@example.com", password, "198.51.100.9")
	theirs.agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
	stolen := s.do(theirs).tokens(t)

	mail := box.last(1)
	for _, want := range []string{"New device and new country", "Sydney, AU", "198.51.100.9", "Safari", "ada@example.com", " UTC"} {
		if !strings.Contains(mail.text, want) || !strings.Contains(mail.html, want) {
			t.Errorf("no %q in\n%s", want, mail.text)
		}
	}
	page, token := mail.link(t)
	s.refused("the page", s.do(call{method: "GET", path: page + "?token=" + token}), http.StatusOK)
	s.do(call{method: "GET", path: "/api/auth/me", bearer: stolen.Access}) // the page alone does nothing
	if a := s.do(call{method: "GET", path: "/api/auth/me", bearer: stolen.Access}); a.status != http.StatusOK {
		t.Fatalf("after GET the session is over: %d", a.status)
	}
	s.refused("the button", s.submit(page, url.Values{"token": {token}}), http.StatusOK)
	for name, k := range map[string]tokens{"stolen": stolen, "own": mine} {
		s.refused("the "+name+" session", s.do(call{method: "GET", path: "/api/auth/me", bearer: k.Access}), http.StatusUnauthorized)
	}
	s.refused("the stolen password", s.do(theirs), http.StatusUnauthorized)

	page, token = box.last(2).link(t)
	s.refused("the page", s.do(call{method: "GET", path: page + "?token=" + token}), http.StatusOK)
	s.refused("the form", s.submit(page, url.Values{"token": {token}, "new_password": {"eight loud cormorants"}}), http.StatusOK)
	s.login("ada@example.com", "eight loud cormorants", "192.0.2.1").tokens(t)
	for kind, want := range map[gatehouse.Kind]int{gatehouse.LoginDisowned: 1, gatehouse.PasswordReset: 1} {
		if got := s.count(kind); got != want {
			t.Errorf("%d records of %s, want %d", got, kind, want)
		}
	}
}
