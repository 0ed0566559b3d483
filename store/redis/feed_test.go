package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestFeed(t *testing.T) {
	server := testserver.Redis(t)
	storetest.Feed(t, func(t *testing.T) gatehouse.Feed { return openFeed(t, server.URL, ownPrefix()) })
}

// feed is the feed of one of several nodes.
type feed struct {
	*redis.Feed
	client *redis.Client
}

func (f *feed) close() {
	f.Feed.Close()
	f.client.Close()
}

// openFeed returns the feed of a node that hears the others.
func openFeed(t testing.TB, url, prefix string) *feed {
	t.Helper()
	client, err := redis.Open(url, redis.Options{Prefix: prefix, Timeout: testTimeout})
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{redis.NewFeed(client, memory.NewFeed(memory.FeedOptions{}), redis.FeedOptions{}), client}
	t.Cleanup(f.close)
	eventually(t, "listening", func() bool { return f.Stats().Listening && client.Ping(t.Context()) == nil })
	return f
}

func take(t testing.TB, messages <-chan gatehouse.FeedMessage) *gatehouse.Record {
	t.Helper()
	select {
	case m := <-messages:
		return m.Record
	case <-time.After(10 * time.Second):
		t.Fatal("no message in time")
	}
	panic("not reached")
}

// Each record reaches each watcher on each node once, in the order of its node.
func TestFeedReachesEveryNodeOnce(t *testing.T) {
	servers := map[string]string{"one server": testserver.Redis(t).URL, "cluster": testserver.RedisCluster(t).URL}
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			prefix := ownPrefix()
			var nodes []*feed
			var watchers []<-chan gatehouse.FeedMessage
			for range 3 {
				f := openFeed(t, url, prefix)
				nodes = append(nodes, f)
				watchers = append(watchers, f.Subscribe(t.Context()), f.Subscribe(t.Context()))
			}
			login := gatehouse.Record{ID: "login", Event: gatehouse.Event{Kind: gatehouse.LoginSucceeded, Time: time.Now()}}
			const each = 70 // more than one message holds
			for i, f := range nodes {
				for k := range each {
					f.Publish(storetest.FindingRecord(fmt.Sprintf("%d/%d", i, k)))
				}
				f.Publish(login)
			}
			for i, w := range watchers {
				next := map[string]int{}
				for range len(nodes)*each + 1 {
					r := take(t, w)
					if r.ID == "login" {
						next["login"]++
						continue
					}
					node, k, _ := strings.Cut(r.ID, "/")
					if k != fmt.Sprint(next[node]) || r.Finding.Rule != "brute_force" {
						t.Fatalf("watcher %d got %q, want %d of that node", i, r.ID, next[node])
					}
					next[node]++
				}
				if next["login"] != 1 {
					t.Errorf("watcher %d heard of %d logins, want that of its node", i, next["login"])
				}
				select {
				case m := <-w:
					t.Errorf("watcher %d got %q as well", i, m.Record.ID)
				default:
				}
			}
		})
	}
}

func TestFeedIgnoresWhatIsHostile(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	f := openFeed(t, server.URL, prefix)
	w := f.Subscribe(t.Context())
	many := strings.TrimSuffix(strings.Repeat(`{"id":"x","block":{}},`, 65), ",")
	hostile := []string{
		"", "x", "null", "[]", "{}", `{"v":2,"node":"n","records":[]}`, `{"v":1,"records":[]}`, `{"v":1,"node":"n","records":[{"id":"login"}]}`,
		`{"v":1,"node":"n","records":[` + many + `]}`, `{"v":1,"node":"n","records":[{"id":"` + strings.Repeat("x", 1<<20) + `","block":{}}]}`,
		strings.Repeat("[", 100_000), `{"v":1,"node":"n","records":[{"finding":{"first":"soon"}}]}`, "\xff\xfe\x00",
	}
	for _, m := range hostile {
		server.Call(t, "PUBLISH", prefix+":feed", m)
	}
	server.Call(t, "PUBLISH", prefix+":feed", `{"v":1,"node":"n","records":[{"id":"ok\u001b[31m","block":{"prefix":"192.0.2.1/32"}}]}`)
	if r := take(t, w); strings.Contains(r.ID, "\x1b") || !strings.HasPrefix(r.ID, "ok") {
		t.Errorf("got %q", r.ID)
	}
	if s := f.Stats(); s.Ignored != uint64(len(hostile)) || s.Received != 1 {
		t.Errorf("%+v, want %d ignored", s, len(hostile))
	}
}

// While Redis is away watchers hear of their own node; what the others miss is
// counted, and it works again by itself.
func TestFeedWithoutRedis(t *testing.T) {
	server := testserver.Redis(t)
	proxy := testserver.Proxy(t, server.Addr)
	prefix := ownPrefix()
	near, far := openFeed(t, "redis://"+proxy.Addr, prefix), openFeed(t, server.URL, prefix)
	w, v := near.Subscribe(t.Context()), far.Subscribe(t.Context())
	proxy.Blackhole()
	for range 100 {
		near.Publish(storetest.FindingRecord("away"))
	}
	for range 100 {
		take(t, w)
	}
	eventually(t, "deaf", func() bool { return !near.Stats().Listening })
	proxy.Heal()
	eventually(t, "listening again", func() bool { return near.Stats().Listening })
	far.Publish(storetest.FindingRecord("to near"))
	if r := take(t, w); r.ID != "to near" {
		t.Errorf("got %q", r.ID)
	}
	eventually(t, "heard again", func() bool {
		near.Publish(storetest.FindingRecord("to far"))
		select {
		case m := <-v:
			return m.Record.ID == "to far"
		default:
			return false
		}
	})
	if s := near.Stats(); s.Dropped == 0 {
		t.Errorf("nothing was dropped: %+v", s)
	}
}
