package redis

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	// blockVersion is the version of the values. One of a later version is
	// neither read nor changed.
	blockVersion = 1
	// keptFor is how much longer than its block a key lives, so that nodes
	// whose clocks differ or step back still find it.
	keptFor = 10 * time.Minute
	// liftedFor is how long it is remembered that a permanent block was
	// lifted. Of any other it is remembered until it would have ended.
	liftedFor = 30 * 24 * time.Hour
	// A value that is longer is not one of ours: a block is cut to 64
	// accounts and each text to gatehouse.MaxText.
	maxBlockValue = 256 << 10
)

// blockState is what Redis holds about a prefix: a block, or the mark that it
// was lifted. Of two states the one of the higher revision is the newer.
type blockState struct {
	Version  int              `json:"v"`
	Revision int64            `json:"rev"` // at least the server's clock, in ms since 1970
	ID       string           `json:"id"`
	Ends     int64            `json:"ends,omitzero"` // of a block, in us since 1970; 0 never
	Lifted   bool             `json:"lifted,omitempty"`
	Block    *gatehouse.Block `json:"block,omitempty"`
}

// wish is a state to be, without the head that the script puts before it.
func wish(b gatehouse.Block) (string, error) {
	ends := int64(0)
	if !b.Until.IsZero() {
		ends = b.Until.UnixMicro()
	}
	text, err := json.Marshal(struct {
		ID    string          `json:"id"`
		Ends  int64           `json:"ends"`
		Block gatehouse.Block `json:"block"`
	}{b.ID, ends, b})
	if err != nil {
		return "", err
	}
	return string(text[1 : len(text)-1]), nil
}

func (s blockState) encode() string {
	if s.Revision == 0 {
		return ""
	}
	text, err := json.Marshal(struct {
		blockState
		Ends int64 `json:"ends"`
	}{s, s.Ends})
	if err != nil {
		return "" // cannot be: it was clean when it was read
	}
	return string(text)
}

var errBlockValue = errors.New("not a value of this version of Gatehouse")

// decodeState reads a value, which anybody who reaches the server may have
// written.
func decodeState(p netip.Prefix, raw string) (blockState, error) {
	var s blockState
	if len(raw) > maxBlockValue {
		return s, errBlockValue
	}
	if err := json.Unmarshal([]byte(raw), &s); err != nil || s.Version != blockVersion {
		return s, errBlockValue
	}
	if s.Revision <= 0 || s.Revision >= 1<<53 || s.Lifted == (s.Block != nil) {
		return s, errBlockValue
	}
	if s.Block != nil {
		b := s.Block.Clean()
		if b.Prefix != p {
			return s, errBlockValue
		}
		s.Block = &b
	}
	return s, nil
}

// lifeOf is how long the key of a block lives from now on. It is the length of
// the block, not what is left of it until its end: that is for whoever asks to
// judge, by their own clock.
func lifeOf(b gatehouse.Block) time.Duration {
	if b.Until.IsZero() {
		return permanent
	}
	length := max(b.Until.Sub(b.Created), 0)
	if length > math.MaxInt64-keptFor {
		return permanent
	}
	return length + keptFor
}

// blockEntry is what this node knows about a prefix.
type blockEntry struct {
	state blockState // what Redis was last seen to hold; revision 0 is nothing
	gone  time.Time  // when its key expires; zero is never
	// own was placed here while Redis could not be asked, and is to be placed
	// there.
	own *gatehouse.Block
}

// inForce is the block that this node goes by: of two the one that ends last.
func (e *blockEntry) inForce() *gatehouse.Block {
	if e.own != nil && (e.state.Block == nil || endsAfter(e.own, e.state.Block)) {
		return e.own
	}
	return e.state.Block
}

// settled reports whether a state says what has become of a block that this
// node may or may not have placed: it stands, one that ends no earlier stands,
// or it was lifted.
func (s blockState) settled(own *gatehouse.Block) bool {
	if s.Lifted {
		return s.ID == own.ID
	}
	return s.Block != nil && !endsAfter(own, s.Block)
}

// change is what tells Redis all that this node knows.
func (e *blockEntry) change(now time.Time) (blockChange, error) {
	c := blockChange{known: e.state.encode(), knownFor: permanent}
	if !e.gone.IsZero() {
		c.knownFor = e.gone.Sub(now)
	}
	if c.knownFor != permanent && c.knownFor < time.Millisecond {
		c.known, c.knownFor = "", 0
	}
	if e.own == nil {
		return c, nil
	}
	want, err := wish(*e.own)
	c.want, c.wantFor, c.again = want, lifeOf(*e.own), true
	return c, err
}

// The names of keys. What stands in braces is a bucket, so that a block and the
// index that lists it are in one slot of a Cluster.
const blockBuckets = 256

func (c *Client) blockKeys() string { return c.prefix + ":block:" }

func (c *Client) blockKey(p netip.Prefix) string {
	return c.blockKeys() + "{" + bucketOf(p) + "}" + p.String()
}

// blockCall is a run of the script about a prefix.
func (c *Client) blockCall(p netip.Prefix, change blockChange) invocation {
	return invocation{[]string{c.blockKey(p), c.blockIndex(bucketOf(p))}, change.args()}
}

func (c *Client) blockIndex(bucket string) string { return c.prefix + ":blocks:{" + bucket + "}" }

// bucketOf spreads prefixes over the buckets, by FNV-1a.
func bucketOf(p netip.Prefix) string {
	h := uint32(2166136261)
	for _, b := range p.Addr().AsSlice() {
		h = (h ^ uint32(b)) * 16777619
	}
	h = (h ^ uint32(p.Bits())) * 16777619
	return bucketName(int(h>>24 ^ h>>16&0xff ^ h>>8&0xff ^ h&0xff))
}

func bucketName(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>4&15], digits[i&15]})
}

// prefixOf reads a prefix from the name of its key.
func (c *Client) prefixOf(key string) (netip.Prefix, bool) {
	name, ok := strings.CutPrefix(key, c.blockKeys())
	if !ok || len(name) < 5 {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(name[4:])
	return p, err == nil && p == gatehouse.CleanPrefix(p) && key == c.blockKey(p)
}
