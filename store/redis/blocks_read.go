package redis

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

// blockBatch is how many blocks are read or written together: the server looks
// after others between any two commands, and rueidis keeps pipelines of fewer
// than 2,000 commands on the connection that is there.
const blockBatch = 500

// readAll takes over all blocks in Redis. Those that are known here, and not
// there any more, are owed.
func (s *Blocks) readAll(r rueidis.Client) error {
	cmds := make(rueidis.Commands, blockBuckets)
	for i := range cmds {
		cmds[i] = r.B().Zrange().Key(s.client.blockIndex(bucketName(i))).Min("0").Max("-1").Build()
	}
	indexes, err := s.batch(r, cmds)
	if err != nil {
		return err
	}
	var listed []netip.Prefix
	seen := map[netip.Prefix]bool{}
	for i, index := range indexes {
		members, _ := index.AsStrSlice() // none, if it is of another type
		for _, m := range members {
			p, err := netip.ParsePrefix(m)
			if err == nil && p == gatehouse.CleanPrefix(p) && bucketOf(p) == bucketName(i) {
				listed = append(listed, p)
				seen[p] = true
			}
		}
	}
	updates, err := s.read(r, listed)
	if err != nil {
		return err
	}
	s.apply(updates)
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.entries {
		if !seen[p] {
			s.owed[p] = struct{}{}
		}
	}
	return nil
}

// readChanged reads what was told to have changed.
func (s *Blocks) readChanged(r rueidis.Client, keys []string) error {
	prefixes := make([]netip.Prefix, 0, len(keys))
	for _, k := range keys {
		if p, ok := s.client.prefixOf(k); ok {
			prefixes = append(prefixes, p)
		}
	}
	updates, err := s.read(r, prefixes)
	if err != nil {
		return err
	}
	s.apply(updates)
	return nil
}

// read asks for the values of prefixes. What cannot be read is left out.
func (s *Blocks) read(r rueidis.Client, prefixes []netip.Prefix) ([]blockUpdate, error) {
	updates := make([]blockUpdate, 0, len(prefixes))
	for chunk := range slices.Chunk(prefixes, blockBatch) {
		cmds := make(rueidis.Commands, 0, 2*len(chunk))
		for _, p := range chunk {
			key := s.client.blockKey(p)
			cmds = append(cmds, r.B().Get().Key(key).Build(), r.B().Pttl().Key(key).Build())
		}
		asked := time.Now()
		results, err := s.batch(r, cmds)
		if err != nil {
			return nil, err
		}
		for i, p := range chunk {
			raw, err := results[2*i].ToString()
			if rueidis.IsRedisNil(err) {
				updates = append(updates, blockUpdate{prefix: p})
				continue
			}
			life, lifeErr := results[2*i+1].AsInt64()
			if err != nil || lifeErr != nil {
				continue // of another type: not ours
			}
			if state, err := decodeState(p, raw); err == nil {
				updates = append(updates, blockUpdate{p, state, expiry(asked, life)})
			}
		}
	}
	return updates, nil
}

// batch sends commands together and fails if one could not be carried out, but
// for a key that holds something of another type.
func (s *Blocks) batch(r rueidis.Client, cmds rueidis.Commands) ([]rueidis.RedisResult, error) {
	ctx, cancel := context.WithTimeout(s.ctx, answerWait)
	defer cancel()
	results := r.DoMulti(ctx, cmds...)
	for _, result := range results {
		if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) && !isWrongType(err) {
			return nil, err
		}
	}
	return results, nil
}

func isWrongType(err error) bool {
	reply, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(reply.Error(), "WRONGTYPE")
}

// readNews reads what was told to have changed.
func (s *Blocks) readNews(r rueidis.Client, news *changes) error {
	keys, lost := news.take()
	if lost {
		return errLost
	}
	return s.readChanged(r, keys)
}

// giveBack tells Redis what is owed to it. Redis keeps what it has that is
// newer. What it refuses, as when it is out of memory, stays owed, and refused
// is the reason for the last of that.
//
// It hears the news in between: when all nodes give back at once, what another
// has given is owed no more.
func (s *Blocks) giveBack(r rueidis.Client, news *changes) (refused, err error) {
	s.mu.Lock()
	owed := slices.Collect(maps.Keys(s.owed))
	s.mu.Unlock()
	for chunk := range slices.Chunk(owed, blockBatch) {
		if err := s.readNews(r, news); err != nil {
			return nil, err
		}
		prefixes, calls := s.calls(chunk)
		asked := time.Now()
		results := s.evalAll(r, calls)
		updates := make([]blockUpdate, 0, len(results))
		for i, result := range results {
			u, _, err := readAnswer(prefixes[i], result, asked)
			if err != nil {
				refused = fmt.Errorf("redis: %w: hand over the block of %v: %w", gatehouse.ErrUnavailable, prefixes[i], err)
				continue
			}
			updates = append(updates, u)
		}
		s.apply(updates)
		if len(updates) == 0 && len(results) > 0 {
			break // the others will fare no better
		}
	}
	return refused, nil
}

// evalAll runs the script many times, in one round trip or two.
func (s *Blocks) evalAll(r rueidis.Client, calls []invocation) []rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(s.ctx, answerWait)
	defer cancel()
	cmds := make(rueidis.Commands, len(calls))
	for i, call := range calls {
		cmds[i] = blockScript.byHash(r, call)
	}
	results := r.DoMulti(ctx, cmds...)
	var again []int
	cmds = cmds[:0]
	for i := range results {
		if unknownScript(results[i].Error()) {
			again = append(again, i)
			cmds = append(cmds, blockScript.byText(r, calls[i]))
		}
	}
	for i, result := range r.DoMulti(ctx, cmds...) {
		results[again[i]] = result
	}
	return results
}

// calls makes the calls that tell what is known about prefixes. What has
// expired is owed no more.
func (s *Blocks) calls(prefixes []netip.Prefix) (about []netip.Prefix, calls []invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, p := range prefixes {
		e := s.entries[p]
		if _, owed := s.owed[p]; !owed || e == nil {
			continue
		}
		change, err := e.change(now)
		if err != nil || change.known == "" && change.want == "" {
			delete(s.owed, p)
			continue
		}
		about = append(about, p)
		calls = append(calls, s.client.blockCall(p, change))
	}
	return about, calls
}
