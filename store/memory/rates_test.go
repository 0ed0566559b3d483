package memory_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestRates(t *testing.T) {
	storetest.Rates(t, func(*testing.T) gatehouse.Rates { return memory.NewRates(memory.Options{}) })
}

// One shard of the least budget puts every key of the suite side by side.
func TestRatesSmall(t *testing.T) {
	storetest.Rates(t, func(*testing.T) gatehouse.Rates { return memory.NewRates(memory.Options{MaxBytes: 1}) })
}
