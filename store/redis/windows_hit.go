package redis

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

// batch is those hits of a call that one run of the script counts.
type batch struct {
	invocation
	hits  []int // their indexes
	limit []byte
	which []uint16 // the index of each hit's key
	again bool     // a key comes up twice
}

// Hit implements gatehouse.Windows.
func (w *Windows) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	if len(hits) == 0 {
		return nil
	}
	r, err := w.client.conn()
	if err != nil {
		return err
	}
	batches, err := w.batches(r.Mode() == rueidis.ClientModeCluster, at, hits)
	if err != nil {
		return err
	}
	if len(batches) == 1 {
		result, err := w.client.evalScript(ctx, r, hitScript, batches[0].invocation)
		if err != nil {
			return err
		}
		return batches[0].fill(hits, result)
	}
	all := make([]invocation, len(batches))
	for i := range batches {
		all[i] = batches[i].invocation
	}
	results, err := w.client.evalScripts(ctx, r, hitScript, all)
	for i := range batches {
		if err == nil {
			err = batches[i].fill(hits, results[i])
		}
	}
	return err
}

// batches groups hits by slot, if they are sharded.
func (w *Windows) batches(sharded bool, at time.Time, hits []gatehouse.Hit) ([]batch, error) {
	now := unixMillis(at)
	stored := string(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[3:])
	all := make([]batch, 0, 1)
	var bySlot map[uint16]int
	if sharded {
		bySlot = make(map[uint16]int, len(hits))
	}
	for i := range hits {
		limit, err := w.limits.args(hits[i].Limit)
		if err != nil {
			return nil, err
		}
		name, n := w.name(&hits[i].Key), 0
		if sharded {
			slot, known := slotOf(name), false
			if n, known = bySlot[slot]; !known {
				n = len(all)
				bySlot[slot] = n
			}
		}
		if n == len(all) {
			all = append(all, batch{invocation: invocation{
				keys: make([]string, 0, len(hits)),
				args: append(make([]string, 0, 4+len(hits)), now, stored, "", ""),
			}})
		}
		b := &all[n]
		b.limit = append(b.limit, limit.limit...)
		b.args = append(b.args, limit.lifetime)
		b.add(i, name)
	}
	for i := range all {
		if err := all[i].finish(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (b *batch) add(hit int, name string) {
	k := 0
	for k < len(b.keys) && b.keys[k] != name {
		k++
	}
	if k == len(b.keys) {
		b.keys = append(b.keys, name)
	} else {
		b.again = true
	}
	b.hits = append(b.hits, hit)
	b.which = append(b.which, uint16(k))
}

// finish tells the script the limits, and which key each hit is for, unless that
// is plain.
func (b *batch) finish() error {
	if len(b.hits) > 1<<16 {
		return fmt.Errorf("redis: %d hits are too many for one call", len(b.hits))
	}
	b.args[3] = string(b.limit)
	if !b.again {
		return nil
	}
	which := make([]byte, 0, 2*len(b.which))
	for _, k := range b.which {
		which = binary.BigEndian.AppendUint16(which, k)
	}
	b.args[2] = string(which)
	return nil
}

// fill hands out what the script has answered.
func (b *batch) fill(hits []gatehouse.Hit, result rueidis.RedisResult) error {
	tallies, err := result.AsIntSlice()
	if err != nil || len(tallies) != len(b.hits) {
		return errReply
	}
	for n, i := range b.hits {
		hits[i].Tally = tallyOf(tallies[n])
	}
	return nil
}
