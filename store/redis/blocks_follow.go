package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

const (
	beatEvery  = 500 * time.Millisecond
	answerWait = time.Second      // for the answers to a batch
	pruneEvery = 30 * time.Second // what has expired
)

// run follows Redis until Close, connecting anew whenever it is lost.
func (s *Blocks) run() {
	for pause := leastPause; s.ctx.Err() == nil; pause = min(2*pause, mostPause) {
		synchronised, err := s.follow()
		if synchronised {
			pause = leastPause
		}
		if s.ctx.Err() != nil {
			return
		}
		s.report(fmt.Errorf("redis: %w: not synchronised: %w", gatehouse.ErrUnavailable, err))
		wait(s.ctx, pause/2+rand.N(pause))
	}
}

var (
	errLost    = errors.New("the connection that tells of changes was lost")
	errChanged = errors.New("the servers of the Cluster have changed")
)

// follow connects, reads everything and then what changes. It returns when it
// cannot be sure any more to hear of each change, which only a new connection
// and reading everything again makes good.
func (s *Blocks) follow() (synchronised bool, err error) {
	news := newChanges()
	r, hangUp, err := s.connect(news)
	if err != nil {
		return false, err
	}
	defer hangUp()
	servers, err := s.beat(r, nil)
	if err != nil {
		return false, err
	}
	// A change from now on is either seen by what is read or in the news.
	if err := s.readAll(r); err != nil {
		return false, err
	}
	refused, err := s.giveBack(r, news)
	if err != nil {
		return false, err
	}
	s.report(refused)
	beat, prune := time.NewTicker(beatEvery), time.NewTicker(pruneEvery)
	defer beat.Stop()
	defer prune.Stop()
	var beating chan error // nil between beats
	for {
		select {
		case <-s.ctx.Done():
			return true, errClosed
		case <-news.wake:
			err = s.readNews(r, news)
		case <-beat.C:
			if beating == nil { // or a server that is no master takes long
				beating = make(chan error, 1)
				s.wg.Go(func() {
					_, err := s.beat(r, servers)
					beating <- err
				})
			}
		case err = <-beating:
			if beating = nil; err != nil {
				break
			}
			if refused, err = s.giveBack(r, news); err == nil {
				s.report(refused)
			}
		case now := <-prune.C:
			s.prune(now)
		}
		if err != nil {
			return true, err
		}
	}
}

// connect returns a client of its own, each connection of which tells news of
// every change.
func (s *Blocks) connect(news *changes) (r rueidis.Client, hangUp func(), err error) {
	return s.client.another(s.ctx, func(o *rueidis.ClientOption) {
		o.DisableCache = false
		o.ClientTrackingOptions = []string{"PREFIX", s.client.blockKeys(), "BCAST"}
		o.OnInvalidations = news.add
	})
}

// beat asks every server for a sign of life, and so keeps a connection to each.
// It fails when a master that was there before does not answer, is another
// connection or no master any more, or when there is a new one. It returns the
// masters, with the IDs of the connections.
func (s *Blocks) beat(r rueidis.Client, before map[string]int64) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(s.ctx, answerWait)
	defer cancel()
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		masters = map[string]int64{}
		failure error
	)
	for address, node := range r.Nodes() {
		wg.Go(func() {
			role, id, err := hello(ctx, node)
			mu.Lock()
			defer mu.Unlock()
			_, was := before[address]
			if err != nil && (was || before == nil) {
				failure = err
			}
			if err == nil && role == "master" {
				masters[address] = id
			}
		})
	}
	wg.Wait()
	switch {
	case before == nil && len(masters) > 0:
		return masters, nil // what else is needed is seen by reading
	case failure != nil:
		return nil, failure
	case before == nil || !maps.Equal(before, masters):
		return nil, errChanged
	}
	return masters, nil
}

// hello returns the role of a server and the ID of the connection to it. Unlike
// ROLE and INFO, any user may ask.
func hello(ctx context.Context, node rueidis.Client) (role string, id int64, err error) {
	answer, err := node.Do(ctx, node.B().Arbitrary("HELLO", "3").Build()).AsMap()
	if err != nil {
		return "", 0, err
	}
	roleField, idField := answer["role"], answer["id"]
	role, err = roleField.ToString()
	if err != nil {
		return "", 0, err
	}
	id, err = idField.ToInt64()
	return role, id, err
}

// report tells of a change of state.
func (s *Blocks) report(err error) {
	s.reporting.Lock()
	was := s.state
	s.state = err
	s.reporting.Unlock()
	if s.onState != nil && (was == nil) != (err == nil) {
		s.onState(err)
	}
}

// changes collects what was told to have changed since it was last asked.
type changes struct {
	wake chan struct{}

	mu   sync.Mutex
	keys map[string]struct{}
	lost bool // and what has changed is not known
}

// maxChanges is from how many changes on everything is read again instead.
const maxChanges = 1 << 18

func newChanges() *changes {
	return &changes{wake: make(chan struct{}, 1), keys: map[string]struct{}{}}
}

// add is what rueidis calls when keys have changed, and with nil when all may
// have, or a connection was lost.
func (c *changes) add(keys []rueidis.RedisMessage) {
	c.mu.Lock()
	for _, k := range keys {
		if name, err := k.ToString(); err == nil {
			c.keys[name] = struct{}{}
		}
	}
	if keys == nil || len(c.keys) > maxChanges {
		c.lost = true
		clear(c.keys)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *changes) take() (keys []string, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys = slices.Collect(maps.Keys(c.keys))
	clear(c.keys)
	return keys, c.lost
}
