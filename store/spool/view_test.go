package spool

import (
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// What changes while the store's list is read is known better here; all else is
// taken from the list, however much changes.
func TestViewLearnsWhileBlocksChange(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	of := func(id, ip string) gatehouse.Block {
		return gatehouse.Block{ID: id, Prefix: netip.PrefixFrom(netip.MustParseAddr(ip), 32), Created: at, Until: at.Add(time.Hour)}
	}
	lifted, replaced, elsewhere, gone := of("lifted", "192.0.2.1"), of("old", "192.0.2.2"), of("elsewhere", "192.0.2.3"), of("gone", "192.0.2.4")
	fresh, slow := of("new", "192.0.2.2"), of("slow", "192.0.2.5")
	v := newView()
	for _, b := range []gatehouse.Block{lifted, replaced, gone} {
		v.holds(b)
	}
	v.begin(slow.Prefix)
	since := v.read()
	v.begin(lifted.Prefix)
	delete(v.known, lifted.Prefix)
	v.end(lifted.Prefix)
	v.begin(fresh.Prefix)
	v.holds(fresh)
	v.end(fresh.Prefix)
	v.learn([]gatehouse.Block{lifted, replaced, elsewhere}, since)
	v.done()
	v.holds(slow)
	v.end(slow.Prefix)
	want := map[string]bool{"new": true, "elsewhere": true, "slow": true}
	for _, b := range v.knownList() {
		if !want[b.ID] {
			t.Errorf("known: %s", b.ID)
		}
		delete(want, b.ID)
	}
	if len(want) > 0 {
		t.Errorf("not known: %v", want)
	}
	if len(v.changed)+len(v.changing)+v.reading > 0 {
		t.Errorf("left behind: %+v", v)
	}
}
