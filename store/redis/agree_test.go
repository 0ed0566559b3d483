package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
)

func TestAgree(t *testing.T) {
	server := testserver.Redis(t)
	a, b := openClient(t, server.URL, redis.Options{}), openClient(t, server.URL, redis.Options{})
	const hold = time.Minute
	for range 2 {
		if err := a.Agree(t.Context(), "keys", "one", hold); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Agree(t.Context(), "keys", "one", hold); err != nil {
		t.Errorf("the same value: %v", err)
	}
	if err := b.Agree(t.Context(), "keys", "two", hold); !errors.Is(err, redis.ErrDisagree) {
		t.Errorf("another value: %v", err)
	}
	if err := b.Agree(t.Context(), "other", "two", hold); err != nil {
		t.Errorf("of another name: %v", err)
	}
	if ttl := server.Call(t, "PTTL", "gatehouse:agreed:keys"); ttl == "-1" {
		t.Error("it is held for ever")
	}
	server.Call(t, "PEXPIRE", "gatehouse:agreed:keys", "0") // everybody who held it is gone
	if err := b.Agree(t.Context(), "keys", "two", hold); err != nil {
		t.Errorf("when it was free: %v", err)
	}
}
