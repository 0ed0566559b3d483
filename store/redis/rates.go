package redis

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

var _ gatehouse.Rates = (*Rates)(nil)

//go:embed rates.lua
var ratesText string

var ratesScript = newScript(ratesText)

const (
	maxTakes = 1000 // in one call
	maxCost  = 10_001
)

// Rates limits rates, by sliding windows and by GCRA, for all nodes that share a
// server. Times are truncated to whole milliseconds and windows rounded up to
// them. They are those of the callers, so the nodes must agree on one clock.
//
// A call is one round trip and one run of a script. In a Cluster, keys whose
// second halves are equal lie in one slot and are decided on together. Those of
// other slots are asked at the same time, each slot deciding by itself: a request
// that one refuses is charged in the others.
//
// Where the answer is lost, and an error that wraps gatehouse.ErrUnavailable is
// returned, the limits may have been charged all the same.
//
// A limit has the key <prefix>:r1:{r<key[8:]>}<key[:8]>, a string, all in it
// big-endian. The first byte of its value is 1 for a sliding window, after which
// come
//
//	2 bytes   how much is used of the threshold
//	8 bytes   for each millisecond in which something was taken, in order: the
//	          time, in ms since 1970 (6), and how much (2)
//
// or 2 for GCRA, after which come
//
//	6 bytes   threshold and window (2 and 4 bytes, in ms)
//	6 bytes   the time of the newest charge
//	6 bytes   what was outstanding then: a cost of 1 is as many units as the
//	          window has ms, and threshold units drain in a ms
//
// Keys live ten seconds longer than what they hold can count. An ACL has to allow
// ~<prefix>:* and the commands MGET, SET, EVAL, EVALSHA and PING.
//
// All methods are safe for concurrent use.
type Rates struct {
	client *Client
	begin  string // of the name of every key
}

// NewRates returns the rate limits that c leads to. They share its connection
// and end with it.
func NewRates(c *Client) *Rates { return &Rates{client: c, begin: c.prefix + ":r1:{r"} }

// name returns where a limit is kept. Its hash tag is the second half of the key,
// after a letter because an empty tag would be none.
func (r *Rates) name(key *gatehouse.Key) string {
	b := make([]byte, 0, len(r.begin)+len(key)+1)
	b = append(append(append(append(b, r.begin...), key[8:]...), '}'), key[:8]...)
	return string(b)
}

// takeBatch is those of a call that one run of the script decides on.
type takeBatch struct {
	invocation
	takes []int // their indexes
	asked []byte
}

// Take implements gatehouse.Rates.
func (r *Rates) Take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	if len(takes) == 0 {
		return nil
	}
	conn, err := r.client.conn()
	if err != nil {
		return err
	}
	batches, err := r.batches(conn.Mode() == rueidis.ClientModeCluster, at, takes)
	if err != nil {
		return err
	}
	if len(batches) == 1 {
		result, err := r.client.evalScript(ctx, conn, ratesScript, batches[0].invocation)
		if err != nil {
			return err
		}
		return batches[0].fill(takes, result)
	}
	all := make([]invocation, len(batches))
	for i := range batches {
		all[i] = batches[i].invocation
	}
	results, err := r.client.evalScripts(ctx, conn, ratesScript, all)
	for i := range batches {
		if err == nil {
			err = batches[i].fill(takes, results[i])
		}
	}
	return err
}

// batches groups what is asked by slot, if keys are sharded.
func (r *Rates) batches(sharded bool, at time.Time, takes []gatehouse.Take) ([]takeBatch, error) {
	if len(takes) > maxTakes {
		return nil, fmt.Errorf("redis: %d limits are too many for one call", len(takes))
	}
	now := strconv.FormatInt(max(at.UnixMilli(), 0), 10)
	all := make([]takeBatch, 0, 1)
	for i := range takes {
		name, n := r.name(&takes[i].Key), 0
		if sharded {
			for n < len(all) && slotOf(all[n].keys[0]) != slotOf(name) {
				n++
			}
		}
		if n == len(all) {
			all = append(all, takeBatch{
				invocation: invocation{keys: make([]string, 0, len(takes)), args: []string{now, ""}},
				takes:      make([]int, 0, len(takes)),
				asked:      make([]byte, 0, 9*len(takes)),
			})
		}
		if err := all[n].add(i, name, &takes[i]); err != nil {
			return nil, err
		}
	}
	for i := range all {
		all[i].args[1] = string(all[i].asked)
	}
	return all, nil
}

var errTwice = errors.New("redis: a key comes up twice in one call")

func (b *takeBatch) add(i int, name string, t *gatehouse.Take) error {
	length, err := window(t.Limit)
	switch {
	case err != nil:
		return err
	case t.Algorithm > gatehouse.GCRA:
		return fmt.Errorf("redis: there is no algorithm %d", t.Algorithm)
	case t.Cost < 0:
		return fmt.Errorf("redis: a cost of %d is negative", t.Cost)
	}
	for _, known := range b.keys {
		if known == name {
			return errTwice
		}
	}
	b.keys = append(b.keys, name)
	b.takes = append(b.takes, i)
	b.asked = append(b.asked, byte(t.Algorithm))
	b.asked = binary.BigEndian.AppendUint16(b.asked, uint16(t.Limit.Threshold))
	b.asked = binary.BigEndian.AppendUint32(b.asked, uint32(length))
	b.asked = binary.BigEndian.AppendUint16(b.asked, uint16(min(max(t.Cost, 1), maxCost)))
	return nil
}

// fill hands out what the script has answered.
func (b *takeBatch) fill(takes []gatehouse.Take, result rueidis.RedisResult) error {
	numbers, err := result.AsIntSlice()
	if err != nil || len(numbers) != 2*len(b.takes) {
		return errReply
	}
	for n, i := range b.takes {
		state, retry := numbers[2*n], numbers[2*n+1]
		takes[i].Quota = gatehouse.Quota{
			Remaining:  int(state>>1) & 0x3fff,
			ResetAfter: time.Duration(state>>15) * time.Millisecond,
			Over:       state&1 != 0,
			RetryAfter: time.Duration(retry) * time.Millisecond,
		}
	}
	return nil
}
