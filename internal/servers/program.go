package servers

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Directory is where programs run, and is removed with all that is in it, at the
// latest when the program that made it ends.
type Directory struct {
	Path string
	home *home
}

// NewDirectory makes a directory whose name contains the given one.
func NewDirectory(name string) (*Directory, error) {
	h, err := newHome(name, nil)
	if err != nil {
		return nil, err
	}
	return &Directory{h.dir, h}, nil
}

// Remove ends what still runs in the directory, and removes it.
func (d *Directory) Remove() error { return d.home.remove() }

// Program is a program that runs in a [Directory]. It is safe for concurrent use.
type Program struct {
	Log string // the file that has its output

	mu      sync.Mutex
	process *process
	ended   bool
}

// Start runs a program in the directory, in this program's environment with the
// variables changed that are given as NAME=value.
func (d *Directory) Start(name, program string, environ []string, args ...string) (*Program, error) {
	c := d.home.command(program, args...)
	c.Env = append(os.Environ(), environ...)
	log := filepath.Join(d.Path, name+".log")
	p, err := start(c, log)
	if err != nil {
		return nil, err
	}
	return &Program{Log: log, process: p}, nil
}

// Ready waits until the probe succeeds. Its error tells what the program wrote.
func (p *Program) Ready(probe func(context.Context) error) error { return p.process.ready(probe) }

// PID is the program's process ID.
func (p *Program) PID() int { return p.process.pid() }

// Running reports whether the program has not ended, by itself or otherwise.
func (p *Program) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended && !p.process.exited()
}

// End asks the program to end, with SIGTERM, and returns when it has. After ten
// seconds it is killed.
func (p *Program) End() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	p.ended = true
	return p.process.end(syscall.SIGTERM)
}
