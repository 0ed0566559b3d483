package redis_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// Nodes that share a server share what they count.
func ExampleNewWindows() {
	client, err := redis.Open("redis://127.0.0.1:6379/0", redis.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	windows := redis.NewWindows(client, redis.WindowsOptions{})

	hits := []gatehouse.Hit{{
		Key:   gatehouse.Key{1, 2, 3}, // a keyed hash
		Limit: gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute},
	}}
	if err := windows.Hit(context.Background(), time.Now(), hits); err != nil {
		fmt.Println("decide without the others:", err)
		return
	}
	fmt.Println("refuse:", hits[0].Tally.Over)
}
