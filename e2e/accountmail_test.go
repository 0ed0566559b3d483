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
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
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
	req.Header.Set("User-Agent", firefox)
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
	for _, want := range []string{"Login on a new device in a new country", "Sydney, AU", "198.51.100.9", "Safari", "ada@example.com", " UTC"} {
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

// What clients write stays where it belongs: no account name and no user agent
// adds a header, a receiver or a link.
func TestHostileTextsInMail(t *testing.T) {
	box := startMailbox(t)
	s := start(t, cheapHash+proxied+box.config()+"rules: {bot_activity: {enabled: false}, rapid_signup: {enabled: false}, suspicious_user_agent: {enabled: false}}\n")
	headers := map[string]bool{"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
		"Auto-Submitted": true, "X-Auto-Response-Suppress": true, "Content-Type": true}
	mails := 0
	for i, email := range []string{
		"ada@example.com\r\nBcc: eve@example.net", "ada@example.com, eve@example.net", "ada@example.com\nX-Evil: 1", "<eve@example.net>ada@example.com",
		"\"ada\r\nBcc: eve\"@example.com", "ada%0d%0aBcc:eve@example.com", "=?utf-8?q?a=0d=0aBcc:_eve?=@example.com", "a'--{{.}}<b>@example.com",
		"https://evil.example.net/x@example.com", "Zoë@example.com", "ada+tag@EXAMPLE.com", "ada@bücher.example",
	} {
		from := fmt.Sprintf("203.0.113.%d", i+1)
		agent := "Mozilla/5.0 (X11; Linux x86_64)\tBcc: eve@example.net <script>alert(1)</script> https://evil.example.net/ =?utf-8?q?x?="
		a := s.do(call{method: "POST", path: "/api/auth/signup", from: from, body: map[string]string{
			"email": email, "password": password, "name": "Your account is locked, see https://evil.example.net/"}})
		s.do(call{method: "POST", path: "/api/auth/password/forgot", from: from, agent: agent, body: map[string]string{"email": email},
			header: http.Header{"X-Forwarded-Host": {"evil.example.net"}}})
		if a.status != http.StatusCreated {
			continue
		}
		mails++
		l := box.last(mails)
		for name, values := range l.Header {
			if !headers[name] || len(values) != 1 {
				t.Errorf("%q: header %s: %q", email, name, values)
			}
		}
		l.link(t)
		for _, bad := range []string{"<script", "://evil", "see https"} {
			if strings.Contains(l.text, bad) || strings.Contains(l.html, bad) {
				t.Errorf("%q: %q is in\n%s", email, bad, l.text)
			}
		}
		if strings.Contains(l.to, ",") || strings.Contains(l.to, "eve@example.net") {
			t.Errorf("%q: goes to %q", email, l.to)
		}
	}
	if mails < 3 {
		t.Errorf("only %d of the addresses were taken", mails)
	}
}

// The tokens of links are nowhere but in the mail: not in the database, whatever
// waited there, and nothing that the server says of a request with one in its
// query or body.
func TestLinksLeaveNoTrace(t *testing.T) {
	box := startMailbox(t)
	sentry := newIngest(t)
	exported := filepath.Join(t.TempDir(), "ecs.jsonl")
	s := start(t, cheapHash+proxied+box.config()+"log: {level: debug, format: json}\n"+
		fmt.Sprintf("sentry: {dsn: %q, environment: development}\nexport: {target: %q, format: ecs}\n", sentry.dsn(), "file:"+exported))
	s.signup("ada@example.com")
	s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	other := loginCall("ada@example.com", password, "198.51.100.9")
	other.agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
	s.do(other).tokens(t)
	page, disown := box.last(1).link(t)
	s.do(call{method: "GET", path: page + "?token=" + disown, header: http.Header{"Referer": {s.address() + page + "?token=" + disown}}})
	s.submit(page, url.Values{"token": {disown}})
	page, reset := box.last(2).link(t)
	s.do(call{method: "GET", path: page + "?token=" + reset})
	s.do(call{method: "POST", path: page + "?token=" + reset, body: map[string]string{"token": reset}})
	bad := map[string]string{"token": reset, "new_password": "short"}
	s.do(call{method: "POST", path: "/api/auth/password/reset", body: bad})
	s.do(call{method: "POST", path: "/api/auth/password/reset/" + reset, body: bad})
	s.submit(page, url.Values{"token": {reset}, "new_password": {"eight loud cormorants"}})
	box.last(3)
	id := ""
	for range 5 { // so that there is something to report
		id = s.login("ada@example.com", "wrong", "192.0.2.66").header.Get("X-Correlation-ID")
	}
	sentry.wait(t, id)
	log, _ := s.command("log", "--json", "--limit", "0")
	s.stop(syscall.SIGTERM)

	left := map[string]string{"Sentry": sentry.text(), "the output": s.stderr.String(), "the log": log}
	for _, dir := range []string{s.dir, filepath.Dir(exported)} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			left[f.Name()] = string(b)
		}
	}
	for place, text := range left {
		for what, token := range map[string]string{"not me": disown, "reset": reset} {
			if strings.Contains(text, token) || strings.Contains(text, token[4:]) {
				t.Errorf("%s has the token of the link %q", place, what)
			}
		}
	}
	for place, told := range map[string]string{"gatehouse.db": "login_disowned", "ecs.jsonl": "login_disowned", "the log": "login_disowned", "Sentry": "account/reset"} {
		if !strings.Contains(left[place], told) {
			t.Errorf("%s does not tell of what happened, so that nothing is shown by what it does not tell", place)
		}
	}
}

