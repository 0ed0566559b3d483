package sql_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// childPath, when set, makes the test binary a second process; see TestMain.
const childPath = "GATEHOUSE_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := appendForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// appendForever appends from 32 goroutines and prints each ID that has been
// acknowledged, until it is killed.
func appendForever(path string) error {
	s, err := sql.OpenSQLite(context.Background(), path, sql.Options{})
	if err != nil {
		return err
	}
	fail := make(chan error)
	for range 32 {
		go func() {
			for {
				r := sample(time.Now().UnixNano() / 1000)
				r.CorrelationID = r.ID
				if err := s.Append(context.Background(), r); err != nil {
					fail <- err
				}
				fmt.Println(r.ID) // one write, which is atomic on a pipe
			}
		}()
	}
	return <-fail
}

// What was acknowledged outlives a process that is killed amid its writes, and
// a reader beside it sees it at once.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	acknowledged := map[string]bool{}
	for round := range 5 {
		ids, kill := child(t, path)
		var beside *sql.Store
		for n := 0; n < 100*(round+1); n++ {
			id := <-ids
			acknowledged[id] = true
			if beside == nil { // its first ID says that the file is there
				var err error
				if beside, err = sql.AttachSQLite(t.Context(), path, sql.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			if n%20 == 0 && !sees(t, beside, id) {
				t.Fatalf("round %d: %s was acknowledged and a reader beside does not see it", round, id)
			}
		}
		kill()
		for id := range ids {
			acknowledged[id] = true
		}
		if err := beside.Close(); err != nil {
			t.Error(err)
		}
		s := openAt(t, path)
		for r, err := range s.Query(t.Context(), gatehouse.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			delete(acknowledged, r.ID)
		}
		countsAgree(t, s)
		if len(acknowledged) > 0 {
			t.Fatalf("round %d: %d records were acknowledged and are lost", round, len(acknowledged))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// sees reports whether the record with this correlation ID is in the log.
func sees(t *testing.T, l gatehouse.Log, correlation string) bool {
	t.Helper()
	for _, err := range l.Query(t.Context(), gatehouse.Query{Correlation: correlation}) {
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

// child starts a process that appends; ids yields what it has acknowledged and
// ends after kill.
func child(t *testing.T, path string) (ids <-chan string, kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := make(chan string, 1<<16)
	go func() {
		defer close(lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				if err != io.EOF && !strings.Contains(err.Error(), "closed") {
					t.Error(err)
				}
				return
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return lines, func() {
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Error(err)
		}
		cmd.Process.Wait()
	}
}

// Two handles on one file: both write, each sees the other's work at once.
func TestAttached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	server := openAt(t, path)
	tool, err := sql.AttachSQLite(t.Context(), path, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()

	at := time.Unix(1_772_000_000, 0)
	var wg sync.WaitGroup
	for i := range 40 {
		a, b := server, tool
		if i%2 == 1 {
			a, b = tool, server
		}
		wg.Go(func() {
			ctx := t.Context()
			ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			prefix := netip.PrefixFrom(ip, 32)
			if _, err := a.Place(ctx, gatehouse.Block{ID: fmt.Sprint(i), Prefix: prefix, Created: at}); err != nil {
				t.Errorf("Place: %v", err)
			}
			if _, ok, err := b.Blocked(ctx, ip, at); err != nil || !ok {
				t.Errorf("the other does not see the block of %v: %v", ip, err)
			}
			if _, err := b.Lift(ctx, prefix, at); err != nil {
				t.Errorf("Lift: %v", err)
			}
			if _, ok, err := a.Blocked(ctx, ip, at); err != nil || ok {
				t.Errorf("%v is still blocked: %v", ip, err)
			}
			r := sample(int64(i))
			if err := a.Append(ctx, r); err != nil {
				t.Errorf("Append: %v", err)
			}
			if !sees(t, b, r.CorrelationID) {
				t.Errorf("the other does not see the record")
			}
		})
	}
	wg.Wait()
}
