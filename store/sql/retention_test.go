package sql_test

import (
	stdsql "database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/chain"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

var (
	logBegan   = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	mixedKinds = []gatehouse.Kind{gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.LoginRefused}
)

// mixed appends n records, the kinds of which take turns, a minute apart.
func mixed(t testing.TB, s *sql.Store, n int) {
	t.Helper()
	for i := range n {
		at := logBegan.Add(time.Duration(i+1) * time.Minute)
		r := gatehouse.Record{ID: fmt.Sprint("record-", i+1), Event: gatehouse.Event{Kind: mixedKinds[i%3], Time: at}}
		if err := s.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func handOf(t testing.TB, driver, name string) *stdsql.DB {
	t.Helper()
	db, err := stdsql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func gapsOf(t interface{ Fatal(...any) }, db *stdsql.DB) (gaps []string) {
	rows, err := db.Query("SELECT node, first, last FROM log_gaps ORDER BY node, first")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var node string
		var first, last int64
		if err := rows.Scan(&node, &first, &last); err != nil {
			t.Fatal(err)
		}
		gaps = append(gaps, fmt.Sprintf("%s:%d-%d", node, first, last))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return gaps
}

// Each type goes at its own age, gaps that touch become one, and the log verifies
// all the time.
func TestDeleteRecordsOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := openSigned(t, path)
	db := handOf(t, "sqlite", path)
	mixed(t, s, 12) // places 1, 4, 7, 10 succeeded; 2, 5, 8, 11 failed; 3, 6, 9, 12 refused
	after := func(minutes int) time.Time { return logBegan.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		kinds []gatehouse.Kind
		at    time.Time
		limit int
		want  int
		gaps  string
	}{
		{mixedKinds, after(1), 100, 0, ""},
		{mixedKinds[2:], after(99), 0, 0, ""},
		{nil, after(99), 100, 0, ""},
		{mixedKinds[1:2], after(9), 2, 2, "local:2-2 local:5-5"},
		{mixedKinds[2:], after(8), 100, 2, "local:2-3 local:5-6"},
		{mixedKinds[:1], after(5), 100, 2, "local:1-6"}, // both sides at once
		{mixedKinds[2:], after(99), 100, 2, "local:1-6 local:9-9 local:12-12"},
		{append(mixedKinds[1:], mixedKinds...), after(11), 100, 3, "local:1-10 local:12-12"},
		{mixedKinds, after(99), 100, 1, "local:1-12"}, // all of it
		{mixedKinds, after(99), 100, 0, "local:1-12"},
	} {
		counted := 0
		for _, kind := range c.kinds[:min(len(c.kinds), 1)] {
			n, err := s.CountOldRecordsOf(t.Context(), kind, c.at)
			if err != nil {
				t.Fatal(err)
			}
			counted = n
		}
		n, err := s.DeleteRecordsOf(t.Context(), c.kinds, c.at, c.limit)
		if got := strings.Join(gapsOf(t, db), " "); n != c.want || err != nil || got != c.gaps {
			t.Errorf("removed %d, %v, gaps %s; want %d, %s", n, err, got, c.want, c.gaps)
		}
		if len(c.kinds) == 1 && c.limit > n && counted != n {
			t.Errorf("counted %d, removed %d", counted, n)
		}
		if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	mixed(t, s, 3) // IDs that are known no more
	if got, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil || got.Records != 3 || got.Heads[0].Seq != 15 {
		t.Errorf("a log that goes on: %+v, %v", got, err)
	}
	if n, err := s.DeleteRecords(t.Context(), after(3), 100); n != 2 || err != nil || len(gapsOf(t, db)) != 0 {
		t.Errorf("from the beginning: %d, %v; gaps %v", n, err, gapsOf(t, db))
	}
	if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
		t.Error(err)
	}
}

// Without a key gaps are not signed, as nothing else is.
func TestDeleteRecordsOfWithoutKey(t *testing.T) {
	s := open(t)
	mixed(t, s, 9)
	for _, kind := range mixedKinds[:2] {
		if n, err := s.DeleteRecordsOf(t.Context(), []gatehouse.Kind{kind}, logBegan.Add(time.Hour), 100); n != 3 || err != nil {
			t.Errorf("%s: %d removed, %v", kind, n, err)
		}
	}
	if n, err := s.DeleteRecords(t.Context(), logBegan.Add(time.Hour), 100); n != 3 || err != nil {
		t.Errorf("the rest: %d, %v", n, err)
	}
}

// What was done to gaps, and to records beside them, is found.
func TestGapsAreVerified(t *testing.T) {
	for name, c := range map[string]struct{ tamper, what string }{
		"no gap":                  {"DELETE FROM log_gaps WHERE first = 5", chain.Removed},
		"no gap at the end":       {"DELETE FROM log_gaps WHERE first = 29", chain.Removed},
		"unsigned":                {"UPDATE log_gaps SET signature = NULL WHERE first = 5", chain.Unsigned},
		"another's signature":     {"UPDATE log_gaps SET signature = (SELECT signature FROM log_gaps WHERE first = 8) WHERE first = 5", chain.Unsigned},
		"lengthened":              {"UPDATE log_gaps SET last = 6 WHERE first = 5; DELETE FROM security_log WHERE chain_seq = 6", chain.Unsigned},
		"lengthened with a hash":  {"UPDATE log_gaps SET last = 6, hash = (SELECT hash FROM security_log WHERE chain_seq = 6) WHERE first = 5; DELETE FROM security_log WHERE chain_seq = 6", chain.Unsigned},
		"moved":                   {"UPDATE log_gaps SET first = 6, last = 6 WHERE first = 5; UPDATE security_log SET chain_seq = 5 WHERE chain_seq = 6", chain.Altered},
		"a gap that is text":      {"UPDATE log_gaps SET last = 'here' WHERE first = 5", chain.Unsigned},
		"no record, without gap":  {"DELETE FROM security_log WHERE chain_seq = 12", chain.Removed},
		"a record beside altered": {"UPDATE security_log SET account = 'eve@example.com' WHERE chain_seq = 6", chain.Altered},
		"one put in":              {"UPDATE security_log SET chain_seq = 5 WHERE chain_seq = 6", chain.Altered},
		"all records":             {"DELETE FROM security_log", chain.Removed},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log.db")
			s := openSigned(t, path)
			mixed(t, s, 29)
			if n, err := s.DeleteRecordsOf(t.Context(), mixedKinds[1:2], logBegan.Add(time.Hour), 100); n != 10 || err != nil {
				t.Fatalf("removed %d, %v", n, err)
			}
			if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := handOf(t, "sqlite", path).Exec(c.tamper); err != nil {
				t.Fatal(err)
			}
			var fault *chain.Fault
			if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); !errors.As(err, &fault) || fault.What != c.what {
				t.Errorf("found %v, want %s", err, c.what)
			}
		})
	}
}

