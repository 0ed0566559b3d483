package sql_test

import (
	"context"
	"github.com/jackc/pgx/v5"
	"net/url"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// TestPostgres holds PostgreSQL to what the ports promise.
func TestPostgres(t *testing.T) {
	t.Run("Journal", func(t *testing.T) {
		open := postgres(t)
		storetest.Journal(t, func(t *testing.T) (gatehouse.Journal, gatehouse.Log) {
			s := open(t)
			return s, s
		})
	})
	t.Run("Sightings", func(t *testing.T) {
		open := postgres(t)
		storetest.Sightings(t, func(t *testing.T) gatehouse.Sightings { return open(t) })
	})
	t.Run("Accounts", func(t *testing.T) {
		open := postgres(t)
		storetest.Accounts(t, func(t *testing.T) accounts.Store { return open(t) })
	})
	t.Run("Blocks", func(t *testing.T) {
		open := postgres(t)
		storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks { return open(t) })
	})
}

// postgres returns what yields a store with nothing in it: always the same one,
// emptied, as making the schema takes longer than most tests.
func postgres(t *testing.T) func(testing.TB) *sql.Store {
	t.Helper()
	database := testserver.SharedPostgres(t).Database(t)
	s := openPostgres(t, database, sql.Options{})
	conn := connectPostgres(t, database)
	return func(t testing.TB) *sql.Store {
		t.Helper()
		const text = "DELETE FROM security_log; DELETE FROM log_heads; DELETE FROM blocks; DELETE FROM sightings; DELETE FROM users"
		if _, err := conn.PgConn().Exec(context.Background(), text).ReadAll(); err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func openPostgres(t testing.TB, url string, o sql.Options) *sql.Store {
	t.Helper()
	s, err := sql.OpenPostgres(t.Context(), url, o)
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

// schema makes an empty schema in a database and returns the URL by which it is
// the current one.
func schema(t testing.TB, database, name string) string {
	t.Helper()
	execPostgres(t, database, "CREATE SCHEMA "+name)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// connectPostgres returns a connection by hand.
func connectPostgres(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func execPostgres(t testing.TB, url string, texts ...string) {
	t.Helper()
	conn := connectPostgres(t, url)
	for _, text := range texts {
		if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}
