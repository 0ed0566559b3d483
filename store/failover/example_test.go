package failover_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// The shared store dies between the second and the third failure. This node
// goes on by itself, with half of the threshold: two more.
func ExampleWindows() {
	primary := newShared() // one of store/redis in practice
	windows := failover.NewWindows(primary, memory.NewWindows(memory.Options{}), failover.Options{})
	defer windows.Close()

	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hits := []gatehouse.Hit{{
		Key:   gatehouse.Key([]byte("a keyed hash: 16")),
		Limit: gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute},
	}}
	for n := range 5 {
		primary.down.Store(n >= 2)
		err := windows.Hit(ctx, at, hits)
		fmt.Println(hits[0].Tally.Count, hits[0].Tally.Over, windows.State().Degraded, err)
	}
	// Output:
	// 1 false false <nil>
	// 2 false false <nil>
	// 3 false false <nil>
	// 4 false false <nil>
	// 2 true true <nil>
}
