package sql_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// TestPostgres holds two nodes that share a PostgreSQL to what the ports promise,
// each call going to the other node than the one before.
func TestPostgres(t *testing.T) {
	open := postgres(t, 2)
	t.Run("Journal", func(t *testing.T) {
		storetest.Journal(t, func(t *testing.T) (gatehouse.Journal, gatehouse.Log) { s := open(t); return s, s })
	})
	t.Run("LogStats", func(t *testing.T) {
		storetest.LogStats(t, func(t *testing.T) storetest.CountingLog { return open(t) })
	})
	t.Run("Sightings", func(t *testing.T) {
		storetest.Sightings(t, func(t *testing.T) gatehouse.Sightings { return open(t) })
	})
	t.Run("Accounts", func(t *testing.T) {
		storetest.Accounts(t, func(t *testing.T) accounts.Store { return open(t) })
	})
	t.Run("Blocks", func(t *testing.T) {
		storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks { return open(t) })
	})
}

// postgres returns what yields nodes with nothing in their database: always the
// same ones, as making the schema takes longer than most tests.
func postgres(t *testing.T, n int) func(testing.TB) *nodes {
	t.Helper()
	database := testserver.SharedPostgres(t).Database(t)
	all := &nodes{}
	for i := range n {
		all.stores = append(all.stores, openPostgres(t, database, sql.Options{Node: fmt.Sprint("node", i)}))
	}
	conn := connectPostgres(t, database)
	return func(t testing.TB) *nodes {
		t.Helper()
		const text = "DELETE FROM security_log; DELETE FROM log_heads; DELETE FROM log_gaps; DELETE FROM blocks; DELETE FROM sightings; DELETE FROM users; " +
			"DELETE FROM outbox; DELETE FROM alert_leader; DELETE FROM alert_cursors; DELETE FROM alert_groups; DELETE FROM log_counts; DELETE FROM settings"
		if _, err := conn.PgConn().Exec(context.Background(), text).ReadAll(); err != nil {
			t.Fatal(err)
		}
		return all
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

// connectPostgres returns a connection by hand.
func connectPostgres(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
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
		if _, err := conn.PgConn().Exec(context.Background(), text).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}
