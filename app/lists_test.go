package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var listNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestListsWinInTheirOrder(t *testing.T) {
	dir := t.TempDir()
	bad, office := filepath.Join(dir, "bad.txt"), filepath.Join(dir, "office.txt")
	mustWrite(t, bad, "192.0.2.0/24")
	mustWrite(t, office, "192.0.2.8/30")
	l, err := openLists(ListsConfig{BlockFiles: []string{bad}, Allow: []string{"192.0.2.4/31"}, AllowFiles: []string{office}}, func() time.Time { return listNoon }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	blocks := listedBlocks{memory.NewBlocks(), l}
	place := func(p string) error {
		_, err := blocks.Place(t.Context(), gatehouse.Block{ID: p, Prefix: netip.MustParsePrefix(p), Created: listNoon})
		return err
	}
	for _, p := range []string{"192.0.2.4/32", "192.0.2.4/31", "192.0.2.9/32", "::ffff:192.0.2.9/128"} {
		if err := place(p); !errors.Is(err, errAllowed) || !errors.Is(err, guard.ErrInvalidBlock) {
			t.Errorf("Place %s: %v", p, err)
		}
	}
	for _, p := range []string{"192.0.0.0/16", "203.0.113.0/24"} { // wider than what is allowed
		if err := place(p); err != nil {
			t.Errorf("Place %s: %v", p, err)
		}
	}
	for ip, want := range map[string]string{
		"192.0.2.1": "blocklist bad.txt", "::ffff:192.0.2.1": "blocklist bad.txt",
		"192.0.2.4": "", "192.0.2.5": "", "192.0.2.9": "", "198.51.100.1": "", "192.0.3.1": "-", "203.0.113.1": "-",
	} {
		b, found, err := blocks.Blocked(t.Context(), netip.MustParseAddr(ip), listNoon)
		if err != nil || found != (want != "") || strings.HasPrefix(want, "blocklist") && b.Reason != want {
			t.Errorf("%s: %+v, %v, %v", ip, b, found, err)
		}
	}
}

// A file that is broken, or gone, leaves its list as it was, and is told of once.
// It is read again when it is in order, and when an entry ends.
func TestABrokenFileLeavesItsList(t *testing.T) {
	now := listNoon
	path := filepath.Join(t.TempDir(), "bad.json")
	mustWrite(t, path, `["192.0.2.1", {"prefix": "192.0.2.2", "until": "2026-03-01T13:00:00Z"}]`)
	var log bytes.Buffer
	l, err := openLists(ListsConfig{BlockFiles: []string{path}}, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	holds := func(step string, ips ...string) {
		t.Helper()
		for _, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			if got := l.deny[0].list.Contains(netip.MustParseAddr(ip)); got != strings.Contains(strings.Join(ips, " "), ip) {
				t.Errorf("%s: %s: %v", step, ip, got)
			}
		}
	}
	holds("at first", "192.0.2.1", "192.0.2.2")
	mustWrite(t, path, "[")
	l.reload(false)
	l.reload(false)
	holds("broken", "192.0.2.1", "192.0.2.2")
	if n := strings.Count(log.String(), "could not read"); n != 1 {
		t.Errorf("told %d times: %s", n, log.String())
	}
	os.Remove(path)
	l.reload(false)
	l.reload(true)
	holds("gone", "192.0.2.1", "192.0.2.2")
	if n := strings.Count(log.String(), "could not read"); n != 3 {
		t.Errorf("told %d times: %s", n, log.String())
	}
	mustWrite(t, path, `["192.0.2.3", {"prefix": "192.0.2.2", "until": "2026-03-01T13:00:00Z"}]`)
	l.reload(false)
	holds("in order again", "192.0.2.2", "192.0.2.3")
	hourAgo := time.Now().Add(-time.Hour) // long unchanged
	if err := os.Chtimes(path, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	l.reload(false)
	log.Reset()
	l.reload(false)
	if log.Len() > 0 {
		t.Errorf("an unchanged file is read again: %s", log.String())
	}
	now = now.Add(time.Hour)
	l.reload(false)
	holds("when an entry has ended", "192.0.2.3")
}

func TestListsMustBeInOrderAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.txt")
	mustWrite(t, path, "192.0.2.1\nx")
	for want, c := range map[string]ListsConfig{
		"lists.block_files: " + path + ":2:": {BlockFiles: []string{path}},
		"lists.allow_files: ":                {AllowFiles: []string{path + "x"}},
		"every address there is":             {Allow: []string{"0.0.0.0/1", "128.0.0.0/1"}},
	} {
		if _, err := openLists(c, time.Now, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
