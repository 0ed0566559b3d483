package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/store/spool"
	"github.com/fluxstudio/gatehouse/store/sql"
	"go.uber.org/goleak"
)

// childDir is where the child process of TestKill works. Set, it makes this binary
// that child.
const childDir = "SPOOL_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, work(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// work appends and places blocks from many clients while the store flaps, and
// says on the standard output what was acknowledged, until it is killed.
func work(dir string) error {
	inner, err := sql.OpenSQLite(context.Background(), filepath.Join(dir, "gatehouse.db"), sql.Options{})
	if err != nil {
		return err
	}
	s := &store{Store: inner}
	sp, err := spool.Open(filepath.Join(dir, "spool"), s, s, quick(spool.Options{
		OnError: func(err error) { fmt.Fprintln(os.Stderr, err) },
	}))
	if err != nil {
		return err
	}
	s.flap()
	var mu sync.Mutex
	round := os.Getenv(childDir + "_ROUND")
	failed := make(chan error)
	for c := range 16 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%02d/%s/%06d", c, round, i)
				if err := sp.Append(context.Background(), record(id)); err != nil {
					failed <- err
					return
				}
				line := id + "\n"
				if i%8 == 0 {
					b := block(id, "192.0.2.1/32", time.Hour)
					b.Prefix = blockFor(id)
					if _, err := sp.Place(context.Background(), b); err != nil {
						failed <- err
						return
					}
					line += "block " + id + "\n"
				}
				mu.Lock()
				os.Stdout.WriteString(line)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// blockFor is the address of the block with this ID: each has its own.
func blockFor(id string) netip.Prefix {
	var c, round, i int
	fmt.Sscanf(id, "%d/%d/%d", &c, &round, &i)
	a := netip.MustParseAddr("2001:db8::").As16()
	a[8], a[9], a[12], a[13], a[14], a[15] = byte(c), byte(round), byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
	return netip.PrefixFrom(netip.AddrFrom16(a), 128)
}

// What was acknowledged before a kill -9 is found in the store once a later process
// has handed it over, and what each client did is in order.
func TestKill(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	spooled := 0
	for round := range rounds {
		lines := childUntilKilled(t, dir, round, 150+37*round)
		for _, id := range lines {
			acknowledged[id] = true
		}
		if info, err := os.Stat(filepath.Join(dir, "spool")); err == nil && info.Size() > 64 {
			spooled++
		}
	}
	if spooled == 0 {
		t.Error("no process left anything in its spool")
	}
	f := openOn(t, filepath.Join(dir, "spool"), openStore(t, filepath.Join(dir, "gatehouse.db")), spool.Options{})
	f.drained(t)
	kept := f.store.kept(t)
	found := map[string]bool{}
	last := map[string]string{}
	for _, id := range kept {
		if found[id] {
			t.Errorf("%s is there twice", id)
		}
		found[id] = true
		if client := id[:2]; last[client] >= id {
			t.Errorf("%s comes after %s", id, last[client])
		} else {
			last[client] = id
		}
	}
	blocks, err := f.store.List(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		found["block "+b.ID] = true
	}
	missing := 0
	for id := range acknowledged {
		if !found[id] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d were acknowledged and are lost", missing, len(acknowledged))
	}
	if st := f.State(); st.Rejected+st.Damaged > 0 {
		t.Errorf("after %d kills: %+v", rounds, st)
	}
	t.Logf("%d kills, %d with a spool left, %d acknowledged, %d found", rounds, spooled, len(acknowledged), len(found))
}

// childUntilKilled runs work and kills it after so many lines.
func childUntilKilled(t *testing.T, dir string, round, n int) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s_ROUND=%02d", childDir, round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil { // killed; a line without its end was not read to its end
			break
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
		if len(lines) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || len(lines) < n {
		t.Fatalf("the child ended after %d lines: %v", len(lines), err)
	}
	return lines
}
