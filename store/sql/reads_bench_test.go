package sql_test

import (
	stdsql "database/sql"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/logseed"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// BenchmarkReads measures what the pages of a dashboard ask of a log of a million
// records, or of 20,000 with -short. Run it with -benchtime 20x.
func BenchmarkReads(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "gatehouse.db")
		benchmarkReads(b, openAt(b, path), openDB(b, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"))
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		url := testserver.Postgres(b).Database(b)
		benchmarkReads(b, openPostgres(b, url, sql.Options{}), openDB(b, "pgx", url))
	})
}

func openDB(b *testing.B, driver, address string) *stdsql.DB {
	db, err := stdsql.Open(driver, address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

func benchmarkReads(b *testing.B, s *sql.Store, db *stdsql.DB) {
	records := 1_000_000
	if testing.Short() {
		records = 20_000
	}
	began := time.Now()
	var l logseed.Log
	err := logseed.WithoutIndexes(b.Context(), db, func() (err error) {
		l, err = logseed.Fill(b.Context(), s, logseed.Options{Records: records, Users: 50_000})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seeding", func(b *testing.B) {
		b.ReportMetric(float64(time.Since(began).Seconds()), "s")
	})
	end := l.Until
	var findings []gatehouse.Kind
	for _, k := range gatehouse.Kinds() {
		switch k {
		case gatehouse.BruteForceDetected, gatehouse.MultipleDeviceLogin, gatehouse.RapidTokenRefresh, gatehouse.BotActivityDetected,
			gatehouse.GeographicAnomaly, gatehouse.AccountTakeoverAttempt, gatehouse.SuspiciousActivity:
			findings = append(findings, k)
		}
	}
	overview := []string{string(gatehouse.LoginSucceeded), string(gatehouse.LoginFailed), string(gatehouse.LoginRefused)}
	failed := []string{string(gatehouse.LoginFailed)}
	counts := func(q logstats.Query) func() (int, error) {
		return func() (int, error) {
			found, err := s.Counts(b.Context(), q)
			return len(found), err
		}
	}
	targets := func(since time.Time) func() (int, error) {
		return func() (int, error) {
			t, err := s.Targets(b.Context(), since, end, 10)
			return t.Seen, err
		}
	}
	query := func(q gatehouse.Query) func() (int, error) {
		if q.Limit == 0 {
			q.Limit = 50
		}
		return func() (n int, err error) {
			for _, err := range s.Query(b.Context(), q) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
	}
	middle := l.Middle.ID
	for _, c := range []struct {
		name string
		run  func() (int, error)
	}{
		{"counts/48h", counts(logstats.Query{Since: end.Add(-48 * time.Hour), Until: end})},
		{"counts/48h-overview", counts(logstats.Query{Names: overview, Since: end.Add(-48 * time.Hour), Until: end, Worldwide: true})},
		{"counts/90d-heat-map", counts(logstats.Query{Names: failed, Since: end.AddDate(0, 0, -90), Until: end, Step: time.Hour, Worldwide: true})},
		{"counts/90d-heat-map-NL", counts(logstats.Query{Names: failed, Countries: []string{"NL"}, Since: end.AddDate(0, 0, -90), Until: end, Step: time.Hour})},
		{"counts/90d-countries", counts(logstats.Query{Names: failed, Since: end.AddDate(0, 0, -90), Until: end, Step: 24 * time.Hour})},
		{"counts/90d-all-by-day", counts(logstats.Query{Since: end.AddDate(0, 0, -90), Until: end, Step: 24 * time.Hour, Worldwide: true})},
		{"targets/24h", targets(end.Add(-24 * time.Hour))},
		{"targets/30d", targets(end.AddDate(0, 0, -30))},
		{"query/newest", query(gatehouse.Query{})},
		{"query/deep", query(gatehouse.Query{After: middle})},
		{"query/deep-user", query(gatehouse.Query{After: middle, User: l.Usual.User})},
		{"query/deep-account", query(gatehouse.Query{After: middle, User: l.Usual.Account})},
		{"query/deep-busy", query(gatehouse.Query{After: middle, User: l.Busy.User})},
		{"query/deep-ip", query(gatehouse.Query{After: middle, Prefix: netip.PrefixFrom(l.Finding.IP, l.Finding.IP.BitLen())})},
		{"query/deep-network", query(gatehouse.Query{After: middle, Prefix: netip.PrefixFrom(l.Finding.IP, 48)})},
		{"query/deep-all-IPv4", query(gatehouse.Query{After: middle, Prefix: netip.MustParsePrefix("192.0.2.0/24")})},
		{"query/deep-kind", query(gatehouse.Query{After: middle, Kinds: []gatehouse.Kind{gatehouse.LoginFailed}})},
		{"query/deep-rare-kind", query(gatehouse.Query{After: middle, Kinds: []gatehouse.Kind{gatehouse.TokenReused}})},
		{"query/deep-span", query(gatehouse.Query{After: middle, Since: l.Since, Until: end})},
		{"query/correlation", query(gatehouse.Query{Correlation: l.Finding.CorrelationID})},
		{"query/finding", query(gatehouse.Query{Finding: l.Finding.Finding.ID})},
		{"query/findings", query(gatehouse.Query{Kinds: findings})},
		{"query/busy-failed", query(gatehouse.Query{User: l.Busy.User, Kinds: []gatehouse.Kind{gatehouse.LoginFailed}})},
		{"query/busy-rare", query(gatehouse.Query{User: l.Busy.User, Kinds: []gatehouse.Kind{gatehouse.TokenReused, gatehouse.PasswordChanged}})},
		{"query/busy-findings", query(gatehouse.Query{User: l.Busy.User, Kinds: findings})},
		{"query/busy-never", query(gatehouse.Query{User: l.Busy.User, Kinds: []gatehouse.Kind{gatehouse.AccountLocked}})},
		{"query/busy-elsewhere", query(gatehouse.Query{User: l.Busy.User, Prefix: netip.MustParsePrefix("203.0.113.0/24")})},
		{"stats/busy", func() (int, error) {
			found, err := s.CountFindings(b.Context(), l.Busy.User, end.AddDate(0, 0, -30))
			return len(found), err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for range b.N {
				if n, err = c.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "rows")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/op")
		})
	}
}
