package sql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// clients is how many append at the same time.
const clients = 64

// sample is an ordinary record of a failed login.
func sample(n int64) gatehouse.Record {
	at := time.Unix(1_772_000_000, n*1000)
	return gatehouse.Record{
		ID: gatehouse.NewID(at), Severity: gatehouse.Info,
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

// BenchmarkAppend compares what one durable record costs: with 64 clients that
// append one each, with the same clients one after the other, and in a loop by
// hand that writes 64 at a time with the same statement and fsync.
func BenchmarkAppend(b *testing.B) {
	b.Run("64 clients", func(b *testing.B) {
		s := open(b)
		var next atomic.Int64
		b.ResetTimer()
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					if err := s.Append(context.Background(), sample(n)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
	b.Run("one client", func(b *testing.B) {
		s := open(b)
		b.ResetTimer()
		for n := range b.N {
			if err := s.Append(context.Background(), sample(int64(n))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by hand, 64 at a time", func(b *testing.B) { byHand(b, clients, 1) })
	for _, n := range []int{2, 4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("by hand, 64 at a time, %d rows each", n), func(b *testing.B) { byHand(b, clients, n) })
	}
	b.Run("by hand, one at a time", func(b *testing.B) { byHand(b, 1, 1) })
}

// byHand is what somebody would write who has all records at hand.
func byHand(b *testing.B, batch, rowsEach int) {
	path := filepath.Join(b.TempDir(), "byhand.db")
	openAt(b, path)
	ctx := context.Background()
	db, err := stdsql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(4000)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16384)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	const columns = 12
	var values []string
	for i := range rowsEach {
		var row []string
		for j := range columns {
			row = append(row, fmt.Sprintf("$%d", i*columns+j+1))
		}
		values = append(values, "("+strings.Join(row, ",")+")")
	}
	insert, err := conn.PrepareContext(ctx, `INSERT INTO security_log (id, time, kind, severity, user_id, account, ip,
		correlation_id, finding_id, finding_kind, finding_severity, detail) VALUES `+strings.Join(values, ",")+" ON CONFLICT (id) DO NOTHING")
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		args := make([]any, 0, batch*columns)
		for i := range batch {
			r := sample(int64(n + i))
			ip := r.IP.As16()
			detail, err := json.Marshal(map[string]any{
				"user_agent": r.UserAgent, "device": r.Device, "place": r.Place, "endpoint": r.Endpoint, "reason": r.Reason,
			})
			if err != nil {
				b.Fatal(err)
			}
			args = append(args, r.ID, r.Time.UnixMicro(), string(r.Kind), int64(r.Severity), r.User, r.Account, ip[:],
				r.CorrelationID, nil, nil, nil, string(detail))
		}
		for _, step := range []func() (stdsql.Result, error){
			func() (stdsql.Result, error) { return conn.ExecContext(ctx, "BEGIN IMMEDIATE") },
			func() (r stdsql.Result, err error) {
				for c := range slices.Chunk(args, rowsEach*columns) {
					if r, err = insert.ExecContext(ctx, c...); err != nil {
						break
					}
				}
				return r, err
			},
			func() (stdsql.Result, error) { return conn.ExecContext(ctx, "COMMIT") },
		} {
			if _, err := step(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
