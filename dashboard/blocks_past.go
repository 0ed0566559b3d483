package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// What the page of past blocks shows, and at how many records it looks for that and
// for what became of the blocks.
const (
	pastShown  = 50
	pastLooked = 500
	endsLooked = 1000
)

// pastBlocks is what the security log says about blocks, newest first.
type pastBlocks struct {
	Search search
	Rows   []pastBlock
	Newer  bool   // this is not the first page
	Older  string // the address of the next page; empty: there is none
	First  string // the address of the first page
}

// pastBlock is one record: a block that was placed, or one that was lifted.
type pastBlock struct {
	gatehouse.Record
	Lifted bool
	// Fate is what became of a block that was placed.
	Fate fate
}

// fate is what became of a block.
type fate struct {
	Word string // in force, lifted, ended, replaced or over
	At   time.Time
	By   string // who lifted or replaced it, if that is known
}

var blockKinds = []gatehouse.Kind{gatehouse.IPAddressBlocked, gatehouse.IPAddressUnblocked}

func (s *Server) pastBlocksPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	q := r.URL.Query()
	p := pastBlocks{Search: searchOf(q), Newer: q.Get("after") != ""}
	status := http.StatusOK
	if p.Search.Problem != "" {
		status = http.StatusUnprocessableEntity
	} else if err := s.readPast(r.Context(), &p, q.Get("after")); err != nil {
		return err
	}
	p.First = "/blocks/past"
	if p.Search.Text != "" {
		p.First += "?" + url.Values{"q": {p.Search.Text}}.Encode()
	}
	return s.show(w, r, v, status, "blocks_past", page{Title: "Past blocks", Section: "/blocks", Data: p})
}

// readPast reads one page, from behind a record on.
func (s *Server) readPast(ctx context.Context, p *pastBlocks, after string) error {
	if len(after) > maxID {
		return errNoPage
	}
	query := gatehouse.Query{Kinds: blockKinds, Prefix: around(p.Search.Network), After: after, Limit: pastLooked}
	looked, last := 0, ""
	for r, err := range s.Log.Query(ctx, query) {
		if errors.Is(err, gatehouse.ErrNotFound) {
			return errNoPage
		}
		if err != nil {
			return err
		}
		if len(p.Rows) == pastShown {
			looked = pastLooked // there is at least one more
			break
		}
		looked, last = looked+1, r.ID
		if r.Block != nil && p.Search.selects(r.Block.Prefix) {
			p.Rows = append(p.Rows, pastBlock{Record: r, Lifted: r.Kind == gatehouse.IPAddressUnblocked})
		}
	}
	if looked == pastLooked {
		to := url.Values{"after": {last}}
		if p.Search.Text != "" {
			to.Set("q", p.Search.Text)
		}
		p.Older = "/blocks/past?" + to.Encode()
	}
	return s.tellFates(ctx, p.Rows)
}

var errNoPage = httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "This page begins behind a record that is not there, or not any more. Begin with the first page."}

// around is in which network records are looked for: a block is recorded under its
// first address, so one that covers what is looked for begins before it. It is that
// wide so that stores go through the records about blocks, of which there are fewer
// than of an attacking network. Blocks of wider ones are not found.
func around(p netip.Prefix) netip.Prefix {
	const most4, most6 = 15, 31
	most := most4
	if p.Addr().Is6() {
		most = most6
	}
	if !p.IsValid() || p.Bits() <= most {
		return p
	}
	return netip.PrefixFrom(p.Addr(), most).Masked()
}

// tellFates fills in what became of the blocks that were placed.
func (s *Server) tellFates(ctx context.Context, rows []pastBlock) error {
	if len(rows) == 0 {
		return nil
	}
	now := s.Now()
	inForce := lookup{blocks: s.Blocks, at: now}
	newer := map[netip.Prefix]*gatehouse.Block{} // of the rows before
	lifted := map[string]gatehouse.Record{}      // by the block
	oldest := rows[len(rows)-1].Time
	ends := gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}, Since: oldest, Limit: endsLooked}
	for r, err := range s.Log.Query(ctx, ends) {
		if err != nil {
			return err
		}
		if r.Block != nil {
			lifted[r.Block.ID] = r
		}
	}
	for i := range rows {
		row := &rows[i]
		if row.Lifted {
			continue
		}
		b := row.Block
		held, found, err := inForce.of(ctx, b.Prefix)
		if err != nil {
			return err
		}
		end, known := lifted[b.ID]
		next := newer[b.Prefix]
		newer[b.Prefix] = b
		switch {
		case found && held.ID == b.ID:
			row.Fate = fate{Word: "in force", At: b.Until}
		case known:
			row.Fate = fate{Word: "lifted", At: end.Time, By: end.Block.By}
		case next != nil && next.ID != b.ID && (b.Until.IsZero() || next.Created.Before(b.Until)):
			row.Fate = fate{Word: "replaced", At: next.Created, By: next.By}
		case found && held.Created.After(b.Created): // by which one is on a page before
			row.Fate = fate{Word: "replaced"}
		case !b.Until.IsZero() && !b.Until.After(now):
			row.Fate = fate{Word: "ended", At: b.Until}
		default:
			row.Fate = fate{Word: "over"}
		}
	}
	return nil
}

// lookup finds the blocks of many networks, and lists all blocks at most once for it.
type lookup struct {
	blocks gatehouse.Blocks
	at     time.Time
	all    []gatehouse.Block
	listed bool
}

// of returns the block in force of exactly a network.
func (l *lookup) of(ctx context.Context, network netip.Prefix) (gatehouse.Block, bool, error) {
	b, found, err := l.blocks.Blocked(ctx, network.Addr(), l.at)
	if err != nil || !found || b.Prefix == network {
		return b, found, err
	}
	if !l.listed { // a wider or narrower one ends later
		if l.all, err = l.blocks.List(ctx, l.at); err != nil {
			return b, false, err
		}
		l.listed = true
	}
	i, found := slices.BinarySearchFunc(l.all, network, func(b gatehouse.Block, p netip.Prefix) int { return b.Prefix.Compare(p) })
	if !found {
		return gatehouse.Block{}, false, nil
	}
	return l.all[i], true, nil
}
