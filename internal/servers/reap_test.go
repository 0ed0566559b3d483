package servers_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// TestMain is the program that is killed, too.
func TestMain(m *testing.M) {
	if os.Getenv("SERVERS_TEST_HOLD") != "" {
		hold()
	}
	os.Exit(m.Run())
}

// hold starts servers, says where they are, and waits to be killed.
func hold() {
	redis, err := servers.StartRedis()
	if err == nil {
		err = redis.Stop()
	}
	postgres, postgresErr := servers.StartPostgres(nil)
	if postgresErr == nil {
		postgresErr = postgres.Stop()
	}
	if err := errors.Join(err, postgresErr); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(redis.Addr, postgres.Addr)
	select {}
}

// A test binary that is killed leaves no server and no directory behind, though
// the servers were stopped, their children too.
func TestNothingOutlivesItsProgram(t *testing.T) {
	temp, err := os.MkdirTemp("", "servers-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o777); err != nil { // PostgreSQL may have a user of its own
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SERVERS_TEST_HOLD=1", "TMPDIR="+temp)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addrs := strings.Fields(line)
	for _, addr := range addrs {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		conn.Close()
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	eventually(t, func() error {
		left, err := os.ReadDir(temp)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d directories are left", len(left))
		}
		return err
	})
	for _, addr := range addrs {
		if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := servers.StartRedis()
	if !errors.Is(err, servers.ErrMissing) || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("StartRedis: %v", err)
	}
}

func TestServersThatCannotStartShowTheirLog(t *testing.T) {
	if _, err := servers.StartRedis("--maxmemory", "much"); err == nil || !strings.Contains(err.Error(), "FATAL CONFIG FILE ERROR") {
		t.Errorf("StartRedis: %v", err)
	}
	if _, err := servers.StartPostgres(map[string]string{"work_mem": "much"}); err == nil || !strings.Contains(err.Error(), `invalid value for parameter "work_mem"`) {
		t.Errorf("StartPostgres: %v", err)
	}
}

// eventually waits until what is asked holds.
func eventually(t *testing.T, holds func() error) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}
