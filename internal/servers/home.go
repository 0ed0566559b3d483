package servers

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

//go:embed reap.sh
var reapScript string

// home is a server's directory, and who may use it.
type home struct {
	dir    string
	user   *syscall.Credential // nil: whoever runs this program
	reaper *exec.Cmd
	hold   io.Closer
}

// newHome makes a directory that lives as long as this program, at most.
func newHome(name string, user *syscall.Credential) (*home, error) {
	dir, err := os.MkdirTemp("", "gatehouse-"+name+"-")
	if err != nil {
		return nil, err
	}
	if user != nil {
		if err := os.Chown(dir, int(user.Uid), int(user.Gid)); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	h := &home{dir: dir, user: user}
	h.reaper = exec.Command("/bin/sh", "-c", reapScript, "reap", dir)
	h.reaper.Dir = "/"
	h.reaper.SysProcAttr = h.attributes()
	in, hold, err := os.Pipe()
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	defer in.Close()
	h.reaper.Stdin, h.hold = in, hold
	if err := h.reaper.Start(); err != nil {
		hold.Close()
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	return h, nil
}

// attributes of every process of the home: a process group of its own, so that
// Ctrl-C reaches the program that started it and nobody else.
func (h *home) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: h.user, Setpgid: true}
}

// remove ends what still runs in the directory, and removes it.
func (h *home) remove() error {
	if h.reaper.ProcessState != nil {
		return nil
	}
	h.hold.Close()
	return h.reaper.Wait()
}

// command is a program that will run in the home.
func (h *home) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = h.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = h.attributes()
	return c
}

// logTail is the end of a log, or why that can't be had.
func logTail(path string) string {
	const most = 16 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if i, err := f.Stat(); err == nil && i.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
