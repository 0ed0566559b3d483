package testserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

func TestPostgresKeepsWhatItAcknowledged(t *testing.T) {
	p := testserver.Postgres(t)
	url := p.Database(t)
	if got := query(t, url, "SELECT current_setting('fsync') || current_setting('synchronous_commit')"); got != "onon" {
		t.Fatalf("fsync and synchronous_commit are %s", got)
	}
	query(t, url, "CREATE TABLE t (n text); INSERT INTO t VALUES ('kept'); SELECT ''")
	for name, disturb := range map[string]func(){
		"restart": p.Restart,
		"kill": func() {
			p.Kill()
			if _, err := pgx.Connect(t.Context(), url); err == nil {
				t.Error("a killed server takes connections")
			}
			p.Start()
		},
		"kill while stopped": func() { p.Stop(); p.Kill(); p.Start() },
	} {
		disturb()
		if got := query(t, url, "SELECT n FROM t"); got != "kept" {
			t.Errorf("after a %s: %q", name, got)
		}
	}
}

// A connection that is in use stops as well: its server is a process of its own.
func TestPostgresStopsAndGoesOn(t *testing.T) {
	p := testserver.Postgres(t, testserver.Setting("synchronous_commit", "off"))
	url := p.Database(t)
	if got := query(t, url, "SHOW synchronous_commit"); got != "off" {
		t.Errorf("synchronous_commit is %s", got)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	answer := make(chan error, 1)
	p.Stop()
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT 1")
		answer <- err
	}()
	select {
	case <-answer:
		t.Error("a stopped server answers")
	case <-time.After(200 * time.Millisecond):
	}
	p.Cont()
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestSharedPostgresGivesEachTestItsDatabase(t *testing.T) {
	var first string
	t.Run("first", func(t *testing.T) {
		first = testserver.SharedPostgres(t).Database(t)
		query(t, first, "CREATE TABLE t (n text); SELECT ''")
		second := testserver.SharedPostgres(t).Database(t)
		if got := query(t, second, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
			t.Errorf("a fresh database has %s tables", got)
		}
	})
	if conn, err := pgx.Connect(t.Context(), first); err == nil {
		conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}

func query(t *testing.T, url, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[len(results)-1].Rows[0][0])
}
