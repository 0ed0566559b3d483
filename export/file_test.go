package export_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

func openFile(t *testing.T, path string) *export.File {
	t.Helper()
	f, err := export.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f *export.File, text string) {
	t.Helper()
	if err := f.Write(t.Context(), export.Line{Text: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// logrotate moves the file away under concurrent logins, again and again: no
// line is torn, lost or doubled over all files.
func TestFileRotationByMoving(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.jsonl")
	e := start(t, export.Options{Target: openFile(t, path), Queue: 100_000})
	const clients, each = 16, 200
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for i := range each {
				r := typical(gatehouse.LoginFailed)
				r.ID = fmt.Sprintf("%d-%d", c, i)
				e.Records([]gatehouse.Record{r})
			}
		})
	}
	for i := range 20 {
		wait(t, func() bool { return e.Stats().Written >= uint64(i*clients*each/25) })
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	group.Wait()
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(path + "*")
	seen := make(map[string]int)
	for _, f := range files {
		for line := range strings.Lines(content(t, f)) {
			var id string
			if _, rest, ok := strings.Cut(line, `"uid":"`); ok {
				id, _, _ = strings.Cut(rest, `"`)
			}
			if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}\n") {
				t.Fatalf("torn: %q", line)
			}
			seen[id]++
		}
	}
	if len(seen) != clients*each || len(files) < 10 {
		t.Errorf("%d of %d lines in %d files", len(seen), clients*each, len(files))
	}
	for id, n := range seen {
		if n != 1 {
			t.Fatalf("%s is there %d times", id, n)
		}
	}
}

// copytruncate: the file begins anew, without a hole, and no line is torn.
func TestFileRotationByTruncating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	e := start(t, export.Options{Target: openFile(t, path), Format: ids})
	var kept strings.Builder
	total := 0
	for range 5 {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { e.Records(numbered(0, 50)) })
		}
		group.Wait()
		total += 400
		wait(t, func() bool { return e.Stats().Written == uint64(total) })
		kept.WriteString(content(t, path))
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	e.Records(numbered(7, 1))
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "7\n" {
		t.Errorf("after the cut: %.40q", got)
	}
	if n := strings.Count(kept.String(), "\n"); n != total || strings.Contains(kept.String(), "\x00") {
		t.Errorf("%d lines copied, want %d", n, total)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	if err := os.WriteFile(path, []byte("old\nhalf a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, path)
	write(t, f, "a")
	if got := content(t, path); got != "old\nhalf a li\na\n" {
		t.Errorf("a torn line was not ended: %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, f, "b")
	if got := content(t, path); got != "b\n" {
		t.Errorf("after removal: %q", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Another file in its place, as "create" in logrotate makes one.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.Reopen()
	write(t, f, "c")
	if got := content(t, path) + content(t, path+".1"); got != "c\nb\n" {
		t.Errorf("after a move: %q", got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// The directory is gone for a while: an error each time, then it goes on.
func TestFileWithoutDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if _, err := export.NewFile(filepath.Join(dir, "log")); err == nil {
		t.Error("opened in a directory that is not there")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, filepath.Join(dir, "log"))
	defer f.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Write(t.Context(), export.Line{Text: []byte("x")}); err == nil {
			t.Fatal("wrote into nowhere")
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "y")
	if got := content(t, filepath.Join(dir, "log")); got != "y\n" {
		t.Errorf("%q", got)
	}
	if _, err := export.NewFile(dir); err == nil {
		t.Error("opened a directory")
	}
}

// tornWriter takes a few bytes at first.
type tornWriter struct {
	bytes.Buffer
	calls int
}

func (w *tornWriter) Write(b []byte) (int, error) {
	if w.calls++; w.calls == 1 {
		n, _ := w.Buffer.Write(b[:3])
		return n, nil
	}
	return w.Buffer.Write(b)
}

func TestStream(t *testing.T) {
	var w tornWriter
	e := start(t, export.Options{Target: export.Stream(&w), Backoff: time.Microsecond, Format: func(gatehouse.Record) ([]byte, error) { return []byte("12345"), nil }})
	e.Records(numbered(0, 2))
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	if got := w.String(); got != "123\n12345\n12345\n" {
		t.Errorf("%q", got)
	}
}

// wait polls until f holds.
func wait(t *testing.T, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}