// Who can write to the database cannot have a record removed in good order by
// making it look old, or like one of another type, nor hide what he did to one by
// having what is beside it removed.
func TestDeleteRecordsOfVerifies(t *testing.T) {
	// rehash gives the record at a place the hash that fits what it says now.
	rehash := func(t *testing.T, db *stdsql.DB, seq int64) {
		fields := make([]any, 12)
		to := make([]any, len(fields))
		for i := range fields {
			to[i] = &fields[i]
		}
		if err := db.QueryRow(`SELECT id, time, kind, severity, user_id, account, ip, correlation_id, finding_id, finding_kind, finding_severity, detail
			FROM security_log WHERE chain_seq = ?`, seq).Scan(to...); err != nil {
			t.Fatal(err)
		}
		var prev chain.Hash
		var before []byte
		if err := db.QueryRow("SELECT hash FROM security_log WHERE chain_seq = ?", seq-1).Scan(&before); err != nil {
			t.Fatal(err)
		}
		copy(prev[:], before)
		hash := chain.Next(prev, "local", seq, fields)
		if _, err := db.Exec("UPDATE security_log SET hash = ? WHERE chain_seq = ?", hash[:], seq); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		tamper string
		rehash []int64 // these records, in this order
		what   string  // empty: only a verification finds it
	}{
		"made to look old":                    {"UPDATE security_log SET time = 0 WHERE chain_seq = 29", nil, chain.Altered},
		"made to look old, rehashed":          {"UPDATE security_log SET time = 0 WHERE chain_seq = 26", []int64{26}, chain.Altered},
		"the last made to look old, rehashed": {"UPDATE security_log SET time = 0 WHERE chain_seq = 29", []int64{29}, chain.Altered},
		"altered before a gap, rehashed":      {"UPDATE security_log SET account = 'eve@example.com' WHERE chain_seq = 5", []int64{5}, chain.Altered},
		"and all behind it":                   {"UPDATE security_log SET time = 0 WHERE chain_seq = 26", []int64{26, 27, 28, 29}, ""},
		"another type":                        {"UPDATE security_log SET kind = 'login_failed' WHERE chain_seq = 4", nil, chain.Altered},
		"another type, rehashed":              {"UPDATE security_log SET kind = 'login_failed' WHERE chain_seq = 10", []int64{10}, chain.Altered},
		"the one before is gone":              {"DELETE FROM security_log WHERE chain_seq = 4", nil, chain.Removed},
		"the one behind is gone":              {"DELETE FROM security_log WHERE chain_seq = 9", nil, chain.Removed},
		"the one behind is another":           {"UPDATE security_log SET account = 'eve@example.com' WHERE chain_seq = 9", nil, chain.Altered},
		"the end is gone":                     {"DELETE FROM security_log WHERE chain_seq > 20", nil, ""},
		"a place that is none":                {"UPDATE security_log SET chain_seq = 'here' WHERE chain_seq = 5", nil, chain.Inserted},
		"two in one place":                    {"UPDATE security_log SET chain_seq = 5 WHERE chain_seq = 8", nil, chain.Inserted},
		"another node":                        {"UPDATE security_log SET node = 'b' WHERE chain_seq = 5", nil, chain.Removed},
		"an end forged":                       {"UPDATE log_heads SET seq = 40", nil, chain.Unsigned},
		"a beginning forged":                  {"INSERT INTO log_heads SELECT node, 'beginning', 4, hash, signature FROM log_heads", nil, chain.Unsigned},
		"the gap before it is unsigned":       {"UPDATE log_gaps SET signature = NULL", nil, chain.Unsigned},
		"the gap before it leads elsewhere":   {"UPDATE log_gaps SET hash = prev", nil, chain.Unsigned},
		"the gap before it is gone":           {"DELETE FROM log_gaps", nil, chain.Removed},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log.db")
			s := openSigned(t, path)
			mixed(t, s, 29)
			if n, err := s.DeleteRecordsOf(t.Context(), mixedKinds[:1], logBegan.Add(90*time.Second), 1); n != 1 || err != nil {
				t.Fatalf("removed %d, %v", n, err) // the first one
			}
			if n, err := s.DeleteRecordsOf(t.Context(), mixedKinds[2:], logBegan.Add(7*time.Minute), 2); n != 2 || err != nil {
				t.Fatalf("removed %d, %v", n, err) // at the places 3 and 6
			}
			db := handOf(t, "sqlite", path)
			if _, err := db.Exec(c.tamper); err != nil {
				t.Fatal(err)
			}
			for _, seq := range c.rehash {
				rehash(t, db, seq)
			}
			before := count(t, s)
			var fault *chain.Fault
			if n, err := s.DeleteRecordsOf(t.Context(), mixedKinds[1:2], logBegan.Add(20*time.Minute), 100); c.what != "" && (n != 0 || !errors.As(err, &fault) || fault.What != c.what) {
				t.Errorf("%d removed, %v; want %s", n, err, c.what)
			}
			if n := count(t, s); c.what != "" && n != before {
				t.Errorf("%d records left of %d", n, before)
			}
			if _, err := s.VerifyLog(t.Context(), verifies, nil, nil); !errors.As(err, &fault) {
				t.Errorf("the log passes for sound: %v", err)
			}
		})
	}
}

