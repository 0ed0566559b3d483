package sql_test

import (
	"crypto/ed25519"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/chain"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

var (
	signing  = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	verifies = signing.Public().(ed25519.PublicKey)
)

func openSigned(t testing.TB, path string) *sql.Store {
	t.Helper()
	s, err := sql.OpenSQLite(t.Context(), path, sql.Options{Sign: signing})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fill appends n records of ordinary and odd kinds.
func fill(t testing.TB, s *sql.Store, n int) {
	t.Helper()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	records := make([]gatehouse.Record, 0, 1000)
	for i := range n {
		r := gatehouse.Record{ID: fmt.Sprintf("record-%06d", i), Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: at.Add(time.Duration(i) * time.Second)}}
		if i%3 == 0 {
			r.Account, r.User = "ada@example.com", "ada"
		}
		if records = append(records, r); len(records) == cap(records) || i == n-1 {
			if err := s.Append(t.Context(), records...); err != nil {
				t.Fatal(err)
			}
			records = records[:0]
		}
	}
}

// tampers is what may be done to a log of more than 5,000 records, whose last one
// has the ID LAST, and what VerifyLog then finds.
var tampers = []struct{ name, what, id, tamper string }{
	{"altered", chain.Altered, "record-005000", "UPDATE security_log SET account = 'eve@example.com' WHERE id = 'record-005000'"},
	{"altered at the beginning", chain.Altered, "record-000000", "UPDATE security_log SET severity = 3 WHERE seq = 1"},
	{"altered at the end", chain.Altered, "LAST", "UPDATE security_log SET time = time + 1 WHERE id = 'LAST'"},
	{"removed", chain.Removed, "", "DELETE FROM security_log WHERE id = 'record-005000'"},
	{"removed at the beginning", chain.Removed, "", "DELETE FROM security_log WHERE seq = 1"},
	{"removed at the end", chain.Removed, "", "DELETE FROM security_log WHERE id = 'LAST'"},
	{"all removed", chain.Removed, "", "DELETE FROM security_log"},
	{"swapped", chain.Removed, "", "UPDATE security_log SET seq = CASE seq WHEN 500 THEN -1 ELSE 500 END WHERE seq IN (500, 600); UPDATE security_log SET seq = 600 WHERE seq = -1"},
	{"inserted", chain.Inserted, "forged", `INSERT INTO security_log (id, time, kind, severity, detail, node, chain_seq, hash)
		SELECT 'forged', time, kind, severity, detail, node, chain_seq + 1, hash FROM security_log WHERE id = 'LAST'`},
	{"inserted before the first", chain.Inserted, "forged", `INSERT INTO security_log (seq, id, time, kind, severity, detail, node, chain_seq, hash)
		SELECT -9223372036854775808, 'forged', time, kind, severity, detail, 'another', 1, hash FROM security_log WHERE id = 'LAST'`},
	{"inserted at the greatest number", chain.Inserted, "forged", `INSERT INTO security_log (seq, id, time, kind, severity, detail, node, chain_seq, hash)
		SELECT 9223372036854775807, 'forged', time, kind, severity, detail, node, chain_seq + 1, hash FROM security_log WHERE id = 'LAST'`},
	{"a number that is not whole", chain.Altered, "record-005000", "UPDATE security_log SET time = time + 0.5 WHERE id = 'record-005000'"},
	{"a place that is none", chain.Inserted, "record-005000", "UPDATE security_log SET chain_seq = 'here' WHERE id = 'record-005000'"},
	{"a longer hash", chain.Altered, "record-005000", "UPDATE security_log SET hash = hash || x'00' WHERE id = 'record-005000'"},
	{"the end passed for the beginning", chain.Unsigned, "", "DELETE FROM security_log; INSERT INTO log_heads SELECT node, 'beginning', seq, hash, signature FROM log_heads"},
	{"the end forged", chain.Unsigned, "", "UPDATE log_heads SET seq = seq - 1"},
	{"the end removed", chain.Removed, "", "DELETE FROM log_heads"},
}

// Whatever is done to one record among many is found by VerifyLog, which names
// it.
func TestVerifyLog(t *testing.T) {
	const n = verified
	last := fmt.Sprintf("record-%06d", n-1)
	sound := filepath.Join(t.TempDir(), "sound.db")
	s := openSigned(t, sound)
	fill(t, s, n)
	if err := s.Append(t.Context(), gatehouse.Record{ID: "record-000007"}); err != nil { // known: no second link
		t.Fatal(err)
	}
	got, err := s.VerifyLog(t.Context(), verifies, nil, nil)
	if err != nil || got.Records != n || len(got.Heads) != 1 || got.Heads[0].Seq != n {
		t.Fatalf("a sound log: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tampers {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tampered.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := stdsql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(strings.ReplaceAll(c.tamper, "LAST", last)); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := sql.AttachSQLite(t.Context(), path, sql.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wantFault(t, s, c.what, strings.ReplaceAll(c.id, "LAST", last))
		})
	}
}

