package sentrytel

import (
	"context"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

const (
	keptCrumbs = 1024 // of everybody
	maxCrumbs  = 30   // with one event
)

// crumb is what happened shortly before.
type crumb struct {
	at                       time.Time
	correlation, user, ip    string // the latter two as pseudonyms
	category, message, class string
	data                     map[string]string
	count                    int
}

// crumbs remembers what happened last, to everybody together, in fixed room. It
// is safe for concurrent use.
type crumbs struct{ *crumbRing }

type crumbRing struct {
	mu   sync.Mutex
	next int
	kept []crumb
}

func newCrumbs() crumbs { return crumbs{&crumbRing{kept: make([]crumb, keptCrumbs)}} }

func (c crumbs) add(one crumb) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[c.next] = one
	c.next = (c.next + 1) % len(c.kept)
}

// about returns the latest of the given request, user or address, oldest first.
func (c crumbs) about(correlation, user, ip string) []*sentry.Breadcrumb {
	c.mu.Lock()
	var found []crumb
	for i := range c.kept {
		one := &c.kept[(c.next-1-i+2*len(c.kept))%len(c.kept)]
		if one.at.IsZero() || len(found) == maxCrumbs {
			break
		}
		if same(one.correlation, correlation) || same(one.user, user) || same(one.ip, ip) {
			found = append(found, *one)
		}
	}
	c.mu.Unlock()

	told := make([]*sentry.Breadcrumb, len(found))
	for i, one := range found {
		b := &sentry.Breadcrumb{
			Type: "default", Category: one.category, Message: one.message, Timestamp: one.at,
			Level: sentry.LevelInfo, Data: make(map[string]any, len(one.data)+2),
		}
		for k, v := range one.data {
			b.Data[k] = v
		}
		if one.class != "" {
			b.Data["endpoint"] = one.class
		}
		if one.count > 1 {
			b.Data["count"] = one.count
		}
		told[len(found)-1-i] = b
	}
	return told
}

func same(a, b string) bool { return a != "" && a == b }

// Breadcrumb notes a step of the request that ctx belongs to. It is sent with the
// events about that request, and only with those. Of data at most ten entries are
// kept.
func (m *Monitor) Breadcrumb(ctx context.Context, category, message string, data map[string]string) {
	if !m.Enabled() {
		return
	}
	kept := make(map[string]string, min(len(data), 10))
	for k, v := range data {
		if len(kept) == 10 {
			break
		}
		kept[k] = gatehouse.CleanText(v, gatehouse.MaxText)
	}
	m.crumbs.add(crumb{
		at: time.Now(), correlation: CorrelationID(ctx), category: category,
		message: gatehouse.CleanText(message, gatehouse.MaxText), data: kept,
	})
}
