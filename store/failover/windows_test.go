package failover_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// While the primary stays up, nothing differs from the primary alone.
func TestHealthy(t *testing.T) {
	storetest.Windows(t, func(t *testing.T) gatehouse.Windows {
		return newNode(t, memory.NewWindows(memory.Options{}), failover.Options{})
	})
}

// Nor from a store that keeps the promises by itself, where the primary is dead
// and the local limits are no stricter.
func TestDegraded(t *testing.T) {
	for name, failures := range map[string]int{"Open": 1, "Closed": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			storetest.Windows(t, func(t *testing.T) gatehouse.Windows {
				s := newShared()
				s.down.Store(true)
				return newNode(t, s, failover.Options{Strictness: 1, Failures: failures})
			})
		})
	}
}
