// Command cluster runs Gatehouse as several nodes on this machine, for trying out
// what they do together: a real Redis, a real PostgreSQL, three nodes, and before
// them a proxy that gives each request to the next node. It needs redis-server and
// PostgreSQL installed. Everything is on loopback and is gone when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	listen string
	nodes  int
	binary string // empty: built first
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8080", "where the proxy listens")
	flag.IntVar(&o.nodes, "nodes", 3, "how many nodes")
	flag.StringVar(&o.binary, "gatehouse", "", "the gatehouse binary (default: built from ./cmd/gatehouse)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run runs the cluster until the context ends.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.nodes < 1 {
		return errors.New("it takes one node at least")
	}
	listener, err := net.Listen("tcp", o.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken: choose another address with -listen", o.listen)
	}
	if err != nil {
		return err
	}
	c := &cluster{options: o, out: out}
	defer func() { err = errors.Join(err, c.end()) }()
	defer listener.Close()
	if err := c.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted while it started
		}
		return err
	}
	server := &http.Server{Handler: c.proxy(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	c.tell(listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		fmt.Fprintln(out, "\nending everything")
		server.Close()
		<-failed
		return nil
	}
}
