package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

func TestPostgresOpenedBySeveralAtTheSameTime(t *testing.T) {
	database := testserver.SharedPostgres(t).Database(t)
	together(8, func(i int) {
		s, err := sql.OpenPostgres(t.Context(), database, sql.Options{Node: fmt.Sprint(i % 4), Sign: signing})
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
	s := openPostgres(t, database, sql.Options{Node: "0"})
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != 8 || len(got.Heads) != 4 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPostgresThatCannotBeOpenedSaysWhy(t *testing.T) {
	type open = func(context.Context, string, sql.Options) (*sql.Store, error)
	whole := testserver.SharedPostgres(t).Database(t)
	schemas := 0
	empty := func(t *testing.T) string {
		schemas++
		name := fmt.Sprint("s", schemas)
		execPostgres(t, whole, "CREATE SCHEMA "+name)
		return whole + "&search_path=" + name
	}
	with := func(text string) func(t *testing.T) string {
		return func(t *testing.T) string {
			database := empty(t)
			execPostgres(t, database, text)
			return database
		}
	}
	made := func(text string) func(t *testing.T) string {
		return func(t *testing.T) string {
			database := empty(t)
			if err := openPostgres(t, database, sql.Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			execPostgres(t, database, text)
			return database
		}
	}
	changed := func(change func(u *url.URL)) func(t *testing.T) string {
		return func(t *testing.T) string {
			u, err := url.Parse(whole)
			if err != nil {
				t.Fatal(err)
			}
			change(u)
			return u.String()
		}
	}
	fixed := func(address string) func(t *testing.T) string { return func(*testing.T) string { return address } }
	newer := made("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	foreign := with("CREATE TABLE other (x int)")
	for _, c := range []struct {
		name string
		url  func(t *testing.T) string
		open open
		is   error // may be nil
		says string
	}{
		{"attach to nothing", empty, sql.AttachPostgres, sql.ErrOlderSchema, "start the server once"},
		{"somebody else's", foreign, sql.OpenPostgres, sql.ErrForeign, "not one of gatehouse"},
		{"attach to somebody else's", foreign, sql.AttachPostgres, sql.ErrForeign, "not one of gatehouse"},
		{"somebody else's who uses goose", with("CREATE TABLE goose_db_version (version_id int); CREATE TABLE other (x int)"),
			sql.OpenPostgres, sql.ErrForeign, "not one of gatehouse"},
		{"a newer one", newer, sql.OpenPostgres, sql.ErrNewerSchema, "its schema is 99"},
		{"attach to a newer one", newer, sql.AttachPostgres, sql.ErrNewerSchema, "its schema is 99"},
		{"no such database", changed(func(u *url.URL) { u.Path = "/none" }), sql.OpenPostgres, gatehouse.ErrUnavailable, "none"},
		{"a wrong password", changed(func(u *url.URL) { u.User = url.UserPassword("gatehouse", "hunter2-secret") }),
			sql.OpenPostgres, gatehouse.ErrUnavailable, "password authentication failed"},
		{"nobody listens", fixed("postgres://u:hunter2-secret@127.0.0.1:1/x"), sql.OpenPostgres, gatehouse.ErrUnavailable, "127.0.0.1:1"},
		{"not a URL", fixed("host=127.0.0.1 password=hunter2-secret"), sql.OpenPostgres, nil, "postgres://USER:PASSWORD"},
		{"another database", fixed("mysql://u:hunter2-secret@127.0.0.1/x"), sql.OpenPostgres, nil, "postgres://USER:PASSWORD"},
		{"a password with a slash", fixed("postgres://u:hunter2-secret/x@127.0.0.1/x"), sql.OpenPostgres, nil, "postgres://USER:PASSWORD"},
		{"a password with a percent sign", fixed("postgres://u:%hunter2-secret@127.0.0.1/x"), sql.OpenPostgres, nil, "postgres://USER:PASSWORD"},
		{"a password with a colon in the host", fixed("postgres://127.0.0.1:hunter2-secret/x"), sql.OpenPostgres, nil, "postgres://USER:PASSWORD"},
		{"a wrong setting", fixed("postgres://u:hunter2-secret@127.0.0.1/x?sslmode=perhaps"), sql.OpenPostgres, nil, "sslmode"},
		{"a missing certificate", fixed("postgres://u:hunter2-secret@127.0.0.1/x?sslmode=verify-full&sslrootcert=/none.pem"),
			sql.OpenPostgres, nil, "/none.pem"},
		{"the password as a setting", fixed("postgres://u@127.0.0.1:1/x?password=hunter2-secret&sslmode=hunter2-secret"), sql.OpenPostgres, nil, "sslmode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := c.url(t)
			s, err := c.open(t.Context(), address, sql.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got: %v", err)
			}
			u, parseErr := url.Parse(address)
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is shown: %v", err)
			}
			if parseErr == nil {
				if password, ok := u.User.Password(); ok && strings.Contains(err.Error(), password) {
					t.Errorf("the password is shown: %v", err)
				}
			}
		})
	}
}

// A database in another encoding could not keep every name.
func TestPostgresWantsUTF8(t *testing.T) {
	server := testserver.SharedPostgres(t)
	database := server.Database(t)
	execPostgres(t, database, "CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() { execPostgres(t, database, "DROP DATABASE latin1") })
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/latin1"
	if _, err := sql.OpenPostgres(t.Context(), u.String(), sql.Options{}); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("got: %v", err)
	}
}

// Other schemas of the database, and their settings, are none of ours.
func TestPostgresInASchemaOfItsOwn(t *testing.T) {
	database := testserver.SharedPostgres(t).Database(t)
	execPostgres(t, database, `CREATE TABLE other (x int); CREATE SCHEMA ours; CREATE SCHEMA theirs;
		DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$`)
	for _, name := range []string{"ours", "theirs"} {
		s := openPostgres(t, database+"&search_path="+name, sql.Options{})
		if err := s.Append(t.Context(), sample(1)); err != nil {
			t.Error(err)
		}
		if n := count(t, s); n != 1 {
			t.Errorf("%s: %d records", name, n)
		}
	}
}

func TestPostgresClockTime(t *testing.T) {
	for name, s := range map[string]*sql.Store{"SQLite": open(t), "PostgreSQL": postgres(t, 1)(t).next()} {
		before := time.Now().Add(-time.Microsecond)
		at, err := s.ClockTime(t.Context())
		if after := time.Now(); err != nil || at.Before(before) || at.After(after) { // one machine, one clock
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
}

// What PostgreSQL cannot hold belongs to nobody, and a record that has it is kept
// all the same.
func TestPostgresHostileText(t *testing.T) {
	n := postgres(t, 1)(t)
	for _, hostile := range []string{"nul\x00nul", "\xff\xfe", "\xed\xa0\x80", "\xc0\xaf", "\ufffe\uffff\U0010ffff", strings.Repeat("\x00", 4000)} {
		if _, err := n.UserByAccount(t.Context(), hostile); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("UserByAccount(%q): %v", hostile, err)
		}
		if _, err := n.Session(t.Context(), hostile); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("Session(%q): %v", hostile, err)
		}
		for _, err := range n.Query(t.Context(), gatehouse.Query{User: hostile, Correlation: hostile, Kinds: []gatehouse.Kind{gatehouse.Kind(hostile)}}) {
			t.Errorf("Query(%q): %v", hostile, err)
		}
		if _, err := n.See(t.Context(), hostile, gatehouse.Sighting{Device: gatehouse.Device{ID: hostile, Name: hostile}}); err != nil {
			t.Errorf("See(%q): %v", hostile, err)
		}
		r := gatehouse.Record{ID: hostile, Event: gatehouse.Event{
			Kind: gatehouse.Kind(hostile), Reason: hostile, Endpoint: hostile, CorrelationID: hostile,
			Subject: gatehouse.Subject{User: hostile, Account: hostile, Session: hostile},
			Client:  gatehouse.Client{UserAgent: hostile, Device: gatehouse.Device{ID: hostile, Name: hostile}},
		}}
		if err := n.Append(t.Context(), r); err != nil {
			t.Errorf("Append(%q): %v", hostile, err)
		}
	}
}
