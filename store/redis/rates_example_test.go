package redis_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// Nodes that share a server share their rate limits.
func ExampleNewRates() {
	client, err := redis.Open("redis://127.0.0.1:6379/0", redis.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	takes := []gatehouse.Take{{
		Key:   gatehouse.Key{1, 2, 3}, // a keyed hash
		Limit: gatehouse.Limit{Threshold: 10, Window: time.Second},
	}}
	if err := redis.NewRates(client).Take(context.Background(), time.Now(), takes); err != nil {
		fmt.Println("decide without the others:", err)
		return
	}
	fmt.Println("refuse:", takes[0].Quota.Over)
}
