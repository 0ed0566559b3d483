package e2e_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// postOffice is a mail server whose mood changes. It is safe for concurrent use.
type postOffice struct {
	mu      sync.Mutex
	mood    string // "", "451" or "hang"
	ids     map[string]int
	subject map[string]string
	arrive  chan struct{} // one token for what arrived
	quit    chan struct{} // ends what hangs
}

func newPostOffice(t *testing.T) (m *postOffice, port int) {
	m = &postOffice{ids: map[string]int{}, subject: map[string]string{}, arrive: make(chan struct{}, 1), quit: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(m)
	s.Domain = "mail.example.com"
	s.ErrorLog = log.New(io.Discard, "", 0) // clients that are killed
	ended := make(chan struct{})
	go func() { s.Serve(l); close(ended) }()
	t.Cleanup(func() { close(m.quit); s.Close(); <-ended })
	return m, l.Addr().(*net.TCPAddr).Port
}

func (m *postOffice) be(mood string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
	select {
	case <-m.arrive:
	default:
	}
}

func (m *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *postOffice) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *postOffice) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m *postOffice) Reset()                                      {}
func (m *postOffice) Logout() error                               { return nil }
func (m *postOffice) came() {
	select {
	case m.arrive <- struct{}{}:
	default:
	}
}

func (m *postOffice) Data(r io.Reader) error {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, msg.Body); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.came()
	switch m.mood {
	case "451":
		return &smtp.SMTPError{Code: 451, Message: "try again later"}
	case "hang":
		m.came()
		m.mu.Unlock()
		<-m.quit
		m.mu.Lock()
		return nil
	}
	id := msg.Header.Get("Message-ID")
	m.ids[id]++
	m.subject[id] = msg.Header.Get("Subject")
	return nil
}

func (m *postOffice) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.ids)
}

// A mail server that fails or hangs, and a server that is killed meanwhile, lose no
// alert; what comes twice has one message ID.
func TestAlertsArriveByMail(t *testing.T) {
	m, port := newPostOffice(t)
	s := start(t, cheapHash+proxied+fmt.Sprintf(`
mail: {host: 127.0.0.1, port: %d, tls: none, from: "Gatehouse <gatehouse@example.com>"}
alerts:
  channels:
    ops: {type: mail, to: ops@example.com}
  routes:
    - {name: ops, rules: [brute_force], channels: [ops], limit: 1000}
`, port))
	attacks := 0
	for _, mood := range []string{"451", "hang", ""} {
		m.be(mood)
		for range rounds(10, 2) {
			attacks++
			s.attack(fmt.Sprintf("198.51.100.%d", attacks))
			select {
			case <-m.arrive:
			case <-time.After(20 * time.Second):
				t.Fatal("no mail arrives")
			}
			s.stop(syscall.SIGKILL)
			s.run()
		}
	}
	within(t, time.Minute, "all alerts have arrived", func() bool { return m.count() >= attacks })
	s.stop(syscall.SIGTERM)
	if n := m.count(); n != attacks {
		t.Errorf("%d alerts about %d attacks: %v", n, attacks, m.subject)
	}
	twice := 0
	for _, n := range m.ids {
		twice += n - 1
	}
	t.Logf("%d attacks, each with one alert; %d came twice with one message ID", attacks, twice)
}
