package sql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Blocks = (*Store)(nil)

// forever is the expiry of a block that holds until it is lifted.
const forever = math.MaxInt64

const blockColumns = "id, network, reason, rule_name, placed_by, finding_id, accounts, created, expires"

// Place adds b, durably. Where its prefix has a block already, the one that
// ends later stands (a permanent one ends last; of two that end together, the
// earlier placed), and the other becomes history. An invalid prefix is an
// error.
func (s *Store) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	b = b.Clean()
	if !b.Prefix.IsValid() {
		return gatehouse.Block{}, errors.New("sql: a block without a valid prefix")
	}
	network, ends := b.Prefix.String(), int64(forever)
	if !b.Until.IsZero() {
		ends = micros(b.Until)
	}
	return change(ctx, s, lockNetwork(network), func(ctx context.Context, h *handle) (gatehouse.Block, error) {
		standing, err := one(ctx, h, scanBlock, "SELECT "+blockColumns+` FROM blocks
			WHERE network = $1 AND removed IS NULL AND expires >= $2`, network, ends)
		if err == nil || !errors.Is(err, gatehouse.ErrNotFound) {
			return standing, err
		}
		if _, err := h.exec(ctx, "UPDATE blocks SET removed = $2 WHERE network = $1 AND removed IS NULL",
			network, micros(b.Created)); err != nil {
			return b, err
		}
		_, err = h.exec(ctx, "INSERT INTO blocks ("+blockColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			b.ID, network, b.Reason, b.Rule, b.By, b.Finding, strings.Join(b.Accounts, "\n"), micros(b.Created), ends)
		return b, err
	})
}

// Lift ends the block of exactly this prefix and returns it as it was, or
// gatehouse.ErrNotFound if none is in force at the instant at.
func (s *Store) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	network := gatehouse.CleanPrefix(prefix).String()
	return change(ctx, s, lockNetwork(network), func(ctx context.Context, h *handle) (gatehouse.Block, error) {
		return one(ctx, h, scanBlock, `UPDATE blocks SET removed = $2
			WHERE network = $1 AND removed IS NULL AND expires > $2 RETURNING `+blockColumns,
			network, micros(at))
	})
}

// Blocked returns the block in force at the instant at that covers ip and ends
// last. It costs a query with one index look-up for each length of prefix; put
// a cache in front of it where each request asks.
func (s *Store) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	ip = gatehouse.CleanAddr(ip)
	if !ip.IsValid() {
		return gatehouse.Block{}, false, nil
	}
	n := ip.BitLen() + 1
	args := make([]any, 0, n+1)
	for bits := range n {
		network, _ := ip.Prefix(bits)
		args = append(args, network.String())
	}
	text := fmt.Sprintf("SELECT %s FROM blocks WHERE network IN (%s) AND removed IS NULL AND expires > $%d ORDER BY expires DESC LIMIT 1",
		blockColumns, placeholders(1, n), n+1)
	b, err := look(ctx, s, func(ctx context.Context, h *handle) (gatehouse.Block, error) {
		return one(ctx, h, scanBlock, text, append(args, micros(at))...)
	})
	if errors.Is(err, gatehouse.ErrNotFound) {
		return gatehouse.Block{}, false, nil
	}
	return b, err == nil, err
}

// List returns the blocks in force at the instant at, in order of their
// prefixes.
func (s *Store) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	blocks, err := look(ctx, s, func(ctx context.Context, h *handle) ([]gatehouse.Block, error) {
		return all(ctx, h, scanBlock, "SELECT "+blockColumns+` FROM blocks
			WHERE removed IS NULL AND expires > $1`, micros(at))
	})
	slices.SortFunc(blocks, func(a, b gatehouse.Block) int { return a.Prefix.Compare(b.Prefix) })
	return blocks, err
}

func scanBlock(read scan) (gatehouse.Block, error) {
	var (
		b             gatehouse.Block
		network       string
		accounts      string // one a line: clean text has no line breaks
		created, ends int64
	)
	err := read(&b.ID, &network, &b.Reason, &b.Rule, &b.By, &b.Finding, &accounts, &created, &ends)
	if err != nil {
		return b, err
	}
	if accounts != "" {
		b.Accounts = strings.Split(accounts, "\n")
	}
	b.Created = fromMicros(created)
	if ends != forever {
		b.Until = fromMicros(ends)
	}
	b.Prefix, err = netip.ParsePrefix(network)
	return b, err
}