// Whatever is removed of the logs of two nodes, in whatever order, the rest
// verifies, by a head that was kept from anywhere too.
func TestRetentionInAnyOrder(t *testing.T) {
	type shared struct {
		stores [2]*sql.Store
		db     *stdsql.DB
	}
	path, database := filepath.Join(t.TempDir(), "log.db"), testserver.SharedPostgres(t).Database(t)
	both := map[string]shared{"SQLite": {db: handOf(t, "sqlite", path)}, "PostgreSQL": {db: handOf(t, "pgx", database)}}
	for name, on := range both {
		for i := range on.stores {
			o := sql.Options{Sign: signing, Node: fmt.Sprint("node", i)}
			if name == "PostgreSQL" {
				on.stores[i] = openPostgres(t, database, o)
				continue
			}
			s, err := sql.OpenSQLite(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			on.stores[i] = s
		}
		both[name] = on
	}
	rapid.Check(t, func(t *rapid.T) {
		on := both[rapid.SampledFrom([]string{"SQLite", "PostgreSQL"}).Draw(t, "database")]
		stores, db := on.stores, on.db
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ctx := t.Context()
		_, err := db.Exec("DELETE FROM security_log; DELETE FROM log_heads; DELETE FROM log_gaps")
		ok(err)
		for _, s := range stores {
			ok(s.BeginChain(ctx))
		}
		left, ids := map[string]gatehouse.Record{}, 0
		var kept []chain.Head
		minute := func(name string) time.Time {
			return logBegan.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, name)) * time.Minute)
		}
		removed := func(n int, err error, may func(gatehouse.Record) bool) {
			ok(err)
			still := map[string]bool{}
			for r, err := range stores[0].Query(ctx, gatehouse.Query{}) {
				ok(err)
				still[r.ID] = true
			}
			for id, r := range left {
				if !still[id] {
					if n--; !may(r) {
						t.Fatalf("%s was removed", id)
					}
					delete(left, id)
				}
			}
			if n != 0 || len(still) != len(left) {
				t.Fatalf("%d removed beyond those that are gone; %d of %d left", n, len(still), len(left))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "records") {
					ids++
					r := gatehouse.Record{ID: fmt.Sprint("r", ids), Event: gatehouse.Event{Kind: rapid.SampledFrom(mixedKinds).Draw(t, "kind"), Time: minute("at")}}
					ok(stores[rapid.IntRange(0, 1).Draw(t, "node")].Append(ctx, r))
					left[r.ID] = r
				}
			},
			"of a type": func(t *rapid.T) {
				kinds := rapid.SliceOf(rapid.SampledFrom(mixedKinds)).Draw(t, "kinds")
				before, limit := minute("before"), rapid.IntRange(0, 10).Draw(t, "limit")
				may := func(r gatehouse.Record) bool {
					for _, kind := range kinds {
						if r.Kind == kind && r.Time.Before(before) {
							return true
						}
					}
					return false
				}
				want := 0
				for _, r := range left {
					if may(r) {
						want++
					}
				}
				n, err := stores[rapid.IntRange(0, 1).Draw(t, "node")].DeleteRecordsOf(ctx, kinds, before, limit)
				if n != min(want, limit) && err == nil {
					t.Fatalf("%d removed, want %d", n, min(want, limit))
				}
				removed(n, err, may)
			},
			"from the beginning": func(t *rapid.T) {
				before, limit := minute("before"), rapid.IntRange(0, 5).Draw(t, "limit")
				n, err := stores[rapid.IntRange(0, 1).Draw(t, "node")].DeleteRecords(ctx, before, limit)
				removed(n, err, func(r gatehouse.Record) bool { return r.Time.Before(before) })
			},
			"": func(t *rapid.T) {
				got, err := stores[rapid.IntRange(0, 1).Draw(t, "node")].VerifyLog(ctx, verifies, kept, nil)
				if err != nil || got.Records != len(left) {
					t.Fatalf("%d records, %v; want %d", got.Records, err, len(left))
				}
				kept = append(kept, got.Heads...)
				last := ""
				for _, gap := range gapsOf(t, db) { // those that touch have become one
					node, places, _ := strings.Cut(gap, ":")
					from, to, _ := strings.Cut(places, "-")
					if last == node+from {
						t.Fatalf("gap %s touches another", gap)
					}
					var n int
					fmt.Sscan(to, &n)
					last = fmt.Sprint(node, n+1)
				}
			},
		})
	})
}
