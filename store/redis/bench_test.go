package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/redis/rueidis"
)

// load is what some clients reached together.
type load struct {
	p50       time.Duration
	perSecond float64
}

// drive calls f from some goroutines for a while.
func drive(clients int, d time.Duration, f func(client int)) load {
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			var took []time.Duration
			for now := time.Now(); now.Sub(start) < d; {
				f(c)
				end := time.Now()
				took = append(took, end.Sub(now))
				now = end
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	passed := time.Since(start)
	slices.Sort(all)
	return load{all[len(all)/2], float64(len(all)) / passed.Seconds()}
}

func randomKeys(n int) []gatehouse.Key {
	keys := make([]gatehouse.Key, n)
	for i := range keys {
		rand.Read(keys[i][:])
	}
	return keys
}

// BenchmarkHit compares, in turns, counting four keys with a plain PING and with
// twelve plain commands in one pipeline.
func BenchmarkHit(b *testing.B) {
	server := testserver.Redis(b)
	option, err := rueidis.ParseURL(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	option.DisableCache, option.PipelineMultiplex = true, -1
	plain, err := rueidis.NewClient(option)
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	w := redis.NewWindows(openClient(b, server.URL, redis.Options{}), redis.WindowsOptions{})
	ctx := context.Background()
	keys := randomKeys(100_000)
	limits := []gatehouse.Limit{{Threshold: 5, Window: 5 * time.Minute}, {Threshold: 20, Window: time.Minute},
		{Threshold: 10, Window: 10 * time.Minute}, {Threshold: 100, Window: time.Hour}}

	ping := func(int) { plain.Do(ctx, plain.B().Ping().Build()) }
	twelve := func(int) {
		cmds := make(rueidis.Commands, 0, 12)
		for range 4 {
			k := "gatehouse:x1:" + string(keys[mathrand.N(len(keys))][:])
			cmds = append(cmds, plain.B().Incr().Key(k).Build(), plain.B().Pexpire().Key(k).Milliseconds(70_000).Build(), plain.B().Get().Key(k).Build())
		}
		for _, result := range plain.DoMulti(ctx, cmds...) {
			if err := result.Error(); err != nil {
				b.Error(err)
			}
		}
	}
	hit := func(int) {
		var hits [4]gatehouse.Hit
		for i := range hits {
			hits[i] = gatehouse.Hit{Key: keys[mathrand.N(len(keys)/4)*4+i], Limit: limits[i]}
		}
		if err := w.Hit(ctx, time.Now(), hits[:]); err != nil {
			b.Error(err)
		}
	}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var ofPing, ofTwelve, p50, rate, pingP50, twelveRate []float64
			for b.Loop() {
				p := drive(clients, 300*time.Millisecond, ping)
				t := drive(clients, 300*time.Millisecond, twelve)
				h := drive(clients, 300*time.Millisecond, hit)
				ofPing = append(ofPing, float64(h.p50)/float64(p.p50))
				ofTwelve = append(ofTwelve, h.perSecond/t.perSecond)
				p50 = append(p50, float64(h.p50)/1e3)
				pingP50 = append(pingP50, float64(p.p50)/1e3)
				rate = append(rate, h.perSecond)
				twelveRate = append(twelveRate, t.perSecond)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(p50), "µs-p50")
			b.ReportMetric(median(pingP50), "µs-PING-p50")
			b.ReportMetric(median(rate), "hits/s")
			b.ReportMetric(median(twelveRate), "twelve/s")
			b.ReportMetric(median(ofPing), "x-PING-p50")
			b.ReportMetric(median(ofTwelve), "x-twelve/s")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkBytesPerKey shows what a full counter costs the server.
func BenchmarkBytesPerKey(b *testing.B) {
	server := testserver.Redis(b)
	w := redis.NewWindows(openClient(b, server.URL, redis.Options{}), redis.WindowsOptions{})
	for _, threshold := range []int{5, 50} {
		b.Run(fmt.Sprintf("threshold=%d", threshold), func(b *testing.B) {
			var bytes int
			for b.Loop() {
				key := randomKeys(1)[0]
				for i := range threshold {
					hits := []gatehouse.Hit{{Key: key, Limit: gatehouse.Limit{Threshold: threshold, Window: time.Hour}}}
					if err := w.Hit(context.Background(), time.Now().Add(time.Duration(i)*time.Second), hits); err != nil {
						b.Fatal(err)
					}
				}
				bytes, _ = strconv.Atoi(server.Call(b, "MEMORY", "USAGE", "gatehouse:w1:"+string(key[:])))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(bytes), "bytes/key")
		})
	}
}

// BenchmarkThresholds shows how the work for one occurrence grows.
func BenchmarkThresholds(b *testing.B) {
	server := testserver.Redis(b)
	w := redis.NewWindows(openClient(b, server.URL, redis.Options{}), redis.WindowsOptions{})
	for _, threshold := range []int{5, 100, 1000, 10_000} {
		b.Run(strconv.Itoa(threshold), func(b *testing.B) {
			hits := []gatehouse.Hit{{Key: randomKeys(1)[0], Limit: gatehouse.Limit{Threshold: threshold, Window: time.Hour}}}
			for i := range threshold {
				if err := w.Hit(context.Background(), time.UnixMilli(int64(i)), hits); err != nil {
					b.Fatal(err)
				}
			}
			for i := 0; b.Loop(); i++ { // each replaces the oldest
				if err := w.Hit(context.Background(), time.UnixMilli(3_600_000+int64(i)), hits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
