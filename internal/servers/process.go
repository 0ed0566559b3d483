package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long a server may take to start: generous, for a busy machine.
const patience = time.Minute

// process is a server that was started.
type process struct {
	cmd *exec.Cmd
	log string // path
}

// start runs a command whose output is appended to a file.
func start(c *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		return nil, err
	}
	return &process{c, log}, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// ready returns once the probe succeeds; with the server's log when it doesn't.
func (p *process) ready(probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := poll(ctx, func(ctx context.Context) error {
		if p.exited() {
			return permanent{errors.New("it ended at once")}
		}
		return probe(ctx)
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w; its log:\n%s", p.cmd.Path, err, logTail(p.log))
	}
	return nil
}

// exited reports whether the process has ended, without taking away its status.
func (p *process) exited() bool {
	s, err := readStat(p.pid())
	return err != nil || s.state == 'Z' || s.state == 'X'
}

// kill ends the process and its children at once, and returns when all are gone.
func (p *process) kill() error {
	// A process that is stopped gets no more children, and buries none.
	if err := p.stop(); err != nil {
		return err
	}
	children := p.children()
	p.cmd.Process.Signal(syscall.SIGKILL)
	for _, c := range children {
		syscall.Kill(c, syscall.SIGKILL)
	}
	p.cmd.Wait() // it was killed, which is an error to Wait
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll(ctx, func(context.Context) error {
		for _, c := range children {
			if s, err := readStat(c); err == nil && s.state != 'Z' && s.state != 'X' {
				return fmt.Errorf("process %d survives", c)
			}
		}
		return nil
	})
}

// end sends a signal, and returns when the process has ended. After ten seconds
// it is killed.
func (p *process) end(signal os.Signal) error {
	p.cont()
	p.cmd.Process.Signal(signal)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := poll(ctx, func(context.Context) error {
		if !p.exited() {
			return errors.New("still running")
		}
		return nil
	})
	if err != nil {
		return p.kill()
	}
	p.cmd.Wait() // the status does not matter any more
	return nil
}

// stop halts the process and its children, where they are, and returns when all
// stand still.
func (p *process) stop() error {
	if err := halt(p.pid()); err != nil {
		return err
	}
	for _, c := range p.children() {
		if err := halt(c); err != nil {
			return err
		}
	}
	return nil
}

// cont lets the process and its children go on.
func (p *process) cont() {
	for _, c := range p.children() {
		syscall.Kill(c, syscall.SIGCONT)
	}
	syscall.Kill(p.pid(), syscall.SIGCONT)
}

func halt(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll(ctx, func(context.Context) error {
		if s, err := readStat(pid); err == nil && !bytes.ContainsRune([]byte("TtZX"), rune(s.state)) {
			return fmt.Errorf("process %d still runs", pid)
		}
		return nil
	})
}

// children are found by their parent: PostgreSQL's have sessions, and so groups,
// of their own.
func (p *process) children() []int {
	var found []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil && s.parent == p.pid() {
			found = append(found, pid)
		}
	}
	return found
}

// stat is what proc_pid_stat(5) tells.
type stat struct {
	state  byte
	parent int
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The program's name comes before, in brackets, and may hold brackets itself.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 2 {
		return stat{}, fmt.Errorf("process %d: no state", pid)
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{fields[0][0], parent}, err
}

// permanent is an error that trying again won't cure.
type permanent struct{ error }

// poll calls until it succeeds, or the context ends: then with the last error.
func poll(ctx context.Context, try func(context.Context) error) error {
	const pause = 5 * time.Millisecond
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if errors.As(err, &permanent{}) {
			return err
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return err
		case <-timer.C:
		}
	}
}
