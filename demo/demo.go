package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/app"
)

// Options say where the demo runs and how it tells what happens.
type Options struct {
	// Out takes the feed. Required.
	Out io.Writer
	// Listen and AdminListen are the addresses of the server. Default: those of
	// gatehouse serve, or a free port where one of them is taken.
	Listen, AdminListen string
	// Once ends the demo with the day. Otherwise the server goes on, in real
	// time, until the context ends.
	Once bool
	// Pause is for how long the feed rests before and after each attack, so
	// that a person can read it. Default: not at all.
	Pause time.Duration
	// JSON writes each record that the feed would tell of (findings, blocks, and
	// spent refresh tokens that came back) as a line of JSON, a gatehouse.Record,
	// and nothing else.
	JSON bool
	// Color colours the feed with escape sequences.
	Color bool
	// Command is how the commands in the closing words begin. Default:
	// gatehouse.
	Command string
	// Logger takes what the server has to say about itself. Default: discard.
	Logger *slog.Logger
}

// The cost of a password in the demo. It has a hundred of them to hash and little
// time.
const (
	hashMemoryKiB  = 4 * 1024
	hashIterations = 1
)

// ErrOptions says that an address in Options is not written like one.
var ErrOptions = errors.New("the demo cannot run like this")

// Run lives through the day. It returns an error that wraps ErrUnexpected if that
// went otherwise than it should, even if the server went on afterwards; an error
// that wraps that of ctx if Once is set and ctx ended before the day did; and
// one when the server cannot start or Out cannot be written to; ErrOptions says
// that it never could. Its data directory is removed before it returns.
func Run(ctx context.Context, o Options) error {
	if o.Command == "" {
		o.Command = "gatehouse"
	}
	dir, err := os.MkdirTemp("", "gatehouse-demo-") // for nobody else: 0700
	if err != nil {
		return err
	}
	err = errors.Join(run(ctx, o, dir), os.RemoveAll(dir))
	if err == nil && !o.Once && !o.JSON {
		_, err = fmt.Fprintln(o.Out, "\nThe server has stopped, and its data is removed.")
	}
	return err
}

// run is Run in a data directory.
func run(ctx context.Context, o Options, dir string) error {
	config, notes, err := configure(o, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	d := &day{start: began.Add(-length), cast: newCast(), tally: newTally(), pause: o.Pause}
	d.clock = newClock(d.start)
	d.feed = newFeed(o, d.clock.Now)
	a, err := app.New(ctx, config, app.Options{Now: d.clock.Now, Logger: o.Logger, OnRecords: func(records []gatehouse.Record) {
		for _, r := range records {
			d.tally.note(r)
			d.feed.hear(r)
		}
	}})
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	d.client = &client{url: reachable(a.PublicAddr()), http: &http.Client{Transport: transport, Timeout: time.Minute}}

	s := stay{o: o, dir: dir, url: d.client.url, admin: reachable(a.AdminAddr()), password: rand.Text(), notes: notes}
	if err := a.AddOperator(ctx, operator, s.password, "Demo", accounts.Administrator); err != nil {
		return errors.Join(err, a.Close())
	}
	running, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		defer stop() // there is no day without a server
		served <- a.Run(running)
	}()
	err = d.spend(running, began, s)
	stop()
	serveErr := <-served
	switch {
	case serveErr != nil && errors.Is(err, context.Canceled):
		err = nil // because the server ended, which says why
	case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
	case o.Once:
		err = fmt.Errorf("the day was cut short: %w", err)
	default:
		err = nil
	}
	return errors.Join(serveErr, err)
}

// spend lives the day, and stays afterwards unless it is to end with it.
func (d *day) spend(ctx context.Context, began time.Time, s stay) error {
	d.feed.opening(d, s)
	if err := d.live(ctx); err != nil {
		return err
	}
	rows, unexpected := d.tally.close()
	d.feed.summary(d, rows, unexpected, time.Since(began))
	d.clock.release()
	if !s.o.Once {
		d.feed.closing(d, s)
		d.feed.follow(ctx)
	}
	return errors.Join(unexpected, d.feed.err)
}

// operator is who may use the dashboard of the demo.
const operator = "demo@example.com"

// stay is where the demo is.
type stay struct {
	o          Options
	dir        string
	url, admin string
	password   string   // of the operator, thrown away with the data
	notes      []string // about what is otherwise than asked for
}

// configure returns the settings of the demo. It asks neither file nor
// environment, so that every demo is the same.
func configure(o Options, dir string) (app.Config, []string, error) {
	var notes []string
	listen, note := free(o.Listen, app.Default().Listen)
	notes = append(notes, note...)
	admin, note := free(o.AdminListen, app.Default().AdminListen)
	notes = append(notes, note...)
	config, err := app.Load(app.Sources{Flags: func(c *app.Config) {
		c.Listen, c.AdminListen, c.Data = listen, admin, dir
		// The demo stands in front of the server like a proxy, on this machine.
		c.TrustedProxies = []string{"127.0.0.0/8", "::1"}
		if ip, err := netip.ParseAddrPort(listen); err == nil && !ip.Addr().IsUnspecified() {
			c.TrustedProxies = append(c.TrustedProxies, ip.Addr().String())
		}
		c.Passwords.MemoryKiB, c.Passwords.Iterations = hashMemoryKiB, hashIterations
		c.GeoIP.Networks = networks()
	}})
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return config, notes, err
}

// reachable is the URL of a listener for somebody on this machine.
func reachable(a net.Addr) string {
	at := a.(*net.TCPAddr).AddrPort()
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return "http://" + at.String()
}

// free returns the address that was asked for. If none was, it is the usual one,
// or any port of the same host if that is taken.
func free(wanted, usual string) (address string, notes []string) {
	if wanted != "" {
		return wanted, nil
	}
	l, err := net.Listen("tcp", usual)
	if err == nil {
		l.Close()
		return usual, nil
	}
	host, _, splitErr := net.SplitHostPort(usual)
	if !errors.Is(err, syscall.EADDRINUSE) || splitErr != nil {
		return usual, nil // the server will say what is wrong
	}
	return net.JoinHostPort(host, "0"), []string{usual + " is taken; a free port stands in for it."}
}