func wantFault(t *testing.T, s *sql.Store, what, id string) {
	t.Helper()
	_, err := s.VerifyLog(t.Context(), verifies, nil, nil)
	var fault *chain.Fault
	if !errors.As(err, &fault) || fault.What != what || fault.ID != id {
		t.Errorf("found %v, want %s %s", err, what, id)
	}
}

// In PostgreSQL the same is found.
func TestPostgresVerifyLog(t *testing.T) {
	const n = 6000
	last := fmt.Sprintf("record-%06d", n-1)
	database := testserver.SharedPostgres(t).Database(t)
	s := openPostgres(t, database, sql.Options{Sign: signing})
	fill(t, s, n)
	if err := s.Append(t.Context(), gatehouse.Record{ID: "record-000007"}); err != nil { // known: no second link
		t.Fatal(err)
	}
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != n || got.Heads[0].Seq != n {
		t.Fatalf("a sound log: %+v, %v", got, err)
	}
	execPostgres(t, database, "CREATE SCHEMA sound; CREATE TABLE sound.log AS TABLE security_log; CREATE TABLE sound.heads AS TABLE log_heads")
	for _, c := range tampers {
		if strings.Contains(c.tamper, "'here'") {
			continue // a column of numbers holds nothing else here
		}
		t.Run(c.name, func(t *testing.T) {
			tamper := strings.NewReplacer("LAST", last, "x'00'", `'\x00'`).Replace(c.tamper)
			execPostgres(t, database, tamper)
			wantFault(t, s, c.what, strings.ReplaceAll(c.id, "LAST", last))
			execPostgres(t, database, `TRUNCATE security_log, log_heads;
				INSERT INTO security_log SELECT * FROM sound.log; INSERT INTO log_heads SELECT * FROM sound.heads`)
		})
	}
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != n {
		t.Errorf("the sound log: %+v, %v", got, err)
	}
	if n, err := s.DeleteRecords(t.Context(), time.Date(2026, 3, 1, 0, 1, 0, 0, time.UTC), 25); err != nil || n != 25 {
		t.Errorf("DeleteRecords: %d, %v", n, err)
	}
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != n-25 {
		t.Errorf("a pruned log: %+v, %v", got, err)
	}
	execPostgres(t, database, `DELETE FROM security_log WHERE chain_seq > 5000;
		UPDATE log_heads SET seq = 5000, hash = (SELECT hash FROM security_log WHERE chain_seq = 5000) WHERE stands = 'end'`)
	if err := s.Append(t.Context(), gatehouse.Record{ID: "later"}); err != nil {
		t.Fatal(err)
	}
	wantFault(t, s, chain.Unsigned, "") // whatever is done to the end, it is never signed
}

// Who can write to the database cannot have the server sign what he made of it.
func TestForgedEndIsNeverSigned(t *testing.T) {
	const cut = `DELETE FROM security_log WHERE chain_seq > 6;
		UPDATE log_heads SET seq = 6, hash = (SELECT hash FROM security_log WHERE chain_seq = 6)`
	for _, c := range []struct {
		name, tamper string
		restart      bool
	}{
		{"cut off", cut, false},
		{"cut off, and started again", cut, true},
		{"gone", "DELETE FROM security_log; DELETE FROM log_heads", false}, // begun anew at a start: a head that was kept finds that
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log.db")
			s := openSigned(t, path)
			fill(t, s, 10)
			db, err := stdsql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(c.tamper); err != nil {
				t.Fatal(err)
			}
			if c.restart {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openSigned(t, path)
			}
			for i := range 2 {
				if err := s.Append(t.Context(), gatehouse.Record{ID: fmt.Sprint("later", i)}); err != nil {
					t.Fatal(err)
				}
			}
			_, err = s.VerifyLog(t.Context(), verifies, nil, nil)
			var fault *chain.Fault
			if !errors.As(err, &fault) || fault.What != chain.Unsigned {
				t.Errorf("found %v, want %s", err, chain.Unsigned)
			}
		})
	}
}

// Old records may be removed, with a signature that says where the log begins.
func TestVerifyLogAfterPruning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := openSigned(t, path)
	fill(t, s, 100)
	cut := time.Date(2026, 3, 1, 0, 1, 0, 0, time.UTC)
	for range 2 {
		if n, err := s.DeleteRecords(t.Context(), cut, 25); err != nil || n != 25 {
			t.Fatalf("DeleteRecords: %d, %v", n, err)
		}
	}
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != 50 {
		t.Errorf("a pruned log: %+v, %v", got, err)
	}
	fill(t, s, 200) // the first hundred are known, those that were removed are not
	if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
		t.Errorf("a pruned log that goes on: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A process that comes later goes on where the chain ended.
	s = openSigned(t, path)
	if err := s.Append(t.Context(), gatehouse.Record{ID: "later"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// BenchmarkVerifyLog verifies 100,000 records.
func BenchmarkVerifyLog(b *testing.B) {
	s := openSigned(b, filepath.Join(b.TempDir(), "log.db"))
	fill(b, s, 100_000)
	for b.Loop() {
		if _, err := s.VerifyLog(b.Context(), verifies, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
