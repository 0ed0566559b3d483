package profile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/grafana/pyroscope-go"
)

// Options say where profiles are pushed to.
type Options struct {
	// PyroscopeURL is the address of the server, such as
	// http://pyroscope.example.com:4040. Required.
	PyroscopeURL string
	// Application is the name that the profiles go by. Default: "gatehouse".
	Application string
	// Tags are added to all profiles, such as the environment and the region.
	// They are few and fixed.
	Tags map[string]string
	// BasicAuthUser and BasicAuthPassword go with each push, if both are set.
	BasicAuthUser     string
	BasicAuthPassword string
	// TenantID is for servers with several tenants.
	TenantID string
	// Every is how long one profile lasts, and how often one is pushed.
	// Default: 15 s.
	Every time.Duration
	// Timeout bounds one push. Default: 10 s.
	Timeout time.Duration
	// Goroutines adds a profile of goroutines, which stops the program for a
	// moment each time.
	Goroutines bool
	// Transport makes the connections. Default: a transport of its own.
	Transport http.RoundTripper
	// Logger hears when pushing begins to fail and when it works again.
	// Default: slog.Default().
	Logger *slog.Logger
}

// Stats count pushes since the start.
type Stats struct {
	Pushed uint64 // accepted by the server
	Failed uint64 // refused, timed out, or no server there
	// Dropped is how many were not tried, since those before were still waiting.
	Dropped uint64
}

// Continuous profiles the process all the time. It is safe for concurrent use.
type Continuous struct {
	profiler *pyroscope.Profiler
	pusher   *pusher
	stopped  chan struct{} // closed once everything has ended
	stopping atomic.Bool
}

// Start begins to profile the processor and the memory, and to push what it
// finds in the background. Requests never wait for a push; at most 25 profiles
// wait in memory, and more are dropped. It returns an error for an address or a
// tag that cannot be; a server that does not answer is no error. Stop must be
// called. The runtime takes one CPU profile at a time: see Handler.
func Start(o Options) (*Continuous, error) {
	u, err := url.Parse(o.PyroscopeURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("profile: PyroscopeURL is no http or https address")
	}
	if o.Application == "" {
		o.Application = "gatehouse"
	}
	if o.Every <= 0 {
		o.Every = 15 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 2, IdleConnTimeout: time.Minute}
	}
	types := pyroscope.DefaultProfileTypes
	if o.Goroutines {
		types = append(types[:len(types):len(types)], pyroscope.ProfileGoroutines)
	}
	p := newPusher(o)
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName:   o.Application,
		Tags:              maps.Clone(o.Tags), // it is changed there
		ServerAddress:     o.PyroscopeURL,
		BasicAuthUser:     o.BasicAuthUser,
		BasicAuthPassword: o.BasicAuthPassword,
		TenantID:          o.TenantID,
		UploadRate:        o.Every,
		ProfileTypes:      types,
		DisableGCRuns:     true, // a login server's collector runs often enough by itself
		HTTPClient:        p,
		Logger:            p,
	})
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("profile: %w", err)
	}
	return &Continuous{profiler: profiler, pusher: p, stopped: make(chan struct{})}, nil
}

// Stop ends the profiling and pushes what there is until ctx ends, whose error
// it returns then: what is left is dropped. Nothing runs on after that. Further
// calls wait for the first.
func (c *Continuous) Stop(ctx context.Context) error {
	if c.stopping.CompareAndSwap(false, true) {
		go func() {
			defer close(c.stopped)
			c.profiler.Flush(true)
			c.profiler.Stop()
			c.pusher.close()
		}()
	}
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
		c.pusher.cancel() // all pushes fail from now on, so that nobody waits
		<-c.stopped
		return ctx.Err()
	}
}

// Stats returns what became of the profiles so far.
func (c *Continuous) Stats() Stats {
	return Stats{Pushed: c.pusher.pushed.Load(), Failed: c.pusher.failed.Load(), Dropped: c.pusher.dropped.Load()}
}
