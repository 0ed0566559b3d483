package servers

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// ErrMissing says that a server is not installed, and how it can be.
var ErrMissing = errors.New("not installed")

// findRedis returns the path of redis-server, or of Valkey in its place.
func findRedis() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", missing("redis-server")
}

// findPostgres returns the directory of PostgreSQL's programs. Debian keeps them
// out of the search path, a directory for each major version.
func findPostgres() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", missing("PostgreSQL (initdb)")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(major(a), major(b)) })
	return filepath.Dir(newest), nil
}

func major(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

func missing(what string) error {
	return fmt.Errorf("%s is %w: \"make tools\" installs it on Debian and Ubuntu", what, ErrMissing)
}

// postgresUser is who runs PostgreSQL, which refuses to run as root: nil for
// whoever runs this program.
func postgresUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

// attempts is how often another port is tried when somebody else took it first.
const attempts = 5

// Listen takes a free port of 127.0.0.1, below Linux's range for outgoing
// connections: while nobody listens there, no client can be given it as its own
// port, and so connect to itself.
func Listen() (net.Listener, error) {
	var last error
	for range 100 {
		l, err := net.Listen("tcp", loopback(20000+rand.IntN(10000)))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("no free port: %w", last)
}

// FreeAddr returns an address of 127.0.0.1 whose port was free a moment ago.
func FreeAddr() (string, error) {
	port, err := freePort()
	return loopback(port), err
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	l, err := Listen()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
