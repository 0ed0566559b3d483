package sql

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/fluxstudio/gatehouse"
)

// position is a place in the log, which is read from the newest to the oldest.
type position struct{ time, seq int64 }

// selection is a query of the log as SQL. It walks one index backwards, or
// several side by side, each of which yields its records in order of time; so a
// page costs what it yields, however long the log is. Only a network of
// addresses is an index range in which the page has to be looked for.
//
// What does not choose the index only filters. It is written so that no planner
// takes it for a reason to use another one.
type selection struct {
	prefix netip.Prefix
	size   int // of a page
	args   []any
	legs   []string // conditions, each of which walks an index
	filter string
	bounds []any  // first and last address of the network whose range is walked
	within string // that range, as a filter
}

// Sizes of pages.
const (
	shortPage = 256
	longPage  = 1024
)

// dense is how many records a network may have for its range to be walked. Of one
// that has more, walking the log by time comes across a page soon.
const dense = 20_000

func newSelection(q gatehouse.Query) *selection {
	s := &selection{size: shortPage}
	if q.Prefix.IsValid() {
		s.prefix = gatehouse.CleanPrefix(q.Prefix)
	}
	if !q.Since.IsZero() {
		s.filter = " AND time >= " + s.arg(micros(q.Since))
	}

	// The first of these that is given walks; the others filter.
	if q.Finding != "" {
		s.legs = []string{"finding_id = " + s.arg(q.Finding)}
	}
	if q.Correlation != "" {
		if correlation := s.arg(q.Correlation); s.legs == nil {
			s.legs = []string{"correlation_id = " + correlation}
		} else {
			s.filter += " AND correlation_id || '' = " + correlation
		}
	}
	if q.User != "" {
		user := s.arg(q.User)
		if s.legs == nil {
			s.legs = []string{"user_id = " + user, "account = " + user} // a record may be of both
		} else {
			s.filter += " AND (user_id || '' = " + user + " OR account || '' = " + user + ")"
		}
	}
	if s.prefix.IsValid() {
		s.network()
	}
	if len(q.Kinds) > 0 {
		s.kinds(q.Kinds)
	}
	if s.legs == nil {
		s.legs = []string{"time IS NOT NULL"}
	}
	if q.Limit > 0 {
		s.size = min(s.size, q.Limit)
	}
	return s
}

// network selects addresses. A wide network holds much of the log, which is
// then walked by time.
func (s *selection) network() {
	lo, hi := bounds(s.prefix)
	wide := s.prefix.Bits() < 32
	if s.prefix.Addr().Is4() {
		wide = s.prefix.Bits() < 16
	}
	if s.legs == nil && s.prefix.IsSingleIP() {
		s.legs = []string{"ip = " + s.arg(lo)}
		return
	}
	first, last := s.arg(lo), s.arg(hi)
	within := " AND NOT (ip < " + first + " OR ip > " + last + ")"
	if s.legs != nil || wide {
		s.filter += within
		return
	}
	s.legs = []string{"ip >= " + first + " AND ip <= " + last}
	s.bounds, s.within = []any{lo, hi}, within
	s.size = longPage // as each searches the whole range
}

// countText counts the records in the range that is walked, up to dense.
var countText = fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM security_log WHERE ip >= $1 AND ip <= $2 LIMIT %d) AS found", dense)

// byTime has the log walked by time in place of the network's range.
func (s *selection) byTime() {
	s.filter += s.within
	s.legs = []string{"time IS NOT NULL"}
	s.size = min(s.size, shortPage)
}

func (s *selection) kinds(kinds []gatehouse.Kind) {
	seen := map[gatehouse.Kind]bool{}
	var args []string
	for _, k := range kinds {
		if !seen[k] {
			seen[k] = true
			args = append(args, s.arg(string(k)))
		}
	}
	if s.legs != nil {
		s.filter += " AND kind || '' IN (" + strings.Join(args, ", ") + ")"
		return
	}
	for _, arg := range args {
		s.legs = append(s.legs, "kind = "+arg)
	}
}

func (s *selection) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

// page returns the statement that reads the records after from.
func (s *selection) page(from position) (string, []any) {
	n := len(s.args)
	args := append(s.args[:n:n], from.time, from.seq, s.size)
	var b strings.Builder
	b.WriteString("SELECT seq, " + columns + " FROM (")
	for i, leg := range s.legs {
		if i > 0 {
			b.WriteString(" UNION ")
		}
		fmt.Fprintf(&b, "SELECT at, nr FROM (SELECT time AS at, seq AS nr FROM security_log WHERE %s%s"+
			" AND time <= $%d AND (time < $%d OR seq < $%d) ORDER BY time DESC, seq DESC LIMIT $%d) AS leg%d",
			leg, s.filter, n+1, n+1, n+2, n+3, i)
	}
	fmt.Fprintf(&b, " ORDER BY at DESC, nr DESC LIMIT $%d) AS page JOIN security_log ON seq = nr ORDER BY at DESC, nr DESC", n+3)
	return b.String(), args
}

// covers reports whether an address that the statement let through is in the
// network asked for. IPv6 networks that hold ::ffff:0:0/96 let IPv4 through.
func (s *selection) covers(ip netip.Addr) bool {
	return !s.prefix.IsValid() || s.prefix.Contains(ip)
}

// bounds returns the first and the last address of p as they are stored.
func bounds(p netip.Prefix) (lo, hi []byte) {
	first := p.Addr().As16()
	last := first
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return first[:], last[:]
}
