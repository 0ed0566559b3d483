package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

const (
	defaultTimeout = 50 * time.Millisecond
	defaultPrefix  = "gatehouse"
	maxInFlight    = 1000 // calls; a connection's ring of rueidis holds 2,048
	ringScale      = 11   // 2^11
)

// Options are the options of a Client. The zero value is ready for use.
type Options struct {
	// Timeout bounds each round trip, getting a connection included. Default:
	// 50 ms.
	Timeout time.Duration
	// Prefix begins the name of every key and channel. All nodes that belong
	// together have the same. Default: "gatehouse".
	Prefix string
}

// Client is the way to one Redis or Valkey, be it a single server, one watched
// by Sentinels, or a Cluster. It connects in the background and for ever anew,
// so that a node can start while the server is down: until there is a
// connection, and whenever the server does not answer in time, calls fail with
// an error that wraps gatehouse.ErrUnavailable.
//
// A Client is safe for concurrent use. Close ends it.
type Client struct {
	option  rueidis.ClientOption
	timeout time.Duration
	prefix  string
	conns   conns
	current atomic.Pointer[rueidis.Client]
	lastErr atomic.Pointer[error] // why there is no connection

	inFlight    chan struct{} // one for each call under way
	guarded     chan struct{} // one for each that may get stuck: see do
	guardUntil  atomic.Int64  // ns since 1970
	replicaLeft atomic.Int64  // ns since 1970
	failing     chan struct{} // tells keep to look after the connections

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Open checks url and returns a Client for it without waiting for a connection.
// The forms of a URL are
//
//	redis://user:password@host:6379/0
//	redis://host:6379?addr=host2:6379&addr=host3:6379     Cluster
//	redis://sentinel:26379?addr=sentinel2:26379&master_set=name
//
// with rediss:// for TLS (and valkey://, valkeys://, unix:///path/to/socket).
// A single address that belongs to a Cluster is enough. An error says what is
// allowed and repeats nothing of the URL, which may hold a password.
func Open(url string, o Options) (*Client, error) {
	option, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("redis: a timeout of %v is negative", o.Timeout)
	}
	c := &Client{
		timeout:  o.Timeout,
		prefix:   o.Prefix,
		inFlight: make(chan struct{}, maxInFlight),
		guarded:  make(chan struct{}, maxGuarded),
		failing:  make(chan struct{}, 1),
	}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if c.prefix == "" {
		c.prefix = defaultPrefix
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.option = c.tuned(option)
	c.wg.Go(c.keep)
	return c, nil
}

// clientOption returns the options with which this Client connects, for
// another client of rueidis to the same server.
func (c *Client) clientOption() rueidis.ClientOption { return c.option }

// tuned adapts the options of rueidis to calls that must be answered soon.
func (c *Client) tuned(o rueidis.ClientOption) rueidis.ClientOption {
	// A script that was sent is not sent again: nobody knows whether it ran.
	o.DisableRetry = true
	o.DisableCache = true
	o.RingScaleEachConn = ringScale
	o.PipelineMultiplex = -1 // one connection to a server: the fullest pipelines
	o.ReadBufferEachConn, o.WriteBufferEachConn = 64<<10, 64<<10
	o.BlockingPoolSize = 64
	// A connection that has been silent for a second is probed, and closed when
	// there is no answer within another; so what waits for it is let go.
	o.Dialer.KeepAlive = time.Second
	o.ConnWriteTimeout = max(time.Second, 4*c.timeout)
	if o.Dialer.Timeout == 0 {
		o.Dialer.Timeout = connectTimeout
	}
	o.ClusterOption.MaxMovedRedirections = 3
	o.Sentinel.TopologyRefreshInterval = 5 * time.Second
	o.Sentinel.Dialer = o.Dialer
	if o.TLSConfig != nil {
		o.Sentinel.TLSConfig = o.TLSConfig.Clone()
	}
	o.DialCtxFn = c.conns.dialer(c.ctx, o.DialCtxFn)
	return o
}

// Ping asks the server for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	r, err := c.conn()
	if err != nil {
		return err
	}
	_, err = c.do(ctx, r, r.B().Ping().Build())
	return err
}

// Time returns the server's clock, to the microsecond.
func (c *Client) Time(ctx context.Context) (time.Time, error) {
	r, err := c.conn()
	if err != nil {
		return time.Time{}, err
	}
	result, err := c.do(ctx, r, r.B().Time().Build())
	if err != nil {
		return time.Time{}, err
	}
	at, err := result.AsIntSlice()
	if err != nil || len(at) != 2 {
		return time.Time{}, fmt.Errorf("redis: %w: TIME was answered with something else", gatehouse.ErrUnavailable)
	}
	return time.Unix(at[0], at[1]*1000), nil
}

// Close ends the connections and what runs in the background. Calls under way
// and later ones fail.
func (c *Client) Close() error {
	c.cancel()
	c.conns.shut()
	c.wg.Wait()
	return nil
}

var errClosed = errors.New("the client is closed")
