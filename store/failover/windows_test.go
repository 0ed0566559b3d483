package failover_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// newNode returns a node in front of a primary.
func newNode(t testing.TB, primary gatehouse.Windows, o failover.Options) *failover.Windows {
	w := failover.NewWindows(primary, memory.NewWindows(memory.Options{}), o)
	t.Cleanup(w.Close)
	return w
}

// While the primary stays up, nothing differs from the primary alone.
func TestHealthy(t *testing.T) {
	storetest.Windows(t, func(t *testing.T) gatehouse.Windows {
		return newNode(t, memory.NewWindows(memory.Options{}), failover.Options{})
	})
}
