package sql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// clients is how many append at the same time.
const clients = 64

// sample is an ordinary record of a failed login, n microseconds after others.
func sample(n int64) gatehouse.Record {
	at := time.Unix(1_772_000_000, n*1000)
	return gatehouse.Record{
		ID: gatehouse.NewID(at),
		Event: gatehouse.Event{
			Kind: gatehouse.LoginFailed, Time: at, Endpoint: "login", Reason: "password",
			Subject: gatehouse.Subject{User: fmt.Sprintf("0195f0c0-0000-7000-8000-%012d", n%5000), Account: fmt.Sprintf("person%d@example.com", n%5000)},
			Client: gatehouse.Client{
				IP:        netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}),
				UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
				Device:    gatehouse.Device{ID: "d41d8cd98f00b204", Name: "Firefox on Linux"},
				Place:     gatehouse.Place{Country: "NL"},
			},
			CorrelationID: gatehouse.NewID(at),
		},
	}
}

// BenchmarkAppend compares what one durable record costs. The three ways take
// turns of 4096 records each, so that what else the machine does meets all of
// them; each has its own database, with the same schema and settings.
//
//   - 64 clients append one record each, again and again: ns/op;
//   - a loop by hand writes 64 at a time, as fast as the driver can: "of-batched"
//     is its time divided by ours, 1 meaning as fast;
//   - the same loop writes one at a time: "of-one-by-one" likewise.
func BenchmarkAppend(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkAppend(b, open(b), newInserts(b), newInserts(b)) })
	b.Run("PostgreSQL", func(b *testing.B) {
		server := testserver.Postgres(b)
		s := openPostgres(b, server.Database(b), sql.Options{})
		benchmarkAppend(b, s, newCopies(b, server.Database(b)), newCopies(b, server.Database(b)))
	})
}

// byHand is what somebody would write who has all records at hand.
type byHand interface {
	write(b *testing.B, from, n, batch int64)
}

func benchmarkAppend(b *testing.B, s *sql.Store, batched, single byHand) {
	const turn = 4096
	var ours, theirs, one time.Duration
	var n int64
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		size := int64(min(turn, b.N-done))
		ours += timed(func() { appendAll(b, s, n, size) })
		theirs += timed(func() { batched.write(b, n, size, clients) })
		one += timed(func() { single.write(b, n, size/8, 1) }) * 8
		n += size
	}
	b.ReportMetric(float64(ours)/float64(b.N), "ns/op")
	b.ReportMetric(float64(theirs)/float64(ours), "of-batched")
	b.ReportMetric(float64(one)/float64(ours), "of-one-by-one")
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func appendAll(b *testing.B, s *sql.Store, from, n int64) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if err := s.Append(context.Background(), sample(from+i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// inserts writes to SQLite with a statement for each record.
type inserts struct {
	conn   *stdsql.Conn
	insert *stdsql.Stmt
}

const byHandColumns = "id, time, kind, severity, user_id, account, ip, correlation_id, finding_id, finding_kind, finding_severity, detail, node, chain_seq, hash"

// columnsOf lays out a record as byHandColumns has it.
func columnsOf(b *testing.B, r gatehouse.Record) []any {
	ip := r.IP.As16()
	detail, err := json.Marshal(struct {
		UserAgent string           `json:"user_agent"`
		Device    gatehouse.Device `json:"device"`
		Place     gatehouse.Place  `json:"place"`
		Endpoint  string           `json:"endpoint"`
		Reason    string           `json:"reason"`
	}{r.UserAgent, r.Device, r.Place, r.Endpoint, r.Reason})
	if err != nil {
		b.Fatal(err)
	}
	return []any{r.ID, r.Time.UnixMicro(), string(r.Kind), int64(r.Severity), r.User, r.Account, ip[:],
		r.CorrelationID, nil, nil, nil, string(detail), "by hand", int64(0), make([]byte, 32)}
}

func newInserts(b *testing.B) *inserts {
	path := filepath.Join(b.TempDir(), "byhand.db")
	openAt(b, path)
	db, err := stdsql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"+
		"&_pragma=wal_autocheckpoint(4000)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16384)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	insert, err := conn.PrepareContext(context.Background(), "INSERT INTO security_log ("+byHandColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING")
	if err != nil {
		b.Fatal(err)
	}
	return &inserts{conn, insert}
}

func (h *inserts) write(b *testing.B, from, n, batch int64) {
	ctx := context.Background()
	exec := func(_ stdsql.Result, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := int64(0); i < n; i += batch {
		exec(h.conn.ExecContext(ctx, "BEGIN IMMEDIATE"))
		for j := i; j < min(i+batch, n); j++ {
			exec(h.insert.ExecContext(ctx, columnsOf(b, sample(from+j))...))
		}
		exec(h.conn.ExecContext(ctx, "COMMIT"))
	}
}

// copies writes to PostgreSQL with COPY.
type copies struct{ conn *pgx.Conn }

func newCopies(b *testing.B, url string) *copies {
	openPostgres(b, url, sql.Options{})
	return &copies{connectPostgres(b, url)}
}

func (h *copies) write(b *testing.B, from, n, batch int64) {
	columns := strings.Split(byHandColumns, ", ")
	for i := int64(0); i < n; i += batch {
		rows := pgx.CopyFromSlice(int(min(batch, n-i)), func(j int) ([]any, error) {
			return columnsOf(b, sample(from+i+int64(j))), nil
		})
		if _, err := h.conn.CopyFrom(context.Background(), pgx.Identifier{"security_log"}, columns, rows); err != nil {
			b.Fatal(err)
		}
	}
}
