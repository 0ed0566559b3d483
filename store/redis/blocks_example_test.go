package redis_test

import (
	"context"
	"log"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// A node that shares its blocks and its live feed with the others.
func Example_node() {
	client, err := redis.Open("redis://127.0.0.1:6379", redis.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	blocks := redis.NewBlocks(client, redis.BlocksOptions{
		OnState: func(err error) { log.Println("blocks are shared by all nodes:", err == nil) },
	})
	defer blocks.Close()
	feed := redis.NewFeed(client, memory.NewFeed(memory.FeedOptions{}), redis.FeedOptions{})
	defer feed.Close()

	ctx, now := context.Background(), time.Now()
	_, err = blocks.Place(ctx, gatehouse.Block{
		ID:      gatehouse.NewID(now),
		Prefix:  netip.MustParsePrefix("192.0.2.1/32"),
		Reason:  "guessing passwords",
		By:      "operator@example.com",
		Created: now,
		Until:   now.Add(time.Hour),
	})
	if err != nil {
		log.Println(err) // it holds on this node all the same
	}
	for m := range feed.Subscribe(ctx) {
		log.Println(m.Record.Kind, "and", m.Missed, "before it that were missed")
	}
}
