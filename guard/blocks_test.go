package guard_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
)

// Who hangs up while a block is placed or lifted does not keep that off the record.
func TestBlocksAreRecordedWhoeverHangsUp(t *testing.T) {
	d := newDesk(t, nil)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	b := gatehouse.Block{Prefix: guard.CountingPrefix(home), Reason: "a test", By: "ada@example.com", Created: d.now}
	if _, err := d.BlockIP(gone, b); err != nil {
		t.Error(err)
	}
	if _, err := d.UnblockIP(gone, d.now, b.Prefix, "ada@example.com"); err != nil {
		t.Error(err)
	}
	var kinds []gatehouse.Kind
	for r, err := range d.store.Query(t.Context(), gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, r.Kind)
	}
	if !slices.Equal(kinds, []gatehouse.Kind{gatehouse.IPAddressUnblocked, gatehouse.IPAddressBlocked}) {
		t.Errorf("on record: %v", kinds)
	}
	b.Until = d.now.AddDate(200, 0, 0)
	if _, err := d.BlockIP(t.Context(), b); !errors.Is(err, guard.ErrInvalidBlock) {
		t.Errorf("a block for 200 years: %v", err)
	}
}
