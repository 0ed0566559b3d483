package spool_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/spool"
)

// BenchmarkAppend compares the journal alone with the journal behind a spool while
// all is well, in turns of one run, and with the spool while the store is down. The
// ratio, of the medians, is what the spool costs.
func BenchmarkAppend(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d/healthy", clients), func(b *testing.B) {
			f := open(b, spool.Options{})
			var alone, behind []time.Duration
			turn := 10 * clients
			for range max(1, b.N/turn) {
				alone = append(alone, appendAll(b, f.store.Store, clients, turn))
				behind = append(behind, appendAll(b, f.Spool, clients, turn))
			}
			b.ReportMetric(float64(median(behind))/float64(median(alone)), "x-journal")
			b.ReportMetric(float64(turn)/median(behind).Seconds(), "records/s")
		})
		b.Run(fmt.Sprintf("clients=%d/spooled", clients), func(b *testing.B) {
			f := open(b, spool.Options{})
			f.store.fail(gatehouse.ErrUnavailable)
			took := appendAll(b, f.Spool, clients, b.N)
			b.ReportMetric(float64(b.N)/took.Seconds(), "records/s")
		})
	}
	b.Run("drained", func(b *testing.B) {
		s := openStore(b, filepath.Join(b.TempDir(), "gatehouse.db"))
		s.fail(gatehouse.ErrUnavailable)
		f := openOn(b, filepath.Join(b.TempDir(), "spool"), s, spool.Options{})
		appendAll(b, f.Spool, 64, b.N)
		begun := time.Now()
		s.works()
		f.drained(b)
		b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "records/s")
	})
}

// BenchmarkOverhead is what the spool adds to a journal that costs next to nothing.
func BenchmarkOverhead(b *testing.B) {
	journal := memory.NewJournal(memory.Options{})
	s, err := spool.Open(filepath.Join(b.TempDir(), "spool"), journal, memory.NewBlocks(), spool.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(b.Context())
	r := record("a")
	for name, j := range map[string]gatehouse.Journal{"alone": journal, "behind": s} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := j.Append(b.Context(), r); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

var serial atomic.Int64

// appendAll appends n records from so many clients.
func appendAll(b *testing.B, j gatehouse.Journal, clients, n int) time.Duration {
	var wg sync.WaitGroup
	begun := time.Now()
	for c := range clients {
		wg.Go(func() {
			for range n/clients + min(1, max(0, n%clients-c)) {
				r := record(gatehouse.NewID(noon.Add(time.Duration(serial.Add(1)) * time.Millisecond)))
				if err := j.Append(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}
