package redis

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

var _ gatehouse.Windows = (*Windows)(nil)

const standardWaiters = 1024

// WindowsOptions are the options of a Windows. The zero value is ready for use.
type WindowsOptions struct {
	// MaxWaiters is how many calls of Reserve may wait for one key, on all
	// nodes together: 1 to 65,535. Default: 1,024.
	MaxWaiters int
}

// Windows counts in sliding windows, exactly, for all nodes that share a
// server. Times are truncated to whole milliseconds and windows rounded up to
// them.
//
// Times are those of the callers, so the nodes must agree on one clock: a node
// whose clock is ahead makes places held by others expire early, and what it
// counts stays for longer.
//
// Each method is one round trip, Reserve one for each second that it waits and
// one more when it gives up. On a single server Hit acts on all its keys at one
// instant; in a Cluster that holds for the keys of one slot only, and when an
// error is returned the keys of other slots may have been counted.
//
// Where the answer is lost the operation may have happened all the same. What
// could hold a place then is settled in the background: see Settle.
//
// When a key is counted against another limit than before, the new one holds
// from then on: what lies outside its window is forgotten, and of more
// occurrences than its threshold the newest are kept.
//
// All methods are safe for concurrent use.
type Windows struct {
	client     *Client
	counters   string // what the names of counters begin with
	node       string // eight characters
	maxWaiters string
	limits     limits

	mu       sync.Mutex
	waiting  map[uint64]chan gatehouse.Tally
	listened atomic.Bool
	late     chan struct{} // one for each settlement in the background
}

// NewWindows returns the counters that c leads to. They share its connection
// and end with it.
func NewWindows(c *Client, o WindowsOptions) *Windows {
	if o.MaxWaiters <= 0 || o.MaxWaiters > 65_535 {
		o.MaxWaiters = standardWaiters
	}
	var id [6]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	w := &Windows{
		client:     c,
		counters:   c.prefix + ":w1:",
		node:       base64.RawURLEncoding.EncodeToString(id[:]),
		maxWaiters: strconv.Itoa(o.MaxWaiters),
		waiting:    map[uint64]chan gatehouse.Tally{},
		late:       make(chan struct{}, maxLate),
	}
	c.wg.Go(func() { c.subscribe(c.ctx, c.prefix+":n1:"+w.node, w.listened.Store, w.hear) })
	return w
}

func (w *Windows) name(key *gatehouse.Key) string { return w.counters + string(key[:]) }

// window returns the length of a limit's window in ms, or an error if it is no
// limit.
func window(l gatehouse.Limit) (int64, error) {
	if l.Threshold < 1 || l.Threshold > 10_000 || l.Window < time.Millisecond || l.Window > 7*24*time.Hour {
		return 0, fmt.Errorf("redis: no limit: %d within %v", l.Threshold, l.Window)
	}
	return int64((l.Window + time.Millisecond - 1) / time.Millisecond), nil
}

// A counter lives as long as its newest occurrence can count, and some more. To
// set that with each occurrence costs time, so it is done once in an eighth of
// the window, and allows for that.
const slack = 10_000 // ms

// tallyOf unpacks what the function tally of the scripts has packed.
func tallyOf(n int64) gatehouse.Tally {
	return gatehouse.Tally{
		Count:      int(n>>1) & 0x3fff,
		Over:       n&1 != 0,
		RetryAfter: time.Duration(n>>15) * time.Millisecond,
	}
}

func unixMillis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// Forget implements gatehouse.Windows. In a Cluster it takes one round trip for
// all slots, and is atomic for the keys of each.
func (w *Windows) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	if len(keys) == 0 {
		return nil
	}
	r, err := w.client.conn()
	if err != nil {
		return err
	}
	sharded := r.Mode() == rueidis.ClientModeCluster
	bySlot := map[uint16]int{}
	var all []invocation
	for i := range keys {
		name, slot := w.name(&keys[i]), uint16(0)
		if sharded {
			slot = slotOf(name)
		}
		n, known := bySlot[slot]
		if !known {
			n = len(all)
			bySlot[slot] = n
			all = append(all, invocation{})
		}
		all[n].keys = append(all[n].keys, name)
	}
	_, err = w.client.evalScripts(ctx, r, forgetScript, all)
	return err
}
