package export

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// SyslogOptions says where syslog messages go and how they introduce
// themselves.
type SyslogOptions struct {
	// Network is "unix" (a datagram or stream socket, whichever it is), "udp",
	// "tcp" or "tls". Default: "unix".
	Network string
	// Address is a path for "unix", by default /dev/log, and otherwise a host
	// and port.
	Address string
	// TLS is for the network "tls". Default: the system's roots, TLS 1.2 up.
	TLS *tls.Config
	// Facility is by RFC 5424, 6.2.1. Zero, which is the kernel's own, means
	// 10: security and authorization.
	Facility int
	// Hostname defaults to os.Hostname, and App to "gatehouse".
	Hostname, App string
}

// maxDatagram is the longest message by UDP: what an IPv4 datagram holds.
const maxDatagram = 65_507

// Syslog sends lines as RFC 5424 messages, with the type of the record as MSGID
// and the line as MSG: UTF-8 without the byte order mark, at which readers of
// JSON stumble. Datagrams hold one message each; a connection by TCP or TLS
// carries them with octet counting (RFC 6587, RFC 5425), one to a UNIX stream
// socket ends them with a newline, of which a line has none. It connects when
// there is something to send, and again when the connection was lost.
//
// Syslog knows no acknowledgement: what was under way when a connection broke,
// or a datagram that nobody received, is gone without notice.
type Syslog struct {
	o      SyslogOptions
	pid    string
	conn   net.Conn
	gone   *atomic.Bool // the other side has closed conn
	stream bool         // conn is one
	buf    []byte
	head   []byte
}

// NewSyslog checks o. It does not connect.
func NewSyslog(o SyslogOptions) (*Syslog, error) {
	switch o.Network {
	case "":
		o.Network = "unix"
	case "unix", "udp", "tcp", "tls":
	default:
		return nil, fmt.Errorf("export: unknown syslog network %q: use unix, udp, tcp or tls", o.Network)
	}
	if o.Network == "unix" {
		if o.Address == "" {
			o.Address = "/dev/log"
		}
	} else if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return nil, fmt.Errorf("export: syslog address %q: use host:port", o.Address)
	}
	if o.Facility < 0 || o.Facility > 23 {
		return nil, fmt.Errorf("export: unknown syslog facility %d: use 1 to 23", o.Facility)
	}
	if o.Facility == 0 {
		o.Facility = 10
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	if o.App == "" {
		o.App = product
	}
	return &Syslog{o: o, pid: strconv.Itoa(os.Getpid())}, nil
}

// Write sends one line.
func (s *Syslog) Write(ctx context.Context, l Line) error {
	s.head = s.header(s.head[:0], &l.Record)
	size := len(s.head) + len(l.Text)
	if s.o.Network == "udp" && size > maxDatagram {
		return fmt.Errorf("export: %d bytes in a datagram: %w", size, ErrUnwritable)
	}
	if s.conn == nil || s.gone.Load() {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	s.buf = s.buf[:0]
	counted := s.o.Network == "tcp" || s.o.Network == "tls"
	if counted {
		s.buf = strconv.AppendInt(s.buf, int64(size), 10)
		s.buf = append(s.buf, ' ')
	}
	s.buf = append(append(s.buf, s.head...), l.Text...)
	if s.stream && !counted {
		s.buf = append(s.buf, '\n')
	}
	return s.send(ctx)
}

// send writes what is in buf. After an error the connection is of no more use:
// a frame may have been cut.
func (s *Syslog) send(ctx context.Context) error {
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(s.buf)
	if !stop() && err == nil {
		// ctx ended just now, and the next write would fail for it.
		s.drop()
		return nil
	}
	switch {
	case err == nil:
		return nil
	case !s.stream && errors.Is(err, syscall.EMSGSIZE):
		return fmt.Errorf("export: %d bytes in a datagram: %w", len(s.buf), ErrUnwritable)
	}
	s.drop()
	return err
}

func (s *Syslog) connect(ctx context.Context) (err error) {
	s.drop()
	var d net.Dialer
	s.stream = s.o.Network != "udp"
	switch s.o.Network {
	case "tls":
		t := tls.Dialer{NetDialer: &d, Config: s.o.TLS}
		s.conn, err = t.DialContext(ctx, "tcp", s.o.Address)
	case "unix":
		s.stream = false
		if s.conn, err = d.DialContext(ctx, "unixgram", s.o.Address); errors.Is(err, syscall.EPROTOTYPE) {
			s.stream = true
			s.conn, err = d.DialContext(ctx, "unix", s.o.Address)
		}
	default:
		s.conn, err = d.DialContext(ctx, s.o.Network, s.o.Address)
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("export: %w", err)
	}
	s.gone = new(atomic.Bool)
	if s.stream {
		// A first write after the other side has closed would seem to succeed.
		go func(c net.Conn, gone *atomic.Bool) {
			io.Copy(io.Discard, c)
			gone.Store(true)
		}(s.conn, s.gone)
	}
	return nil
}

func (s *Syslog) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// Close ends the connection.
func (s *Syslog) Close() error {
	s.drop()
	return nil
}

// header appends everything before MSG (RFC 5424, 6).
func (s *Syslog) header(b []byte, r *gatehouse.Record) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.o.Facility*8+syslogSeverity(r.Severity)), 10)
	b = append(b, ">1 "...)
	if t := r.Time.UTC(); t.Year() < 0 || t.Year() > 9999 || t.IsZero() {
		b = append(b, '-')
	} else {
		b = t.AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	}
	b = appendName(append(b, ' '), s.o.Hostname, 255)
	b = appendName(append(b, ' '), s.o.App, 48)
	b = appendName(append(b, ' '), s.pid, 128)
	b = appendName(append(b, ' '), string(r.Kind), 32)
	return append(b, " - "...)
}

// appendName appends s as a header field: printable ASCII without spaces, at
// most limit bytes, "-" for nothing.
func appendName(b []byte, s string, limit int) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := 0; i < min(len(s), limit); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}

// syslogSeverity is by RFC 5424, 6.2.1.
func syslogSeverity(s gatehouse.Severity) int {
	switch s {
	case gatehouse.Info:
		return 6
	case gatehouse.Warning:
		return 4
	case gatehouse.High:
		return 3
	}
	return 2
}
