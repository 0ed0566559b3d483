package export_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

var message = regexp.MustCompile(`^<(\d+)>1 (2026-03-02T12:00:00\.123456Z|-) host app \d+ ([!-~]{1,32}) - (\{.*\})$`)

// expect checks that a message is well-formed and that its text is the line.
func expect(t *testing.T, msg string, pri int, r gatehouse.Record) {
	t.Helper()
	m := message.FindStringSubmatch(msg)
	if m == nil {
		t.Fatalf("not by RFC 5424: %.200q", msg)
	}
	line, err := export.OCSF(r)
	if err != nil {
		t.Fatal(err)
	}
	if m[1] != strconv.Itoa(pri) || m[4] != string(line) || !json.Valid([]byte(m[4])) {
		t.Errorf("got  %.300q\nwant <%d> %.300q", msg, pri, line)
	}
}

// nasty is a record in whose every text is what could break a frame.
func nasty() gatehouse.Record {
	r := typical(gatehouse.LoginFailed)
	r.Account, r.UserAgent, r.Kind = hostile[:200], "5 <0>1 - - - - - -\n5 <0>1 ", "logi n\n\x00<0>"
	return r
}

func syslog(t *testing.T, o export.SyslogOptions) *export.Exporter {
	t.Helper()
	o.Hostname, o.App = "host", "app"
	s, err := export.NewSyslog(o)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, export.Options{Target: s, Backoff: time.Millisecond, WriteTimeout: 2 * time.Second})
}

func TestSyslogDatagrams(t *testing.T) {
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": filepath.Join(t.TempDir(), "log")} {
		t.Run(network, func(t *testing.T) {
			l, err := net.ListenPacket(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			e := syslog(t, export.SyslogOptions{Network: strings.TrimSuffix(network, "gram"), Address: l.LocalAddr().String()})
			severe := typical(gatehouse.BruteForceDetected)
			e.Records([]gatehouse.Record{typical(gatehouse.LoginFailed), severe, nasty()})
			buf := make([]byte, 1<<16)
			for i, want := range []gatehouse.Record{typical(gatehouse.LoginFailed), severe, nasty()} {
				l.SetReadDeadline(time.Now().Add(5 * time.Second))
				n, _, err := l.ReadFrom(buf)
				if err != nil {
					t.Fatal(err)
				}
				expect(t, string(buf[:n]), []int{86, 83, 86}[i], want)
			}
			if err := e.Close(within10s(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// accept is l.Accept with an end.
func accept(l net.Listener) (net.Conn, error) {
	stop := time.AfterFunc(10*time.Second, func() { l.Close() })
	defer stop.Stop()
	return l.Accept()
}

// frames reads octet-counted messages (RFC 6587, 3.4.1).
func frames(c net.Conn, out chan<- string) {
	defer close(out)
	r := bufio.NewReader(c)
	for {
		size, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
		if err != nil {
			out <- fmt.Sprintf("a length of %q", size)
			return
		}
		msg := make([]byte, n)
		if _, err := io.ReadFull(r, msg); err != nil {
			return
		}
		out <- string(msg)
	}
}

// receive returns the next message, or fails.
func receive(t *testing.T, in <-chan string) string {
	t.Helper()
	select {
	case msg, ok := <-in:
		if !ok {
			t.Fatal("the connection ended")
		}
		return msg
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
	}
	return ""
}

// The collector goes away and comes back, and what was exported meanwhile
// arrives.
func TestSyslogTCPReconnects(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	e := syslog(t, export.SyslogOptions{Network: "tcp", Address: address})
	e.Records([]gatehouse.Record{nasty(), typical(gatehouse.LoginFailed)})
	c, err := accept(l)
	if err != nil {
		t.Fatal(err)
	}
	messages := make(chan string, 10)
	go frames(c, messages)
	expect(t, receive(t, messages), 86, nasty())
	expect(t, receive(t, messages), 86, typical(gatehouse.LoginFailed))
	l.Close()
	c.Close()
	for range messages { // until it ends
	}
	// Its end may not have been noticed yet: then one line is lost, as
	// the protocol has it, and the next ones wait.
	wait(t, func() bool {
		e.Records([]gatehouse.Record{typical(gatehouse.LoggedOut)})
		return e.Stats().Failing
	})
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	if c, err = accept(l); err != nil {
		t.Fatal(err)
	}
	messages = make(chan string, 1000)
	go frames(c, messages)
	expect(t, receive(t, messages), 86, typical(gatehouse.LoggedOut))
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	for range messages {
	}
	c.Close()
	l.Close()
	if got := e.Stats(); got.Dropped != 0 || got.Errors == 0 {
		t.Errorf("%+v", got)
	}
}

// A collector that has closed is noticed before the next line is sent, which
// would otherwise seem to arrive.
func TestSyslogNoticesTheEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := export.NewSyslog(export.SyslogOptions{Network: "tcp", Address: l.Addr().String(), Hostname: "host", App: "app"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		text := fmt.Sprintf("line %d", i)
		if err := s.Write(t.Context(), export.Line{Text: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		c, err := accept(l)
		if err != nil {
			t.Fatal(err)
		}
		messages := make(chan string, 1)
		go frames(c, messages)
		if got := receive(t, messages); !strings.HasSuffix(got, text) {
			t.Errorf("got %q", got)
		}
		c.Close()
		// The goroutine that watches the connection ends when it has seen the end.
		wait(t, func() bool {
			stacks := make([]byte, 1<<20)
			return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("(*Syslog).connect"))
		})
	}
}

// A local daemon that listens on a stream socket gets lines.
func TestSyslogUnixStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := syslog(t, export.SyslogOptions{Address: path})
	e.Records([]gatehouse.Record{nasty(), typical(gatehouse.LoginFailed)})
	c, err := accept(l)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	c.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(all), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%d lines", len(lines)-1)
	}
	expect(t, lines[0], 86, nasty())
	expect(t, lines[1], 86, typical(gatehouse.LoginFailed))
}

func TestSyslogTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	e := syslog(t, export.SyslogOptions{Network: "tls", Address: l.Addr().String(), TLS: &tls.Config{RootCAs: roots}})
	e.Records([]gatehouse.Record{nasty()})
	c, err := accept(l)
	if err != nil {
		t.Fatal(err)
	}
	messages := make(chan string, 10)
	go frames(c, messages)
	expect(t, receive(t, messages), 86, nasty())
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	for range messages {
	}
	c.Close()
}

// A collector that accepts and never reads ends an attempt at its deadline.
func TestSyslogStuckCollector(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := export.NewSyslog(export.SyslogOptions{Network: "tcp", Address: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	big := export.Line{Text: make([]byte, 64<<20)} // more than the sockets hold
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, big); err == nil || errors.Is(err, export.ErrUnwritable) {
		t.Errorf("got %v", err)
	}
}

// A line that no datagram holds is not tried for ever.
func TestSyslogTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": path} {
		l, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := export.NewSyslog(export.SyslogOptions{Network: strings.TrimSuffix(network, "gram"), Address: l.LocalAddr().String()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), export.Line{Text: make([]byte, 8<<20)}); !errors.Is(err, export.ErrUnwritable) {
			t.Errorf("%s: %v", network, err)
		}
		s.Close()
		l.Close()
	}
}

func TestNewSyslogRefuses(t *testing.T) {
	for _, o := range []export.SyslogOptions{
		{Network: "icmp", Address: "192.0.2.1:1"}, {Network: "udp"}, {Network: "tcp", Address: "192.0.2.1"}, {Facility: 24}, {Facility: -1},
	} {
		if _, err := export.NewSyslog(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
