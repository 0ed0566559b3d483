package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
)

func TestOpenChecksTheURL(t *testing.T) {
	for _, url := range []string{
		"redis://127.0.0.1", "redis://127.0.0.1:6379/2", "rediss://u:hunter2@redis.example.com:6380",
		"redis://a.example.com:6379?addr=b.example.com:6379&addr=c.example.com:6379",
		"redis://:hunter2@s1.example.com:26379?addr=s2.example.com:26379&master_set=main",
		"valkey://127.0.0.1:6379", "unix:///run/redis.sock?db=1",
	} {
		c, err := redis.Open(url, redis.Options{})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		c.Close()
	}
	for _, url := range []string{
		"", "hunter2", "http://hunter2@x", "redis:hunter2", "redis://", "redis://:hunter2@", "redis://:hun/ter2@host:6379",
		"redis://:hun?hunter2@host", "redis://:hun#hunter2@host", "redis://host:port", "redis://:hunter2@host/x", "redis://:hunter2@host/1/2",
		"redis://:hunter2@host?db=x", "redis://:hunter2@host?pasword=hunter2", "redis://:%zzhunter2@host", "unix://",
		"redis://:hunter2@host?master_set=a&master_set=b",
	} {
		c, err := redis.Open(url, redis.Options{})
		if err == nil {
			c.Close()
			t.Errorf("%s: no error", url)
			continue
		}
		if strings.Contains(err.Error(), "hun") || strings.Contains(err.Error(), "ter2") {
			t.Errorf("%s: the error shows the password: %v", url, err)
		}
	}
}

func TestNoServer(t *testing.T) {
	c, err := redis.Open("redis://127.0.0.1:1", redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	if err := c.Ping(context.Background()); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("Ping: %v", err)
	}
	if d := time.Since(start); d > 40*time.Millisecond {
		t.Fatalf("it took %v to fail", d)
	}
}
