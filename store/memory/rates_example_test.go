package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// Two limits at once: the third request within a second is refused by one of
// them, and takes nothing from the other.
func ExampleRates() {
	rates := memory.NewRates(memory.Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	takes := []gatehouse.Take{{
		Key:   gatehouse.Key([]byte("a keyed hash: 16")),
		Limit: gatehouse.Limit{Threshold: 2, Window: time.Second},
	}, {
		Key:       gatehouse.Key([]byte("a second one: 16")),
		Limit:     gatehouse.Limit{Threshold: 1000, Window: time.Hour},
		Algorithm: gatehouse.GCRA,
	}}
	for range 3 {
		if err := rates.Take(context.Background(), at, takes); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%+v, %d remain of the other\n", takes[0].Quota, takes[1].Quota.Remaining)
	}
	// Output:
	// {Remaining:1 ResetAfter:1s Over:false RetryAfter:0s}, 999 remain of the other
	// {Remaining:0 ResetAfter:1s Over:false RetryAfter:0s}, 998 remain of the other
	// {Remaining:0 ResetAfter:1s Over:true RetryAfter:1s}, 998 remain of the other
}
