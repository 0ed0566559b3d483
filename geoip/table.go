package geoip

import (
	"fmt"
	"net/netip"

	"github.com/fluxstudio/gatehouse"
	"github.com/gaissmai/bart"
)

// Networks is a table of networks whose places the operator knows, private ones
// included. It never changes and is safe for concurrent use.
type Networks struct{ table *bart.Table[gatehouse.Place] }

var _ gatehouse.Places = (*Networks)(nil)

// NewNetworks makes a table. Prefixes are masked and unmapped; of two that
// overlap the longer one counts. It returns an error for an invalid prefix.
func NewNetworks(places map[netip.Prefix]gatehouse.Place) (*Networks, error) {
	n := &Networks{table: new(bart.Table[gatehouse.Place])}
	for prefix, place := range places {
		ip := prefix.Addr()
		if ip.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(ip.Unmap(), prefix.Bits()-96)
		}
		if !prefix.IsValid() {
			return nil, fmt.Errorf("geoip: invalid prefix for %.60q: write 10.1.0.0/16 or 2001:db8::/32", place.Country+" "+place.City)
		}
		n.table.Insert(prefix.Masked(), place)
	}
	return n, nil
}

// Place returns the place of the narrowest network that holds ip, or the zero
// Place.
func (n *Networks) Place(ip netip.Addr) gatehouse.Place {
	ip = ip.Unmap()
	if !ip.IsValid() {
		return gatehouse.Place{}
	}
	place, _ := n.table.Lookup(ip)
	return place
}

// Chain asks sources in their order and returns the first known place. The
// network's operator is taken from the first source that names one, so that an
// ASN database can stand beside a City one.
func Chain(sources ...gatehouse.Places) gatehouse.Places { return chain(sources) }

type chain []gatehouse.Places

func (c chain) Place(ip netip.Addr) gatehouse.Place {
	var found gatehouse.Place
	for _, source := range c {
		p, network := source.Place(ip), found.Network
		if network == "" {
			network = p.Network
		}
		if !found.Known() {
			found = p
		}
		found.Network = network
		if found.Known() && network != "" {
			break
		}
	}
	return found
}
