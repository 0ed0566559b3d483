package sql_test

import (
	"context"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestOutbox(t *testing.T) {
	storetest.Outbox(t, func(t *testing.T) outbox.Store { return open(t) })
}

func TestAlerts(t *testing.T) {
	storetest.Alerts(t, func(t *testing.T) storetest.AlertStore { return open(t) })
}

// Two nodes that share a PostgreSQL, each call going to the other than the one
// before.
func TestPostgresAlerts(t *testing.T) {
	open := postgres(t, 2)
	t.Run("Outbox", func(t *testing.T) {
		storetest.Outbox(t, func(t *testing.T) outbox.Store { return open(t) })
	})
	t.Run("Alerts", func(t *testing.T) {
		storetest.Alerts(t, func(t *testing.T) storetest.AlertStore { return open(t) })
	})
}

func (n *nodes) Enqueue(ctx context.Context, list ...outbox.Delivery) error {
	return n.next().Enqueue(ctx, list...)
}

func (n *nodes) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	return n.next().Claim(ctx, c)
}

func (n *nodes) Sent(ctx context.Context, id string, at time.Time) error {
	return n.next().Sent(ctx, id, at)
}

func (n *nodes) Retry(ctx context.Context, id string, claim int, due time.Time, why string) error {
	return n.next().Retry(ctx, id, claim, due, why)
}

func (n *nodes) Bury(ctx context.Context, id string, claim int, at time.Time, why string) error {
	return n.next().Bury(ctx, id, claim, at, why)
}

func (n *nodes) Release(ctx context.Context, holder string, at time.Time) (int, error) {
	return n.next().Release(ctx, holder, at)
}

func (n *nodes) Requeue(ctx context.Context, id string, at time.Time) error {
	return n.next().Requeue(ctx, id, at)
}

func (n *nodes) Deliveries(ctx context.Context, f outbox.Filter) ([]outbox.Delivery, error) {
	return n.next().Deliveries(ctx, f)
}

func (n *nodes) PruneDeliveries(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().PruneDeliveries(ctx, before, limit)
}

func (n *nodes) Lead(ctx context.Context, b alerting.Bid) (int64, error) {
	return n.next().Lead(ctx, b)
}

func (n *nodes) Resign(ctx context.Context, term int64) error { return n.next().Resign(ctx, term) }

func (n *nodes) Recall(ctx context.Context, since time.Time) (alerting.Memory, error) {
	return n.next().Recall(ctx, since)
}

func (n *nodes) FindingsAfter(ctx context.Context, after alerting.Cursors, limit int) (alerting.Batch, error) {
	return n.next().FindingsAfter(ctx, after, limit)
}

func (n *nodes) CommitAlerts(ctx context.Context, c alerting.Change) error {
	return n.next().CommitAlerts(ctx, c)
}

func (n *nodes) OpenGroups(ctx context.Context) ([]alerting.Group, error) {
	return n.next().OpenGroups(ctx)
}

func (n *nodes) PruneGroups(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().PruneGroups(ctx, before, limit)
}
