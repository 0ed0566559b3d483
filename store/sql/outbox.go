package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/outbox"
)

var _ outbox.Store = (*Store)(nil)

// Enqueue adds deliveries, all or none. One whose ID is known is left as it is.
func (s *Store) Enqueue(ctx context.Context, list ...outbox.Delivery) error {
	for _, d := range list {
		if err := d.Check(); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (struct{}, error) {
		return struct{}{}, enqueue(ctx, h, list)
	})
	return err
}

// enqueue adds deliveries within the transaction of what they tell of.
func enqueue(ctx context.Context, h *handle, list []outbox.Delivery) error {
	for _, d := range list {
		if err := d.Check(); err != nil {
			return err
		}
		message, err := json.Marshal(d.Message)
		if err != nil {
			return fmt.Errorf("sql: delivery %s: %w", d.ID, err)
		}
		due := d.Created
		if d.Due.After(due) {
			due = d.Due
		}
		if _, err := h.exec(ctx, `INSERT INTO outbox (id, channel, state, due, created, since, attempts, claim, holder, last_error, message)
			VALUES ($1, $2, 'pending', $3, $4, $4, 0, 0, '', '', $5) ON CONFLICT (id) DO NOTHING`,
			d.ID, d.Channel, micros(due), micros(d.Created), string(message)); err != nil {
			return err
		}
	}
	return nil
}

const deliveryColumns = "id, channel, state, due, created, since, attempts, claim, last_error, message"

// Claim returns pending deliveries that are due, and puts them off to the end of
// the lease. Where nothing is due, nothing is written.
func (s *Store) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	const dueText = "SELECT id FROM outbox WHERE state = 'pending' AND channel = $1 AND due <= $2 ORDER BY due, id LIMIT $3"
	limit := max(c.Limit, 0)
	due, err := look(ctx, s, func(ctx context.Context, h *handle) ([]string, error) {
		return all(ctx, h, scanText, dueText, c.Channel, micros(c.At), limit)
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	return change(ctx, s, lockNothing, func(ctx context.Context, h *handle) ([]outbox.Delivery, error) {
		due, err := all(ctx, h, scanText, dueText, c.Channel, micros(c.At), limit)
		if err != nil {
			return nil, err
		}
		var claimed []outbox.Delivery
		for _, id := range due {
			// Asked again: PostgreSQL waits for another node that has just
			// claimed it, and finds it put off.
			got, err := all(ctx, h, scanDelivery, `UPDATE outbox SET due = $3, attempts = attempts + 1, claim = claim + 1, holder = $4
				WHERE id = $1 AND state = 'pending' AND due <= $2 RETURNING `+deliveryColumns,
				id, micros(c.At), micros(c.At.Add(c.Lease)), c.Holder)
			if err != nil {
				return nil, err
			}
			claimed = append(claimed, got...)
		}
		return claimed, nil
	})
}

// Sent marks a pending delivery as sent and forgets its message, which may hold
// what only its receiver should read.
func (s *Store) Sent(ctx context.Context, id string, at time.Time) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := h.exec(ctx, `UPDATE outbox SET state = 'sent', due = $2, holder = '', last_error = '', message = ''
			WHERE id = $1 AND state <> 'sent'`, id, micros(at))
		if err == nil && n == 0 {
			_, err = one(ctx, h, scanText, "SELECT state FROM outbox WHERE id = $1", id)
		}
		return none, err
	})
	return err
}

// Retry makes a claimed delivery due at an instant.
func (s *Store) Retry(ctx context.Context, id string, claim int, due time.Time, why string) error {
	return s.mark(ctx, id, claim, outbox.Pending, due, why)
}

// Bury marks a claimed delivery as dead.
func (s *Store) Bury(ctx context.Context, id string, claim int, at time.Time, why string) error {
	return s.mark(ctx, id, claim, outbox.Dead, at, why)
}

func (s *Store) mark(ctx context.Context, id string, claim int, state outbox.State, due time.Time, why string) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := h.exec(ctx, `UPDATE outbox SET state = $3, due = $4, last_error = $5, holder = ''
			WHERE id = $1 AND claim = $2 AND state = 'pending'`,
			id, claim, string(state), micros(due), gatehouse.CleanText(why, gatehouse.MaxText))
		if err == nil && n == 0 {
			err = gatehouse.ErrNotFound
		}
		return none, err
	})
	return err
}

// Release makes what holder has claimed and not marked due at the instant.
func (s *Store) Release(ctx context.Context, holder string, at time.Time) (int, error) {
	if holder == "" {
		return 0, nil
	}
	return change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, "UPDATE outbox SET due = $2, holder = '' WHERE state = 'pending' AND holder = $1", holder, micros(at))
	})
}

// Requeue makes a dead delivery pending again, as if it were created at the
// instant.
func (s *Store) Requeue(ctx context.Context, id string, at time.Time) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := h.exec(ctx, "UPDATE outbox SET state = 'pending', due = $2, since = $2, attempts = 0 WHERE id = $1 AND state = 'dead'", id, micros(at))
		if err == nil && n == 0 {
			err = gatehouse.ErrNotFound
		}
		return none, err
	})
	return err
}

// Deliveries returns deliveries, oldest first.
func (s *Store) Deliveries(ctx context.Context, f outbox.Filter) ([]outbox.Delivery, error) {
	text := "SELECT " + deliveryColumns + " FROM outbox WHERE due >= $1"
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = micros(f.Since)
	}
	args := []any{since}
	if len(f.States) > 0 {
		text += " AND state IN (" + placeholders(len(args)+1, len(f.States)) + ")"
		for _, state := range f.States {
			args = append(args, string(state))
		}
	}
	if f.Channel != "" {
		args = append(args, f.Channel)
		text += fmt.Sprintf(" AND channel = $%d", len(args))
	}
	if f.ID != "" {
		args = append(args, f.ID)
		text += fmt.Sprintf(" AND id = $%d", len(args))
	}
	text += " ORDER BY created, id"
	if f.Limit > 0 {
		args = append(args, f.Limit)
		text += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return look(ctx, s, func(ctx context.Context, h *handle) ([]outbox.Delivery, error) {
		return allOnce(ctx, h, scanDelivery, text, args...)
	})
}

// PruneDeliveries removes at most limit deliveries that were sent, or died, before
// an instant, and returns how many.
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, `DELETE FROM outbox WHERE state <> 'pending' AND due < $1 AND id IN
			(SELECT id FROM outbox WHERE state <> 'pending' AND due < $1 LIMIT $2)`, micros(before), max(limit, 0))
	})
}

func scanDelivery(read scan) (d outbox.Delivery, err error) {
	var (
		due, created, since int64
		message             string
	)
	err = read(&d.ID, &d.Channel, &d.State, &due, &created, &since, &d.Attempts, &d.Claim, &d.LastError, &message)
	if err != nil {
		return d, err
	}
	d.Due, d.Created, d.Since = fromMicros(due), fromMicros(created), fromMicros(since)
	if message == "" {
		return d, nil
	}
	if err := json.Unmarshal([]byte(message), &d.Message); err != nil {
		return d, fmt.Errorf("delivery %s: %w", d.ID, err)
	}
	return d, nil
}
