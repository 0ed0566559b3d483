package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/spool"
)

// left returns the content of a file with these records, and the store that has
// yet to get them.
func left(t *testing.T, ids ...string) (path string, s *store, content []byte) {
	t.Helper()
	f := open(t, spool.Options{})
	f.store.fail(gatehouse.ErrUnavailable)
	f.append(t, ids...)
	f.close(t)
	f.store.works()
	content, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	return f.path, f.store, content
}

// lineOf returns where the line of a record begins and ends.
func lineOf(t *testing.T, content []byte, id string) (start, end int) {
	t.Helper()
	at := bytes.Index(content, []byte(`"id":"`+id+`"`))
	if at < 0 {
		t.Fatalf("no record %s in the file", id)
	}
	return bytes.LastIndexByte(content[:at], '\n') + 1, at + bytes.IndexByte(content[at:], '\n') + 1
}

func TestDamagedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		damage  func(content []byte) []byte
		want    string
		damaged int
		aside   string // is in what was put aside
	}{
		"a last line that is cut off": {
			func(b []byte) []byte { return b[:len(b)-10] }, "[a b c]", 0, ""},
		"a last line without its end": {
			func(b []byte) []byte { return b[:len(b)-1] }, "[a b c]", 0, ""},
		"zeros behind the end, as after a loss of power": {
			func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, "[a b c d]", 0, ""},
		"one byte in the midst": {
			func(b []byte) []byte {
				start, _ := lineOf(t, b, "b")
				b[start+60] ^= 1
				return b
			}, "[a c d]", 1, `"id":"b"`},
		"a page of zeros in the midst": {
			func(b []byte) []byte {
				start, _ := lineOf(t, b, "b")
				_, end := lineOf(t, b, "c")
				clear(b[start+5 : end-5])
				return b
			}, "[a d]", 1, "\x00\x00"},
		"two places": {
			func(b []byte) []byte {
				for _, id := range []string{"a", "c"} {
					start, _ := lineOf(t, b, id)
					b[start] = 'x'
				}
				return b
			}, "[b d]", 2, `"id":"c"`},
		"the last line": {
			func(b []byte) []byte {
				start, _ := lineOf(t, b, "d")
				b[start] = 'x'
				return b
			}, "[a b c]", 1, `"id":"d"`},
		"the header": {
			func(b []byte) []byte {
				b[3] = 'x'
				return b
			}, "[a b c d]", 1, "gatxhouse"},
		"the mark": {
			func(b []byte) []byte {
				b[20] = 'x'
				return b
			}, "[a b c d]", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path, s, content := left(t, "a", "b", "c", "d")
			if err := os.WriteFile(path, c.damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			f := openOn(t, path, s, spool.Options{})
			f.append(t, "e")
			f.drained(t)
			want := strings.TrimSuffix(c.want, "]") + " e]"
			if got := fmt.Sprint(s.kept(t)); got != want {
				t.Errorf("the store has %v, want %v", got, want)
			}
			if st := f.State(); st.Damaged != c.damaged {
				t.Errorf("%d damaged pieces, want %d", st.Damaged, c.damaged)
			}
			aside, err := os.ReadFile(path + ".damaged")
			if (err == nil) != (c.damaged > 0) || !bytes.Contains(aside, []byte(c.aside)) {
				t.Errorf("put aside: %q, %v", aside, err)
			}
			if c.damaged > 0 && len(f.errs) == 0 {
				t.Error("nobody was told")
			}
			f.append(t, "f")
			f.mustKeep(t, strings.Fields(strings.Trim(want, "[]")+" f")...)
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "gatehouse.db"))
	for name, c := range map[string]struct{ content, says string }{
		"a later version":   {"gatehouse-spool 2\n" + strings.Repeat("x", 100), "of another version"},
		"another file":      {"root:x:0:0:root:/root:/bin/bash\n" + strings.Repeat("daemon:x:1:1::/:\n", 9), "not the file of a spool"},
		"a short other one": {"hello\n", "not the file of a spool"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spool")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := spool.Open(path, s, s, spool.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != c.content {
				t.Errorf("it was changed: %q, %v", after, err)
			}
		})
	}
	f := open(t, spool.Options{})
	if _, err := spool.Open(f.path, s, s, spool.Options{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := spool.Open(t.TempDir(), s, s, spool.Options{}); err == nil {
		t.Error("a directory was opened")
	}
}

// An entry that the store will never take does not hold up the others.
func TestRejected(t *testing.T) {
	f := open(t, spool.Options{})
	f.store.fail(gatehouse.ErrUnavailable)
	refused := errors.New("no such record in my book")
	f.append(t, "a", "bad 1", "b", "bad 2", "c")
	b := block("bad 3", "192.0.2.1/32", 1)
	if _, err := f.Place(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	f.append(t, "d")
	f.store.refuse = func(id string) error {
		if strings.HasPrefix(id, "bad") {
			return refused
		}
		return nil
	}
	f.store.works()
	f.drained(t)
	f.mustKeep(t, "a", "b", "c", "d")
	if st := f.State(); st.Rejected != 3 || st.Records != 0 {
		t.Errorf("afterwards: %+v", st)
	}
	aside, err := os.ReadFile(f.path + ".rejected")
	if err != nil || bytes.Count(aside, []byte("\n")) != 3 || !bytes.Contains(aside, []byte("bad 1")) || !bytes.Contains(aside, []byte("bad 3")) {
		t.Errorf("put aside: %q, %v", aside, err)
	}
	if len(f.errs) != 3 {
		t.Errorf("%d errors were told", len(f.errs))
	}
	for _, what := range []string{"192.0.2.1/32", "record bad 1", "record bad 2"} {
		if err := <-f.errs; !errors.Is(err, refused) || !strings.Contains(err.Error(), what) {
			t.Errorf("told was %v, want %s", err, what)
		}
	}
	if info, err := os.Stat(f.path + ".rejected"); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// What is refused at once is its caller's to know, and is not kept.
	if err := f.Append(t.Context(), record("bad 4")); !errors.Is(err, refused) {
		t.Errorf("Append: %v", err)
	}
	if st := f.State(); st.Degraded || st.Rejected != 3 {
		t.Errorf("in the end: %+v", st)
	}
}
