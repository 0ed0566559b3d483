package memory_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// The fifth failure within five minutes fills the window, and the sixth finds
// it full.
func ExampleWindows() {
	windows := memory.NewWindows(memory.Options{})
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hits := []gatehouse.Hit{{
		Key:   gatehouse.Key([]byte("a keyed hash: 16")),
		Limit: gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute},
	}}
	for range 6 {
		if err := windows.Hit(ctx, at, hits); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%+v\n", hits[0].Tally)
		at = at.Add(10 * time.Second)
	}
	// Output:
	// {Count:1 Over:false RetryAfter:0s}
	// {Count:2 Over:false RetryAfter:0s}
	// {Count:3 Over:false RetryAfter:0s}
	// {Count:4 Over:false RetryAfter:0s}
	// {Count:5 Over:false RetryAfter:4m20s}
	// {Count:5 Over:true RetryAfter:4m10s}
}

// Of the blocks around an address the one that ends last is given.
func ExampleBlocks() {
	blocks := memory.NewBlocks()
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for prefix, hours := range map[string]int{"192.0.2.7/32": 1, "192.0.2.0/24": 2} {
		blocks.Place(ctx, gatehouse.Block{
			Prefix: netip.MustParsePrefix(prefix), Created: at, Until: at.Add(time.Duration(hours) * time.Hour),
		})
	}
	b, blocked, _ := blocks.Blocked(ctx, netip.MustParseAddr("192.0.2.7"), at)
	fmt.Println(blocked, b.Prefix)
	_, blocked, _ = blocks.Blocked(ctx, netip.MustParseAddr("192.0.2.7"), at.Add(2*time.Hour))
	fmt.Println(blocked)
	// Output:
	// true 192.0.2.0/24
	// false
}

func ExampleSightings() {
	sightings := memory.NewSightings(memory.Options{})
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	phone := gatehouse.Sighting{Time: at, Device: gatehouse.Device{ID: "1", Name: "Safari on iPhone"}}
	laptop := gatehouse.Sighting{Time: at.Add(time.Hour), Device: gatehouse.Device{ID: "2", Name: "Firefox on Linux"}}
	sightings.See(ctx, "user-1", phone)
	earlier, _ := sightings.See(ctx, "user-1", laptop)
	for _, s := range earlier {
		fmt.Println(s.Device.Name)
	}
	// Output: Safari on iPhone
}

func ExampleJournal() {
	journal := memory.NewJournal(memory.Options{MaxRecords: 1000})
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	journal.Append(ctx, gatehouse.Record{ID: "1", Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: at}})
	journal.Append(ctx, gatehouse.Record{ID: "2", Event: gatehouse.Event{Kind: gatehouse.LoginSucceeded, Time: at.Add(time.Second)}})
	for r, err := range journal.Query(ctx, gatehouse.Query{Limit: 10}) {
		fmt.Println(r.Kind, err)
	}
	// Output:
	// login_succeeded <nil>
	// login_failed <nil>
}
