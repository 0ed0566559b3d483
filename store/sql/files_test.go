package sql_test

import (
	"bytes"
	"context"
	stdsql "database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/sql"
)

func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gatehouse.db")
	check := func() {
		t.Helper()
		s := openAt(t, path)
		if err := s.Append(t.Context(), sample(1)); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) != 3 {
			t.Fatalf("files: %v, %v", files, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s has mode %v, %v", file, info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	check()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "q?mode=memory", "50%41", "#hash", "ü", ":memory:", "file:x"} {
		path := filepath.Join(t.TempDir(), name)
		s := openAt(t, path)
		if err := s.Append(t.Context(), sample(1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: the database is not where it was asked for: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	openAt(t, "relative.db")
	if _, err := os.Stat("relative.db"); err != nil {
		t.Error(err)
	}
}

func execSQL(t *testing.T, path string, texts ...string) {
	t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	type open = func(context.Context, string, sql.Options) (*sql.Store, error)
	made := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "gatehouse.db")
		if err := openAt(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		open open
		is   error // may be nil
		says string
	}{
		{"no directory", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none", "gatehouse.db") },
			sql.OpenSQLite, fs.ErrNotExist, "its directory is missing"},
		{"a directory", func(t *testing.T) string { return t.TempDir() }, sql.OpenSQLite, nil, "is a directory"},
		{"where no file can be made", func(*testing.T) string { return "/proc/self/gatehouse.db" }, sql.OpenSQLite, nil, "/proc/self/gatehouse.db"},
		{"attach to nothing", func(t *testing.T) string { return filepath.Join(t.TempDir(), "gatehouse.db") },
			sql.AttachSQLite, fs.ErrNotExist, "no such file"},
		{"attach to an empty file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "gatehouse.db")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, sql.AttachSQLite, sql.ErrOlderSchema, "start the server once"},
		{"no database", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "gatehouse.db")
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, sql.OpenSQLite, nil, "file is not a database"},
		{"a damaged database", func(t *testing.T) string {
			path := made(t)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			clear(b[100:]) // all but the header
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, sql.OpenSQLite, nil, "malformed"},
		{"somebody else's", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "other.db")
			execSQL(t, path, "CREATE TABLE other (x)")
			return path
		}, sql.OpenSQLite, sql.ErrForeign, "not one of gatehouse"},
		{"a newer one", func(t *testing.T) string {
			path := made(t)
			execSQL(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
			return path
		}, sql.OpenSQLite, sql.ErrNewerSchema, "its schema is 99"},
		{"attach to a newer one", func(t *testing.T) string {
			path := made(t)
			execSQL(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
			return path
		}, sql.AttachSQLite, sql.ErrNewerSchema, "its schema is 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			s, err := c.open(t.Context(), path, sql.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("got: %v", err)
			}
		})
	}
}

// What turns out to be somebody else's is left as it was.
func TestForeignDatabaseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	execSQL(t, path, "CREATE TABLE other (x)", "INSERT INTO other VALUES (1)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sql.OpenSQLite(t.Context(), path, sql.Options{}); !errors.Is(err, sql.ErrForeign) {
		t.Errorf("OpenSQLite: %v", err)
	}
	if _, err := sql.AttachSQLite(t.Context(), path, sql.Options{}); !errors.Is(err, sql.ErrForeign) {
		t.Errorf("AttachSQLite: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
}

func TestOpenedTwiceAtTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			s, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := s.Append(t.Context(), sample(int64(i))); err != nil {
				t.Errorf("append: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	if n := count(t, openAt(t, path)); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

func count(t *testing.T, l gatehouse.Log) (n int) {
	t.Helper()
	for _, err := range l.Query(t.Context(), gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
