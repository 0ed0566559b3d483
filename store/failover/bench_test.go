package failover_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// What failover adds to a primary that costs as little as can be: one that is
// in memory itself.
func BenchmarkHit(b *testing.B) {
	local := func() gatehouse.Windows { return memory.NewWindows(memory.Options{}) }
	healthy := failover.NewWindows(local(), local(), failover.Options{})
	defer healthy.Close()
	dead := newShared()
	dead.down.Store(true)
	degraded := failover.NewWindows(dead, local(), failover.Options{Failures: 1})
	defer degraded.Close()
	for _, c := range []struct {
		name string
		w    gatehouse.Windows
	}{{"PrimaryAlone", local()}, {"Healthy", healthy}, {"Degraded", degraded}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			hits := []gatehouse.Hit{{Limit: five}}
			for n := uint64(0); b.Loop(); n++ {
				binary.LittleEndian.PutUint64(hits[0].Key[:], (n%10_000)*0x9e3779b97f4a7c15)
				binary.LittleEndian.PutUint64(hits[0].Key[8:], n%10_000)
				if err := c.w.Hit(bg, start.Add(time.Duration(n)*time.Millisecond), hits); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/Attempt", func(b *testing.B) {
			b.ReportAllocs()
			for n := byte(0); b.Loop(); n++ {
				r, _, err := c.w.Reserve(bg, start, key(n), five, time.Second)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.w.Settle(bg, start, r, gatehouse.Succeeded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
