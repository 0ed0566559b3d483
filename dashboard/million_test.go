package dashboard_test

import (
	stdsql "database/sql"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/logseed"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// What the benchmark fills the stores with: a month of a busy login page under
// attack.
const (
	millionRecords = 1_000_000
	millionUsers   = 50_000
	millionBlocks  = 10_000
)

// BenchmarkMillion asks for each page of the dashboard over a million records, in
// SQLite and in PostgreSQL, and reports the median of each in milliseconds, and the
// greatest of these medians, which is to be below 100.
//
//	go test ./dashboard -run '^$' -bench Million -benchtime 30x -timeout 30m
func BenchmarkMillion(b *testing.B) {
	open := func(b *testing.B, store *sql.Store, err error, driver, address string) {
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { store.Close() })
		db, err := stdsql.Open(driver, address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { db.Close() })
		benchmarkPages(b, newSiteOn(b, store), db)
	}
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "gatehouse.db")
		store, err := sql.OpenSQLite(b.Context(), path, sql.Options{})
		open(b, store, err, "sqlite", path)
	})
	b.Run("postgres", func(b *testing.B) {
		address := testserver.SharedPostgres(b).Database(b)
		store, err := sql.OpenPostgres(b.Context(), address, sql.Options{})
		open(b, store, err, "pgx", address)
	})
}

func benchmarkPages(b *testing.B, s *site, db *stdsql.DB) {
	began := time.Now()
	l := s.fill(db)
	b.Logf("%d records in %s", millionRecords, time.Since(began).Round(time.Second))
	browser := s.signIn(accounts.Administrator)
	query := func(path string, pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return path + "?" + q.Encode()
	}
	pages := []struct{ name, path string }{
		{"overview", "/"},
		{"overview-30d", "/?span=30d"},
		{"findings", "/findings"},
		{"finding", "/findings/" + l.Finding.Finding.ID},
		{"users", "/users"},
		{"users-search", "/users?q=person12"},
		{"user", "/users/" + l.Usual.User},
		{"user-busy", "/users/" + l.Busy.User},
		{"failures", "/failures"},
		{"failures-90d", "/failures?range=90"},
		{"failures-country", "/failures?country=DE"},
		{"blocks", "/blocks"},
		{"blocks-past", "/blocks/past"},
		{"blocks-allowed", "/blocks/allowed"},
		{"rules", "/rules"},
		{"log", "/log"},
		{"log-user", query("/log", "user", l.Busy.Account)},
		{"log-ip", query("/log", "ip", l.Middle.IP.String())},
		{"log-network", query("/log", "ip", netip.PrefixFrom(l.Middle.IP, 16).Masked().String())},
		{"log-kind", "/log?kind=password_changed"},
		{"log-deep", query("/log", "after", l.Early.ID)},
		{"log-correlation", query("/log", "correlation", l.Middle.CorrelationID)},
		{"operators", "/operators"},
	}
	took := make([][]time.Duration, len(pages))
	for b.Loop() {
		for i, page := range pages {
			began := time.Now()
			if res := browser.get(page.path); res.status != http.StatusOK {
				b.Fatalf("%s: %d %s", page.path, res.status, res.body)
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	slowest := 0.0
	for i, page := range pages {
		slices.Sort(took[i])
		median := float64(took[i][len(took[i])/2]) / 1e6
		b.ReportMetric(median, page.name+"-ms")
		slowest = max(slowest, median)
	}
	b.ReportMetric(slowest, "slowest-ms")
}

// fill writes the log, and what goes with it.
func (s *site) fill(db *stdsql.DB) (l logseed.Log) {
	s.t.Helper()
	ctx := s.t.Context()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	end := s.now()
	must(logseed.WithoutIndexes(ctx, db, func() (err error) {
		l, err = logseed.Fill(ctx, s.store, logseed.Options{Records: millionRecords, Users: millionUsers, End: end})
		return err
	}))
	var group errgroup.Group
	group.SetLimit(64)
	add := func(who gatehouse.Subject) {
		at := l.Since
		u := accounts.User{ID: who.User, Account: who.Account, Email: who.Account, Name: "User", Created: at, PasswordChanged: at}
		group.Go(func() error { return s.store.CreateUser(ctx, u) })
	}
	for i := range 1000 { // few pages list users, and none more than a page of them
		if who := logseed.Person(i); who != l.Busy && who != l.Usual {
			add(who)
		}
	}
	add(l.Busy)
	add(l.Usual)
	must(group.Wait())
	for i := range millionBlocks {
		_, err := s.blocks.Place(ctx, gatehouse.Block{
			ID: gatehouse.NewID(end), Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)}), 32),
			Reason: fmt.Sprintf("brute force %d", i), Rule: "brute_force", By: "gatehouse", Created: end, Until: end.Add(time.Hour),
		})
		must(err)
	}
	var near []logstats.Count
	for day := range 30 {
		for tenths := range 11 {
			near = append(near, logstats.Count{Slot: end.AddDate(0, 0, -day), Name: logstats.OfNear("brute_force", tenths), N: 10_000 >> tenths})
		}
	}
	must(s.store.AddCounts(ctx, near))
	return l
}
