package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

const oneTimeColumns = "hash, user_id, purpose, topic, created, expires, spent"

// issued is how an issue of a link ended. That it was refused must be kept, so it
// is no error within the transaction.
type issued struct {
	held    int
	refused bool
}

// IssueOneTime adds o, or returns accounts.ErrTooManyLinks.
func (s *Store) IssueOneTime(ctx context.Context, o accounts.OneTime, a accounts.Allowance) (int, error) {
	r, err := change(ctx, s, lockUser(o.User), func(ctx context.Context, h *handle) (r issued, err error) {
		// Those of a clock that was ahead do not count for longer than others.
		counts, err := one(ctx, h, scanCounts, `SELECT count(*), count(CASE WHEN topic = $3 THEN 1 END) FROM one_time_links
			WHERE user_id = $1 AND purpose = $2 AND created > $4 AND created < $5`,
			o.User, string(o.Purpose), string(o.Topic), micros(o.Created.Add(-a.Window)), micros(o.Created.Add(a.Window)))
		if err != nil {
			return r, err
		}
		const newest = `(SELECT hash FROM one_time_links WHERE user_id = $1 AND purpose = $2 ORDER BY created DESC, hash LIMIT 1)`
		if a.Purpose > 0 && counts[0] >= a.Purpose || a.Topic > 0 && counts[1] >= a.Topic {
			r.refused = true
			_, err = h.exec(ctx, "UPDATE one_time_links SET held = held + 1 WHERE hash = "+newest, o.User, string(o.Purpose))
			return r, err
		}
		r.held, err = one(ctx, h, scanInt, "SELECT coalesce(max(held), 0) FROM one_time_links WHERE hash = "+newest, o.User, string(o.Purpose))
		if err != nil {
			return r, err
		}
		_, err = h.exec(ctx, "INSERT INTO one_time_links ("+oneTimeColumns+", held) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
			o.Hash[:], o.User, string(o.Purpose), string(o.Topic), micros(o.Created), micros(o.Expires), nullMicros(o.Spent))
		return r, err
	})
	if err == nil && r.refused {
		err = accounts.ErrTooManyLinks
	}
	return r.held, err
}

// OneTime returns a link, live or not.
func (s *Store) OneTime(ctx context.Context, p accounts.Purpose, hash accounts.TokenHash) (accounts.OneTime, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (accounts.OneTime, error) {
		return oneTime(ctx, h, p, hash)
	})
}

func oneTime(ctx context.Context, h *handle, p accounts.Purpose, hash accounts.TokenHash) (accounts.OneTime, error) {
	return one(ctx, h, scanOneTime, "SELECT "+oneTimeColumns+" FROM one_time_links WHERE hash = $1 AND purpose = $2", hash[:], string(p))
}

// SpendOneTime uses a link; see accounts.OneTimeStore.
func (s *Store) SpendOneTime(ctx context.Context, p accounts.Purpose, hash accounts.TokenHash, newHash string, at time.Time) (int, error) {
	o, err := s.OneTime(ctx, p, hash) // whose it is never changes
	if err != nil {
		return 0, err
	}
	return change(ctx, s, lockUser(o.User), func(ctx context.Context, h *handle) (int, error) {
		o, err := oneTime(ctx, h, p, hash)
		switch {
		case errors.Is(err, gatehouse.ErrNotFound) || err == nil && !o.LiveAt(at):
			return 0, accounts.ErrLinkOver
		case err != nil:
			return 0, err
		}
		u, err := userByID(ctx, h, o.User)
		if err != nil {
			return 0, err
		}
		if !u.Locked.IsZero() {
			return 0, accounts.ErrLinkOver
		}
		if err := spendAllLinks(ctx, h, o.User, at); err != nil {
			return 0, err
		}
		_, err = h.exec(ctx, "UPDATE users SET password_hash = $2, password_changed = $3 WHERE id = $1", o.User, newHash, micros(at))
		if err != nil {
			return 0, err
		}
		return endSessions(ctx, h, accounts.SessionFilter{User: o.User}, at, string(p))
	})
}

func spendAllLinks(ctx context.Context, h *handle, user string, at time.Time) error {
	for _, p := range []accounts.Purpose{accounts.ToReset, accounts.ToDisown} {
		if err := spendLinks(ctx, h, user, p, at); err != nil {
			return err
		}
	}
	return nil
}

func spendLinks(ctx context.Context, h *handle, user string, p accounts.Purpose, at time.Time) error {
	_, err := h.exec(ctx, "UPDATE one_time_links SET spent = $3 WHERE user_id = $1 AND purpose = $2 AND spent IS NULL",
		user, string(p), micros(at))
	return err
}

// DeleteExpiredLinks removes at most limit links that expired before the given
// instant and returns how many.
func (s *Store) DeleteExpiredLinks(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, `DELETE FROM one_time_links WHERE hash IN
			(SELECT hash FROM one_time_links WHERE expires < $1 LIMIT $2)`, micros(before), max(limit, 0))
	})
}

func scanOneTime(read scan) (o accounts.OneTime, err error) {
	var (
		hash             []byte
		created, expires int64
		spent            stdsql.NullInt64
	)
	if err := read(&hash, &o.User, &o.Purpose, &o.Topic, &created, &expires, &spent); err != nil {
		return o, err
	}
	if copy(o.Hash[:], hash) != len(o.Hash) || len(hash) != len(o.Hash) {
		return o, fmt.Errorf("a one-time link of user %s has a hash of %d bytes", o.User, len(hash))
	}
	o.Created, o.Expires, o.Spent = fromMicros(created), fromMicros(expires), fromNullMicros(spent)
	return o, nil
}

func scanInt(read scan) (n int, err error) {
	err = read(&n)
	return n, err
}

func scanInt64(read scan) (n int64, err error) {
	err = read(&n)
	return n, err
}

func scanCounts(read scan) (n [2]int, err error) {
	err = read(&n[0], &n[1])
	return n, err
}
