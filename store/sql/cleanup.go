package sql

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// What is over is removed in batches, each found by an index of its own: a
// condition with OR would have PostgreSQL collect all that is over for each
// batch. A row that another node has just changed is asked again.

// DeleteExpiredTokens removes at most limit refresh tokens of live sessions that
// expired before an instant, and returns how many. Who presents one afterwards
// is refused as before, but not recognised as a thief.
func (s *Store) DeleteExpiredTokens(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.deleteBatch(ctx, `DELETE FROM refresh_tokens WHERE expires < $1 AND hash IN
		(SELECT hash FROM refresh_tokens WHERE expires < $1 ORDER BY expires LIMIT $2)`, before, limit)
}

// DeleteOldBlocks removes at most limit blocks that were lifted, replaced or
// expired before an instant, and returns how many.
func (s *Store) DeleteOldBlocks(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.deleteBatch(ctx, `DELETE FROM blocks WHERE (expires < $1 OR removed < $1) AND id IN (SELECT id FROM (
			SELECT * FROM (SELECT id FROM blocks WHERE expires < $1 ORDER BY expires LIMIT $2) AS expired
			UNION SELECT * FROM (SELECT id FROM blocks WHERE removed < $1 ORDER BY removed LIMIT $2) AS lifted
		) AS over LIMIT $2)`, before, limit)
}

func (s *Store) deleteBatch(ctx context.Context, text string, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, text, micros(before), max(limit, 0))
	})
}

// CountExpired returns how many sessions DeleteExpired would remove in all.
func (s *Store) CountExpired(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM sessions WHERE expires < $1 OR ended < $1", before)
}

// CountExpiredTokens returns how many tokens DeleteExpiredTokens would remove in
// all, those of sessions that are over included.
func (s *Store) CountExpiredTokens(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM refresh_tokens WHERE expires < $1", before)
}

// CountOldBlocks returns how many blocks DeleteOldBlocks would remove in all.
func (s *Store) CountOldBlocks(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM blocks WHERE expires < $1 OR removed < $1", before)
}

// CountExpiredLinks returns how many links DeleteExpiredLinks would remove in all.
func (s *Store) CountExpiredLinks(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM one_time_links WHERE expires < $1", before)
}

// CountOldDeliveries returns how many deliveries PruneDeliveries would remove in
// all.
func (s *Store) CountOldDeliveries(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM outbox WHERE state <> 'pending' AND due < $1", before)
}

// CountOldGroups returns how many groups PruneGroups would remove in all.
func (s *Store) CountOldGroups(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM alert_groups WHERE resolved < $1", before)
}

// CountOldRecords returns how many records of the security log are older than
// before. DeleteRecords removes fewer where an older one arrived after a younger.
func (s *Store) CountOldRecords(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM security_log WHERE time < $1", before)
}

// CountOldRecordsOf returns how many records DeleteRecordsOf would remove in all of
// one kind.
func (s *Store) CountOldRecordsOf(ctx context.Context, kind gatehouse.Kind, before time.Time) (int, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (int, error) {
		return one(ctx, h, scanInt, "SELECT count(*) FROM security_log WHERE kind = $1 AND time < $2", string(kind), micros(before))
	})
}

func (s *Store) count(ctx context.Context, text string, before time.Time) (int, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (int, error) {
		return one(ctx, h, scanInt, text, micros(before))
	})
}
