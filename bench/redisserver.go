package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/rueidis"
)

// redisServer is a Redis of our own on loopback, which keeps nothing on disk.
type redisServer struct {
	addr    string
	cmd     *exec.Cmd
	dir     string
	asked   chan os.Signal
	control rueidis.Client
}

var errNoRedis = errors.New("redis-server is not installed, which the tables named redis need: apt-get install redis-server (Debian), brew install redis (macOS); or leave them out with -only")

func haveRedis() error {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return errNoRedis
	}
	return nil
}

// startRedis panics when there is no server to be had: main asked before.
func startRedis() *redisServer {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	addr := l.Addr().(*net.TCPAddr)
	must(0, l.Close())

	s := &redisServer{addr: addr.String(), dir: must(os.MkdirTemp("", "gatehouse-bench"))}
	s.cmd = exec.Command("redis-server", "--port", strconv.Itoa(addr.Port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--loglevel", "warning")
	must(0, s.cmd.Start())
	s.stopWhenAsked()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var err error
		if s.control, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true}); err == nil {
			return s
		}
		if time.Now().After(deadline) {
			s.stop()
			panic(fmt.Errorf("redis-server does not answer: %w", err))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stopWhenAsked sees that the server does not outlive a benchmark that is
// interrupted.
func (s *redisServer) stopWhenAsked() {
	s.asked = make(chan os.Signal, 1)
	signal.Notify(s.asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-s.asked
		s.cmd.Process.Kill()
		os.RemoveAll(s.dir)
		os.Exit(1)
	}()
}

func (s *redisServer) stop() {
	signal.Stop(s.asked)
	if s.control != nil {
		s.control.Close()
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	os.RemoveAll(s.dir)
}

func (s *redisServer) url() string { return "redis://" + s.addr }

// connect opens a client of rueidis with its defaults, which send what
// goroutines ask at the same time in one write.
func (s *redisServer) connect() rueidis.Client {
	return must(rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}}))
}

func (s *redisServer) do(words ...string) rueidis.RedisResult {
	return s.control.Do(context.Background(), s.control.B().Arbitrary(words...).Build())
}

// work is what the server did since it started.
type work struct {
	commands float64 // those that scripts ran included
	reads    float64 // from sockets: with one caller, the round trips
	bytes    float64 // in and out
	cpu      float64 // seconds, user and system

	reading float64 // bytes of this reading itself
}

func (s *redisServer) work() work {
	text := must(s.do("INFO", "everything").ToString())
	w := work{reading: float64(len(text)) + 42} // with its request and what goes around
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		number := func() float64 { return must(strconv.ParseFloat(value, 64)) }
		switch {
		case strings.HasPrefix(name, "cmdstat_"):
			calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
			w.commands += must(strconv.ParseFloat(calls, 64))
		case name == "total_reads_processed":
			w.reads = number()
		case name == "total_net_input_bytes", name == "total_net_output_bytes":
			w.bytes += number()
		case name == "used_cpu_user", name == "used_cpu_sys":
			w.cpu += number()
		}
	}
	return w
}

// since returns what was done between two readings, one of which the server
// counts.
func (w work) since(before work) work {
	return work{
		commands: w.commands - before.commands - 1,
		reads:    w.reads - before.reads - 1,
		bytes:    w.bytes - before.bytes - before.reading,
		cpu:      w.cpu - before.cpu,
	}
}

func (w *work) add(v work) {
	w.commands += v.commands
	w.reads += v.reads
	w.bytes += v.bytes
	w.cpu += v.cpu
}

// usedMemory is what all data costs the server.
func (s *redisServer) usedMemory() float64 {
	for line := range strings.Lines(must(s.do("INFO", "memory").ToString())) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			return must(strconv.ParseFloat(value, 64))
		}
	}
	panic("redis-server tells no used_memory")
}
