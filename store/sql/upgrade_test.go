package sql_test

import (
	stdsql "database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// migrateTo brings an SQLite file to a version of the schema, up or down.
func migrateTo(t *testing.T, path string, version int64, then string) {
	t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	has, err := p.GetDBVersion(t.Context())
	if err == nil && has < version {
		_, err = p.UpTo(t.Context(), version)
	} else if err == nil {
		_, err = p.DownTo(t.Context(), version)
	}
	if err == nil {
		_, err = db.Exec(then)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// People who were signed in before there were operators still are, hold no role
// and need no step.
func TestAccountsOfAnOlderSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	migrateTo(t, path, 5, `
		INSERT INTO users VALUES ('u1', 'ada@example.com', 'Ada@example.com', 'Ada', 'hash', 1000, 2000);
		INSERT INTO sessions VALUES ('s1', 'u1', 'd1', '{"user_agent":"x"}', 3000, 4000, 9000000000000000, NULL, '')`)
	for range 2 { // and once more, after a step back
		s, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ss, u, err := s.SessionWithUser(t.Context(), "s1")
		want := accounts.User{
			ID: "u1", Account: "ada@example.com", Email: "Ada@example.com", Name: "Ada", PasswordHash: "hash",
			Created: time.UnixMicro(1000).UTC(), PasswordChanged: time.UnixMicro(2000).UTC(),
		}
		if err != nil || u != want || !ss.Authenticated.Equal(ss.Created) || !ss.Created.Equal(time.UnixMicro(3000)) || ss.Browser {
			t.Errorf("session %+v of %+v, %v", ss, u, err)
		}
		if needs(t, s, "s1") {
			t.Error("the session needs a step that nobody asked for")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		migrateTo(t, path, 5, "")
	}
}

func needs(t *testing.T, s accounts.Store, session string) bool {
	t.Helper()
	ss, u, err := s.SessionWithUser(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	return (*accounts.Service)(nil).NeedsStepUp(u, ss)
}
