package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/spool"
)

// A disk that is full: no success without its record, a clear state, and work goes
// on when there is room again.
func TestFullDisk(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=128k"); err != nil {
		t.Fatalf("a small disk cannot be made, which takes root and the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := openStore(t, filepath.Join(t.TempDir(), "gatehouse.db"))
	s.fail(gatehouse.ErrUnavailable)
	f := openOn(t, filepath.Join(small, "spool"), s, spool.Options{})

	var mu sync.Mutex
	acknowledged := map[string]bool{}
	refused := 0
	appendAll := func(round string) {
		var wg sync.WaitGroup
		for c := range 16 {
			wg.Go(func() {
				for i := range 100 {
					id := fmt.Sprintf("%02d/%s/%03d", c, round, i)
					err := f.Append(t.Context(), record(id))
					mu.Lock()
					if err == nil {
						acknowledged[id] = true
					} else if refused++; !errors.Is(err, gatehouse.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
						t.Errorf("on a full disk: %v", err)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	appendAll("a")
	if refused == 0 || len(acknowledged) == 0 {
		t.Fatalf("%d acknowledged, %d refused", len(acknowledged), refused)
	}
	st := f.State()
	if !st.Degraded || !st.Failing || !strings.Contains(st.Err.Error(), "no space left") || st.Records != len(acknowledged) {
		t.Errorf("on a full disk, with %d acknowledged: %+v", len(acknowledged), st)
	}

	// Room, but the store is still down.
	if err := syscall.Mount("", small, "", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	f.append(t, "00/b/000")
	acknowledged["00/b/000"] = true
	if st := f.State(); st.Failing || !errors.Is(st.Err, gatehouse.ErrUnavailable) {
		t.Errorf("when there is room: %+v", st)
	}
	// A process that starts now finds a whole file.
	f.close(t)
	f = openOn(t, filepath.Join(small, "spool"), s, spool.Options{})
	if st := f.State(); st.Records != len(acknowledged) {
		t.Errorf("%d records after a restart, want %d", st.Records, len(acknowledged))
	}
	// Full again, and the store comes back, which makes room.
	if err := os.WriteFile(filepath.Join(small, "other"), make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	refused = 0
	appendAll("c")
	if refused == 0 {
		t.Error("the disk is not full")
	}
	s.works()
	f.drained(t)
	appendAll("d")
	kept := s.kept(t)
	for _, id := range kept {
		if !acknowledged[id] {
			t.Errorf("%s was refused and is there", id)
		}
	}
	if len(kept) != len(acknowledged) {
		t.Errorf("%d acknowledged, %d found", len(acknowledged), len(kept))
	}
	inOrder(t, kept, len(acknowledged))
	if st := f.State(); st.Degraded || st.Failing || st.Damaged+st.Rejected > 0 {
		t.Errorf("in the end: %+v", st)
	}
}
