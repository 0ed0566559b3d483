package memory_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestWindows(t *testing.T) {
	storetest.Windows(t, func(*testing.T) gatehouse.Windows { return memory.NewWindows(memory.Options{}) })
}

// One shard of the least budget puts every key of the suite side by side.
func TestWindowsSmall(t *testing.T) {
	storetest.Windows(t, func(*testing.T) gatehouse.Windows { return memory.NewWindows(memory.Options{MaxBytes: 1}) })
}
