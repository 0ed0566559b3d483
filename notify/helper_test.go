package notify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// berlin is a zone that needs no zone files.
var berlin = time.FixedZone("CET", 3600)

var loopback = notify.Reach{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true}

// bruteForce is the record of an attack from 203.0.113.7 on account.
func bruteForce(account, userAgent string) gatehouse.Record {
	at := time.Date(2026, 11, 23, 14, 3, 9, 0, time.UTC)
	return gatehouse.Record{
		Event: gatehouse.Event{
			Kind: gatehouse.BruteForceDetected, Time: at, Subject: gatehouse.Subject{Account: account},
			Client: gatehouse.Client{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: userAgent,
				Place: gatehouse.Place{Country: "NL", City: "Amsterdam", Network: "Example Hosting"}},
			Endpoint: "/api/auth/login", CorrelationID: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
		},
		Severity: gatehouse.High,
		Finding: &gatehouse.Finding{
			ID: "019ab3f2-9c1e-7d00-8000-1f2e3d4c5b6a", Rule: "brute_force", Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High,
			KeyedBy: "account+ip", Observed: 5, Threshold: 5, Window: 5 * time.Minute, First: at.Add(-time.Minute), Last: at, Count: 1,
			Actions: []gatehouse.Action{{Response: "log"}, {Response: "block_ip", Target: netip.MustParsePrefix("203.0.113.7/32"),
				Until: at.Add(15 * time.Minute), Undo: "gatehouse blocks remove 203.0.113.7"}, {Response: "alert"}},
		},
	}
}

func alert(t testing.TB, account, userAgent string) notify.Message {
	t.Helper()
	m, ok := notify.ForFinding(notify.Opened, bruteForce(account, userAgent), berlin)
	if !ok {
		t.Fatal("no message")
	}
	m.Links = []notify.Link{{Label: "Show the log", URL: "https://gatehouse.example.com/log?finding=019ab3f2"}}
	return m
}

// certificate is for this machine and names, and trusted by the pool beside it.
func certificate(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: append(names, "localhost"), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(der)
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// mailServer is a real SMTP server that keeps what it is given.
type mailServer struct {
	port   int
	roots  *x509.CertPool
	mu     sync.Mutex
	mails  []received
	logins []string
	refuse map[string]*smtp.SMTPError // by command
}

type received struct {
	from, to string
	secure   bool
	raw      []byte
}

type mailSetup struct {
	tls    notify.TLSMode
	auth   []string // mechanisms; user "gatehouse", password "sesame"
	refuse map[string]*smtp.SMTPError
}

func startMail(t *testing.T, o mailSetup) *mailServer {
	t.Helper()
	cert, pool := certificate(t)
	m := &mailServer{roots: pool, refuse: o.refuse}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if err := m.refuse["CONNECT"]; err != nil {
			return nil, err
		}
		session := &mailSession{server: m, conn: c}
		if len(o.auth) > 0 {
			return &authSession{mailSession: session, mechanisms: o.auth}, nil
		}
		return session, nil
	}))
	s.Domain, s.ErrorLog, s.AllowInsecureAuth = "localhost", nothing{}, o.tls == notify.NoTLS
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	switch o.tls {
	case notify.ImplicitTLS:
		l = tls.NewListener(l, config)
	case notify.StartTLS:
		s.TLSConfig = config
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return m
}

// options are those of a notifier that sends to m.
func (m *mailServer) options(mode notify.TLSMode) notify.MailOptions {
	return notify.MailOptions{Host: "127.0.0.1", Port: m.port, TLS: mode, RootCAs: m.roots, HELO: "gatehouse.example.com",
		From: "Gatehouse <alerts@example.com>", To: "ops@example.com", Timeout: 10 * time.Second}
}

func (m *mailServer) only(t *testing.T) received {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mails) != 1 {
		t.Fatalf("%d mails arrived, want 1", len(m.mails))
	}
	return m.mails[0]
}

type nothing struct{}

func (nothing) Printf(string, ...any) {}
func (nothing) Println(...any)        {}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   received
}

func (s *mailSession) refused(command string) error {
	if err := s.server.refuse[command]; err != nil {
		return err
	}
	return nil
}
func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }
func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	return s.refused("MAIL")
}
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	return s.refused("RCPT")
}
func (s *mailSession) Data(r io.Reader) (err error) {
	if s.mail.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	if err := s.refused("DATA"); err != nil {
		return err
	}
	_, s.mail.secure = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

type authSession struct {
	*mailSession
	mechanisms []string
}

func (s *authSession) AuthMechanisms() []string { return s.mechanisms }
func (s *authSession) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.logins = append(s.server.logins, mechanism)
		if user != "gatehouse" || password != "sesame" {
			return smtp.ErrAuthFailed
		}
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer asks for the name, then for the password.
type loginServer struct {
	check func(user, password string) error
	got   []string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	if response != nil {
		l.got = append(l.got, string(response))
	}
	switch len(l.got) {
	case 0:
		return []byte("Username:"), false, nil
	case 1:
		return []byte("Password:"), false, nil
	case 2:
		return nil, true, l.check(l.got[0], l.got[1])
	}
	return nil, true, errors.New("too much")
}

// letter is a mail, parsed by the standard library.
type letter struct {
	mail.Header
	subject, text, html string
}

func parse(t *testing.T, raw []byte) letter {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	l := letter{Header: msg.Header}
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return l
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = p
		switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, p)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, params, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("%s is in %q", kind, params["charset"])
		}
		switch text := strings.ReplaceAll(string(content), "\r\n", "\n"); kind {
		case "text/plain":
			if l.html != "" {
				t.Error("the text comes after the HTML, so that programs prefer it")
			}
			l.text = text
		case "text/html":
			l.html = text
		default:
			t.Errorf("part %q", kind)
		}
	}
}