// Mails that could not be sent before the server was killed arrive after it is
// back, and their links work.
func TestMailOutlivesTheServer(t *testing.T) {
	box := startMailbox(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	config := box.config()
	dead := strings.Replace(config, fmt.Sprint(box.port), fmt.Sprint(closed.Addr().(*net.TCPAddr).Port), 1)
	s := start(t, cheapHash+proxied+dead)
	s.signup("ada@example.com")
	s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	k := s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	s.do(call{method: "POST", path: "/api/auth/logout-all", bearer: k.Access})
	s.stop(syscall.SIGKILL)
	if err := os.WriteFile(s.config, []byte(cheapHash+proxied+config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run()
	page, token := box.last(1).link(t)
	s.refused("the link", s.submit(page, url.Values{"token": {token}}), http.StatusOK)
}

// Without a mail server all is answered as with one, and the log says so once.
func TestNoMailServer(t *testing.T) {
	s := start(t, cheapHash)
	s.signup("ada@example.com")
	known := s.do(call{method: "POST", path: "/api/auth/password/forgot", body: map[string]string{"email": "ada@example.com"}})
	unknown := s.do(call{method: "POST", path: "/api/auth/password/forgot", body: map[string]string{"email": "nobody@example.com"}})
	if known.status != http.StatusAccepted || unknown.status != known.status || unknown.body != known.body {
		t.Errorf("%d %s, %d %s", known.status, known.body, unknown.status, unknown.body)
	}
	s.stop(syscall.SIGTERM)
	if n := strings.Count(s.stderr.String(), "account holders get no mail"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// Of 64 uses of one link at once, spread over two nodes on PostgreSQL and Redis,
// one works; what a person is told and may ask for is counted by both together.
func TestClusterLinkWorksOnce(t *testing.T) {
	box := startMailbox(t)
	c := startCluster(t, 2, patient+box.config(), nothingFails)
	a, b := c.nodes[0], c.nodes[1]
	a.signup("ada@example.com")
	before := b.login("ada@example.com", password, "192.0.2.1").tokens(t)
	for i := range 6 { // three mails an hour, whoever is asked
		s := c.nodes[i%2]
		s.refused("forgot", s.do(call{method: "POST", path: "/api/auth/password/forgot", from: "192.0.2.1", body: map[string]string{"email": "ada@example.com"}}), http.StatusAccepted)
	}
	_, token := box.last(3).link(t)
	got := c.statuses(t, repeated(parallel, call{method: "POST", path: "/api/auth/password/reset", from: "192.0.2.1",
		body: map[string]string{"token": token, "new_password": "eight loud cormorants"}})...)
	if got[http.StatusNoContent] != 1 || got[http.StatusBadRequest] != parallel-1 {
		t.Errorf("%v", got)
	}
	for _, s := range c.nodes {
		s.refused("an old session", s.do(call{method: "GET", path: "/api/auth/me", bearer: before.Access}), http.StatusUnauthorized)
		s.login("ada@example.com", "eight loud cormorants", "192.0.2.1").tokens(t)
	}
	box.last(4) // the notice of the reset
}
