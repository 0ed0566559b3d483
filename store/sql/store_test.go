package sql_test

import (
	"path/filepath"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func open(t testing.TB) *sql.Store { return openAt(t, filepath.Join(t.TempDir(), "gatehouse.db")) }

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
