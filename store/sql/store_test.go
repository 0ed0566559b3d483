package sql_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// open returns an empty store. Its file is a copy, as making the schema takes
// longer than most tests.
func open(t testing.TB) *sql.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	b, err := empty()
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return openAt(t, path)
}

// empty is the file of a store in which there is nothing.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "gatehouse.db")
	s, err := sql.OpenSQLite(context.Background(), path, sql.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func openAt(t testing.TB, path string) *sql.Store {
	t.Helper()
	s, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestJournal(t *testing.T) {
	storetest.Journal(t, func(t *testing.T) (gatehouse.Journal, gatehouse.Log) {
		s := open(t)
		return s, s
	})
}

func TestSightings(t *testing.T) {
	storetest.Sightings(t, func(t *testing.T) gatehouse.Sightings { return open(t) })
}

func TestAccounts(t *testing.T) {
	storetest.Accounts(t, func(t *testing.T) accounts.Store { return open(t) })
}

func TestBlocks(t *testing.T) {
	storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks { return open(t) })
}

func TestLogStats(t *testing.T) {
	storetest.LogStats(t, func(t *testing.T) storetest.CountingLog { return open(t) })
}
