package iplist

import (
	"iter"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"github.com/fluxstudio/gatehouse"
)

// Set is a set of addresses, kept as the fewest networks that make it up. It
// does not change, and is safe for concurrent use. The zero Set is empty.
type Set struct {
	table bart.Lite
}

// NewSet returns the set of all addresses in the given networks. IPv4 networks
// that are mapped into IPv6 are taken as IPv4; invalid prefixes are left out.
func NewSet(prefixes iter.Seq[netip.Prefix]) *Set {
	s := new(Set)
	for p := range prefixes {
		s.table.Insert(gatehouse.CleanPrefix(p))
	}
	s.table.Aggregate()
	return s
}

// Of returns the set of all addresses in the given networks.
func Of(prefixes ...netip.Prefix) *Set { return NewSet(slices.Values(prefixes)) }

// Contains reports whether ip is in the set. A mapped address is taken as IPv4,
// and a zone is ignored. It allocates nothing.
func (s *Set) Contains(ip netip.Addr) bool { return s.table.Contains(gatehouse.CleanAddr(ip)) }

// Covers reports whether all addresses of a network are in the set. An invalid
// prefix is not covered.
func (s *Set) Covers(p netip.Prefix) bool { return s.table.LookupPrefix(gatehouse.CleanPrefix(p)) }

// Network returns the network of the set that contains ip, and whether there is
// one. It may be wider than any that the set was made of.
func (s *Set) Network(ip netip.Addr) (netip.Prefix, bool) {
	ip = gatehouse.CleanAddr(ip)
	return s.table.LookupPrefixLPM(netip.PrefixFrom(ip, ip.BitLen()))
}

// Len returns how many networks make up the set.
func (s *Set) Len() int { return s.table.Size() }

// All yields the networks that make up the set: the fewest that do, disjoint,
// IPv4 first and in order of their addresses.
func (s *Set) All() iter.Seq[netip.Prefix] { return s.table.AllSorted() }

// List is the Set in force. It is safe for concurrent use: readers take no lock,
// and each call sees one whole Set. The zero List is empty.
type List struct {
	set atomic.Pointer[Set]
}

var empty Set

// NewList returns a List with s in force.
func NewList(s *Set) *List {
	l := new(List)
	l.Swap(s)
	return l
}

// Load returns the Set in force.
func (l *List) Load() *Set {
	if s := l.set.Load(); s != nil {
		return s
	}
	return &empty
}

// Swap puts s in force; nil is the empty Set.
func (l *List) Swap(s *Set) { l.set.Store(s) }

// Contains reports whether ip is in the Set in force. It allocates nothing.
func (l *List) Contains(ip netip.Addr) bool { return l.Load().Contains(ip) }
