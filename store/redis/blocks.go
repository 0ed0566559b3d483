package redis

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Blocks = (*Blocks)(nil)

// Blocks keeps the blocks of all nodes in Redis, and a copy of all of them in
// this process, which answers Blocked and List. Redis's client-side caching
// (CLIENT TRACKING in broadcasting mode) tells within milliseconds which blocks
// were changed by other nodes.
//
// # While Redis cannot be asked
//
// What was blocked stays blocked: Blocked and List go on from the copy. Place
// holds the block on this node, returns an error that wraps
// gatehouse.ErrUnavailable, and hands the block to Redis once it is back. Lift
// changes nothing and returns such an error, because it could not reach the
// other nodes; nor is it made up for later.
//
// When Redis comes back without its data, or with old data, the nodes give it
// theirs back. A block that was lifted meanwhile stays lifted: Lift leaves a
// mark in Redis, and the nodes give back marks as well as blocks. Only where
// Redis and every node that knew of a lift have lost their memory can a node
// that did not know bring the block back. So a block is removed from Redis by
// Lift, and by nothing else: a deleted key comes back.
//
// Before the first synchronisation only what was placed here is known: see
// BlocksOptions.OnState.
//
// # Keys
//
//	<prefix>:block:{<bucket>}<network>   {"v":1,"rev":...,"id":...,"ends":...,"block":{...}}, or
//	                                     {"v":1,"rev":...,"id":...,"lifted":true}
//	<prefix>:blocks:{<bucket>}           a sorted set of the networks of one bucket, by when their keys expire
//
// The bucket is two hexadecimal digits of a hash of the network, which spreads
// the blocks over a Cluster. A key expires by itself: it lives for as long as
// its block lasts (Until less Created) and ten minutes, so that it is the
// caller's clock that ends a block. A block without an end has a key without
// one, until it is lifted; then it expires after 30 days. "rev" is at least the
// server's clock in milliseconds, and rises with each change.
//
// A value of a later version is left alone, and the block in it is unknown here.
//
// Blocks is safe for concurrent use. Blocked takes no lock, allocates nothing
// and ignores the context. IPv4 networks mapped into IPv6 are taken as IPv4;
// other IPv6 networks cover IPv6 addresses only.
type Blocks struct {
	client *Client
	table  *blockTable

	mu      sync.Mutex // held by writers
	entries map[netip.Prefix]*blockEntry
	owed    map[netip.Prefix]struct{} // of which Redis knows less than this node

	reporting sync.Mutex
	state     error
	onState   func(error)

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// BlocksOptions are the options of Blocks. The zero value is ready for use.
type BlocksOptions struct {
	// OnState is told of each change between being synchronised with Redis,
	// which is nil, and the reason for not being so. The start is not
	// synchronised. Calls come one at a time, and one that waits holds up the
	// synchronisation. Default: nobody is told.
	OnState func(error)
}

// errNotYet is the state of Blocks before the first synchronisation.
var errNotYet = fmt.Errorf("redis: %w: not synchronised yet", gatehouse.ErrUnavailable)

// NewBlocks returns the blocks of the Redis behind c, and begins to follow
// them. Close it before c.
func NewBlocks(c *Client, o BlocksOptions) *Blocks {
	s := &Blocks{
		client:  c,
		table:   newBlockTable(),
		entries: map[netip.Prefix]*blockEntry{},
		owed:    map[netip.Prefix]struct{}{},
		state:   errNotYet,
		onState: o.OnState,
	}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	s.wg.Go(s.run)
	return s
}

// Close ends what runs in the background: the copy is not kept up to date any
// more. OnState is not told.
func (s *Blocks) Close() error {
	s.cancel()
	s.wg.Wait()
	s.reporting.Lock()
	defer s.reporting.Unlock()
	s.state = fmt.Errorf("%w: %w", gatehouse.ErrUnavailable, errClosed)
	return nil
}

// State returns nil while this node sees what the others do, and otherwise the
// reason.
func (s *Blocks) State() error {
	s.reporting.Lock()
	defer s.reporting.Unlock()
	return s.state
}

// Place implements gatehouse.Blocks, in one round trip. A block without an end
// ends last; of two that end at once the earlier one stays. An invalid prefix
// is an error.
//
// An error that wraps gatehouse.ErrUnavailable comes with the block that is in
// force on this node: the one to be placed, or one that ends no earlier.
func (s *Blocks) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	b = b.Clean()
	if !b.Prefix.IsValid() {
		return gatehouse.Block{}, errors.New("redis: a block without a valid prefix")
	}
	want, err := wish(b)
	if err != nil {
		return gatehouse.Block{}, fmt.Errorf("redis: %w", err)
	}
	if err = s.handOver(ctx, b.Prefix); err == nil {
		c := s.known(b.Prefix)
		c.want, c.wantFor = want, lifeOf(b)
		var now blockState
		if now, _, err = s.change(ctx, b.Prefix, c); err == nil {
			return *now.Block, nil
		}
	}
	if !errors.Is(err, gatehouse.ErrUnavailable) {
		err = fmt.Errorf("%w: %w", gatehouse.ErrUnavailable, err)
	}
	return s.hold(b), fmt.Errorf("the block of %v holds on this node only, for now: %w", b.Prefix, err)
}

// Lift implements gatehouse.Blocks, in one round trip. A block that has ended is
// not found. On any other error the block may have been lifted or not; if it
// has, that is seen in a moment.
func (s *Blocks) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	prefix = gatehouse.CleanPrefix(prefix)
	if !prefix.IsValid() {
		return gatehouse.Block{}, errors.New("redis: a prefix that is not valid")
	}
	if err := s.handOver(ctx, prefix); err != nil {
		return gatehouse.Block{}, err
	}
	c := s.known(prefix)
	c.lift, c.at = true, at.UnixMicro()
	_, lifted, err := s.change(ctx, prefix, c)
	if err != nil {
		return gatehouse.Block{}, err
	}
	if lifted == nil {
		return gatehouse.Block{}, fmt.Errorf("redis: block of %v: %w", prefix, gatehouse.ErrNotFound)
	}
	return *lifted, nil
}

// Blocked implements gatehouse.Blocks. It never fails.
func (s *Blocks) Blocked(_ context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	b := s.table.covering(gatehouse.CleanAddr(ip))
	if b == nil || !b.ActiveAt(at) {
		return gatehouse.Block{}, false, nil
	}
	return *b, true, nil
}

// List implements gatehouse.Blocks: IPv4 first, then by address, the wider
// network before those in it. It never fails and asks nobody.
func (s *Blocks) List(_ context.Context, at time.Time) ([]gatehouse.Block, error) {
	list := []gatehouse.Block{}
	for b := range s.table.all {
		if b.ActiveAt(at) {
			list = append(list, *b)
		}
	}
	return list, nil
}
