package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// TLSMode says how the connection to a mail server is encrypted.
type TLSMode string

// The modes.
const (
	StartTLS    TLSMode = "starttls" // plain at first, then upgraded or given up (RFC 3207); port 587
	ImplicitTLS TLSMode = "tls"      // from the first byte (RFC 8314); port 465
	NoTLS       TLSMode = "none"     // not at all; port 25
)

// MailOptions say through which server mail is sent. Host and From are required.
type MailOptions struct {
	Host string
	Port int     // default: by TLS
	TLS  TLSMode // default: StartTLS
	// PlainAnywhere lets NoTLS reach servers beyond this machine. Everybody on
	// the way can read the mails and the password then.
	PlainAnywhere bool
	// Username and Password log in with the strongest of SCRAM-SHA-256,
	// SCRAM-SHA-1, PLAIN, LOGIN and CRAM-MD5 that the server offers. Empty:
	// no authentication.
	Username string
	Password string
	From     string // a mailbox: "Gatehouse <alerts@example.com>"
	To       string // who gets messages that name nobody; may be empty
	HELO     string // default: the machine's name
	Timeout  time.Duration
	// RootCAs are the authorities that may vouch for the server. Default: the
	// system's.
	RootCAs *x509.CertPool
	Now     func() time.Time // default: time.Now
}

// Mail sends messages over SMTP, one connection each. It is safe for concurrent
// use.
type Mail struct {
	o        MailOptions
	from, to *mail.Address
	domain   string // of From, for message IDs
}

var _ Notifier = (*Mail)(nil)

// NewMail checks the options; it connects to nothing. Timeout bounds one message
// (default 30 s).
func NewMail(o MailOptions) (*Mail, error) {
	if o.TLS == "" {
		o.TLS = StartTLS
	}
	port, ok := map[TLSMode]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[o.TLS]
	if !ok {
		return nil, fmt.Errorf("mail: TLS %q: use starttls, tls or none", o.TLS)
	}
	if o.Port == 0 {
		o.Port = port
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Host == "" || strings.ContainsAny(o.Host, " /\r\n"):
		return nil, fmt.Errorf("mail: host %q is not a name or address", o.Host)
	case o.Port < 1 || o.Port > 65535:
		return nil, fmt.Errorf("mail: port %d", o.Port)
	case o.TLS == NoTLS && !o.PlainAnywhere && !loopbackName(o.Host):
		return nil, fmt.Errorf("mail: TLS none is for servers on this machine, and %s is not: use starttls or tls", o.Host)
	case (o.Username == "") != (o.Password == ""):
		return nil, errors.New("mail: username and password go together")
	}
	m := &Mail{o: o}
	var err error
	if m.from, err = mail.ParseAddress(o.From); err != nil {
		return nil, fmt.Errorf("mail: from %q: %w", o.From, err)
	}
	m.domain = m.from.Address[strings.LastIndexByte(m.from.Address, '@')+1:]
	if o.To != "" {
		if m.to, err = mail.ParseAddress(o.To); err != nil {
			return nil, fmt.Errorf("mail: to %q: %w", o.To, err)
		}
	}
	return m, nil
}

func loopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// Send hands m to the mail server. What the server refused for good (a 5xx reply
// to sender, recipient or content) is ErrPermanent; a server that cannot be
// reached, refuses everybody or does not accept the password is not, because
// somebody will mend that.
func (s *Mail) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	msg, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("mail: %w", Permanent(err))
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	if err := s.deliver(ctx, msg); err != nil {
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return fmt.Errorf("mail: %w", judgeSMTP(err))
	}
	return nil
}

// deliver makes one connection and owns it: the library closes it neither when
// a greeting fails nor when ctx ends.
func (s *Mail) deliver(ctx context.Context, msg *gomail.Msg) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	client, err := s.client(conn)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(session, msg)
	if msg.IsDelivered() {
		// What goes wrong from here on does not make the mail come back.
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		_ = session.Quit()
		return nil
	}
	return err
}

func (s *Mail) client(conn net.Conn) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.o.Port), gomail.WithTimeout(2 * s.o.Timeout), // ctx ends first
		gomail.WithoutNoop(), gomail.WithoutRset(), gomail.WithTLSConfig(s.tlsConfig()),
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	switch s.o.TLS {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case ImplicitTLS:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.o.HELO != "" {
		options = append(options, gomail.WithHELO(s.o.HELO))
	}
	if s.o.Username != "" {
		mechanisms := []gomail.SMTPAuthType{
			gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1PLUS, gomail.SMTPAuthSCRAMSHA1,
			gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5,
		}
		if s.o.TLS == NoTLS { // and asked for, or on this machine
			mechanisms = []gomail.SMTPAuthType{
				gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5,
				gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc,
			}
		}
		options = append(options, gomail.WithUsername(s.o.Username), gomail.WithPassword(s.o.Password),
			gomail.WithOpportunisticSMTPAuth(mechanisms...))
	}
	return gomail.NewClient(s.o.Host, options...)
}

func (s *Mail) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.o.Host, RootCAs: s.o.RootCAs, MinVersion: tls.VersionTLS12}
}

func (s *Mail) dial(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(s.o.Host, strconv.Itoa(s.o.Port))
	var dialer net.Dialer
	if s.o.TLS == ImplicitTLS {
		return (&tls.Dialer{NetDialer: &dialer, Config: s.tlsConfig()}).DialContext(ctx, "tcp", address)
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil && s.o.TLS == NoTLS && !s.o.PlainAnywhere {
		// "localhost" is what the resolver says it is.
		if remote, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
			conn.Close()
			return nil, fmt.Errorf("TLS none, and %s is not on this machine", conn.RemoteAddr())
		}
	}
	return conn, err
}

// judgeSMTP marks what the server will refuse again.
func judgeSMTP(err error) error {
	var sent *gomail.SendError
	var reply *textproto.Error
	if !errors.As(err, &sent) {
		return err // before the mail was spoken of
	}
	code := sent.ErrorCode()
	if errors.As(err, &reply) {
		code = reply.Code
	}
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538: // log in first, otherwise, or better
	case code == 421 || code == 502 || code == 503: // of the session, not of this mail
	case code >= 500 && code < 600:
		return Permanent(err)
	}
	return err
}
