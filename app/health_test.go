package app

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testlog"
)

func TestHealthTellsOfEachChangeOnce(t *testing.T) {
	var log testlog.Buffer
	at := shared
	metered := map[string]bool{}
	h := newHealth(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at },
		func(part string, degraded bool) { metered[part] = degraded })
	h.watch(partCounters)
	h.watch(partRecords)
	if _, ok := h.snapshot(); !ok || metered[partCounters] {
		t.Error("not well to begin with")
	}
	h.report(partCounters, errors.New("refused"))
	at = at.Add(time.Second)
	h.report(partCounters, errors.New("reset"))
	parts, ok := h.snapshot()
	if c := parts[partCounters]; ok || c.Status != "degraded" || c.Error != "reset" || !c.Since.Equal(shared) || !metered[partCounters] {
		t.Errorf("degraded: %+v, metered %v", c, metered)
	}
	if c := parts[partRecords]; c.Status != "ok" || c.Since != nil {
		t.Errorf("another part: %+v", c)
	}
	at = at.Add(time.Second)
	h.report(partCounters, nil)
	h.report(partCounters, nil)
	if _, ok := h.snapshot(); !ok || metered[partCounters] {
		t.Error("not well again")
	}
	if said := log.String(); strings.Count(said, "degraded") != 1 || strings.Count(said, "recovered") != 1 || !strings.Contains(said, "after=2s") {
		t.Errorf("logged:\n%s", said)
	}
}
