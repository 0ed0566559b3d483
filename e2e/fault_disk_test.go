package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// smallDisk is a file system of so many KiB of the test's own, in memory. To mount
// one takes root, which the tests have on a build machine.
func smallDisk(t *testing.T, kib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("gatehouse-test", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Fatalf("to fill a disk takes the right to mount one (run as root, or with CAP_SYS_ADMIN): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that is left and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} { // the last bits as well
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// The disk with the database and the spool is full: nothing is acknowledged that is
// not on record, the health page says why, and all goes on once there is room.
func TestFaultDiskFull(t *testing.T) {
	disk := smallDisk(t, 8<<10)
	n := startIn(t, filepath.Join(disk, "data"), cheapHash+proxied+patient)
	n.signup("ada@example.com")
	kept := map[string]int{} // correlation ID -> status
	attempt := func(i int) int {
		secret := password
		if i%2 == 0 {
			secret = "wrong"
		}
		a := n.login("ada@example.com", secret, fmt.Sprintf("192.0.2.%d", i%250+1))
		if acknowledged(a.status) {
			kept[a.header.Get("X-Correlation-ID")] = a.status
		}
		return a.status
	}
	for i := range 20 {
		if status := attempt(i); !acknowledged(status) {
			t.Fatalf("login %d: %d", i, status)
		}
	}
	free := fill(t, disk)
	refused := map[int]int{}
	within(t, 30*time.Second, "a login that is refused for want of room", func() bool {
		status := attempt(len(kept))
		refused[status]++
		return !acknowledged(status)
	})
	for i := range 50 {
		refused[attempt(i)]++
	}
	if refused[http.StatusServiceUnavailable] < 25 || refused[http.StatusInternalServerError] > 0 {
		t.Errorf("with a full disk logins are answered %v", refused)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		page := n.health(path)
		if records := page.Parts["records"]; page.Status == "ok" || records.Status != "degraded" || !strings.Contains(records.Error, "full") && !strings.Contains(records.Error, "no space") {
			t.Errorf("%s of a server with a full disk: %+v", path, page)
		}
	}
	if s := n.health("/readyz").Status; s != "unavailable" {
		t.Errorf("readiness %q with a full disk", s)
	}
	free()
	recovered := within(t, 10*time.Second, "recovery", func() bool { return n.health("/readyz").Status == "ok" })
	for i := range 20 {
		if status := attempt(i); !acknowledged(status) {
			t.Errorf("login %d with room again: %d", i, status)
		}
	}
	recorded := map[string]int{}
	for _, r := range n.log() {
		if strings.HasPrefix(string(r.Kind), "login_") {
			recorded[r.CorrelationID]++
		}
	}
	for id, status := range kept {
		if recorded[id] != 1 {
			t.Errorf("the login %s, answered %d, is on record %d times", id, status, recorded[id])
		}
	}
	if out, code := n.command("log", "verify"); code != 0 {
		t.Errorf("log verify: exit %d: %s", code, out)
	}
	t.Logf("%d acknowledged and found; with a full disk answered %v; recovered after %v", len(kept), refused, recovered)
}

// The database is down and the spool grows until its disk is full: then nothing is
// acknowledged any more, and all that was is on record once the database is back.
func TestFaultSpoolFull(t *testing.T) {
	disk := smallDisk(t, 512)
	postgres := testserver.Postgres(t)
	c := &cluster{database: postgres.Database(t)}
	n := startIn(t, filepath.Join(disk, "data"), cheapHash+proxied+patient+sharing(testserver.Redis(t).URL, nothingFails, c.database, filepath.Join(t.TempDir(), "keys.pem")))
	c.nodes = []*server{n}
	// Blocked beforehand, so that each request is a refusal: something to
	// acknowledge that takes no look into the database.
	for i := range 50 {
		if out, code := n.command("blocks", "add", fmt.Sprintf("192.0.2.%d", i+1)); code != 0 {
			t.Fatalf("blocks add: exit %d: %s", code, out)
		}
	}
	postgres.Stop()
	s := c.unleash(t, 200, func(i int) call { return guess(i % 50) })
	full := within(t, 60*time.Second, "a full spool", func() bool {
		return n.health("/healthz").Spooled > 0 && strings.Contains(n.health("/healthz").Parts["records"].Error, "no space")
	})
	<-time.After(time.Second)
	spooled := n.health("/healthz").Spooled
	postgres.Cont()
	recovered := within(t, 20*time.Second, "recovery", c.readyEverywhere)
	<-time.After(time.Second)
	answers := s.calm()
	within(t, 10*time.Second, "an empty spool", func() bool { return n.health("/healthz").Spooled == 0 })
	kept := foundOnce(t, answers, c.recorded(t))
	if byStatus(answers)[http.StatusServiceUnavailable] == 0 {
		t.Error("nothing was refused: the spool was not full")
	}
	t.Logf("%d sent, by status %v; %d acknowledged and found; the spool was full after %v with %d records; recovered after %v",
		len(answers), byStatus(answers), kept, full, spooled, recovered)
}
