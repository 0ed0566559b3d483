package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

const sessionColumns = "id, user_id, client, browser, created, last_used, expires, ended, end_reason, authenticated"

// CreateSession adds ss with its first refresh token, which expires with it, or
// returns accounts.ErrPasswordChanged or accounts.ErrLocked. A first token of zero
// is none.
func (s *Store) CreateSession(ctx context.Context, ss accounts.Session, first accounts.TokenHash, passwordHash string) error {
	client, err := clientText(&ss.Client)
	if err != nil {
		return err
	}
	_, err = change(ctx, s, lockUser(ss.User), func(ctx context.Context, h *handle) (none struct{}, err error) {
		u, err := userByID(ctx, h, ss.User)
		if err != nil {
			return none, err
		}
		if u.PasswordHash != passwordHash {
			return none, accounts.ErrPasswordChanged
		}
		if !u.Locked.IsZero() {
			return none, accounts.ErrLocked
		}
		given := ss.Authenticated
		if given.IsZero() {
			given = ss.Created
		}
		if _, err := h.exec(ctx, "INSERT INTO sessions ("+sessionColumns+", device_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			ss.ID, ss.User, client, ss.Browser, micros(ss.Created), micros(ss.LastUsed), micros(ss.Expires),
			nullMicros(ss.Ended), ss.EndReason, micros(authenticated(given, u)), ss.Client.Device.ID); err != nil {
			return none, err
		}
		if first == (accounts.TokenHash{}) {
			return none, nil
		}
		return none, addToken(ctx, h, first, ss.ID, ss.Expires)
	})
	return err
}

// Session returns a session, ended or not.
func (s *Store) Session(ctx context.Context, id string) (accounts.Session, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (accounts.Session, error) {
		return sessionByID(ctx, h, id)
	})
}

func sessionByID(ctx context.Context, h *handle, id string) (accounts.Session, error) {
	return one(ctx, h, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE id = $1", id)
}

// columnsOf names columns of one of several tables.
func columnsOf(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

var sessionWithUser = "SELECT " + columnsOf("s", sessionColumns) + ", " + columnsOf("u", userColumns) +
	" FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = $1"

// SessionWithUser returns a session, ended or not, and whose it is.
func (s *Store) SessionWithUser(ctx context.Context, id string) (accounts.Session, accounts.User, error) {
	var u userRow
	ss, err := look(ctx, s, func(ctx context.Context, h *handle) (accounts.Session, error) {
		return one(ctx, h, func(read scan) (accounts.Session, error) {
			return scanSession(func(dest ...any) error { return read(append(dest, u.columns()...)...) })
		}, sessionWithUser, id)
	})
	if err != nil {
		return accounts.Session{}, accounts.User{}, err
	}
	return ss, u.user(), nil
}

// TouchSession notes the last use of a live session, or returns
// gatehouse.ErrNotFound.
func (s *Store) TouchSession(ctx context.Context, id string, client gatehouse.Client, at, expires time.Time) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (none struct{}, err error) {
		ss, err := sessionByID(ctx, h, id)
		if err != nil {
			return none, err
		}
		used := client
		used.Device = ss.Client.Device
		text, err := clientText(&used)
		if err != nil {
			return none, err
		}
		n, err := h.exec(ctx, "UPDATE sessions SET client = $2, last_used = $3, expires = $4 WHERE id = $1 AND ended IS NULL AND expires > $3",
			id, text, micros(at), micros(expires))
		return none, orNotFound(n, err)
	})
	return err
}

// Sessions returns a user's live sessions, the last used first.
func (s *Store) Sessions(ctx context.Context, user string, at time.Time) ([]accounts.Session, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]accounts.Session, error) {
		return all(ctx, h, scanSession, "SELECT "+sessionColumns+` FROM sessions
			WHERE user_id = $1 AND ended IS NULL AND expires > $2 ORDER BY last_used DESC, id`, user, micros(at))
	})
}

// EndSessions ends the live sessions that f selects and returns how many. A
// filter without a user is an error.
func (s *Store) EndSessions(ctx context.Context, f accounts.SessionFilter, at time.Time, reason string) (int, error) {
	if f.User == "" {
		return 0, errors.New("sql: a session filter without a user")
	}
	return change(ctx, s, lockUser(f.User), func(ctx context.Context, h *handle) (int, error) {
		return endSessions(ctx, h, f, at, reason)
	})
}

func endSessions(ctx context.Context, h *handle, f accounts.SessionFilter, at time.Time, reason string) (int, error) {
	return h.exec(ctx, `UPDATE sessions SET ended = $2, end_reason = $3
		WHERE user_id = $1 AND ended IS NULL AND expires > $2
		AND ($4 = '' OR id = $4) AND ($5 = '' OR device_id = $5) AND id <> $6`,
		f.User, micros(at), reason, f.Session, f.Device, f.Except)
}

// DeleteExpired removes at most limit sessions that ended or expired before the
// given instant, with their tokens, and returns how many.
func (s *Store) DeleteExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		// Asked twice: a session that another node has just extended is spared.
		return h.exec(ctx, `DELETE FROM sessions WHERE (expires < $1 OR ended < $1) AND id IN (SELECT id FROM (
				SELECT * FROM (SELECT id FROM sessions WHERE expires < $1 ORDER BY expires LIMIT $2) AS expired
				UNION SELECT * FROM (SELECT id FROM sessions WHERE ended < $1 ORDER BY ended LIMIT $2) AS ended
			) AS over LIMIT $2)`, micros(before), max(limit, 0))
	})
}

func addToken(ctx context.Context, h *handle, hash accounts.TokenHash, session string, expires time.Time) error {
	_, err := h.exec(ctx, "INSERT INTO refresh_tokens (hash, session_id, expires) VALUES ($1, $2, $3)",
		hash[:], session, micros(expires))
	return err
}

// clientText cleans c and returns it as it is kept.
func clientText(c *gatehouse.Client) (string, error) {
	*c = c.Clean()
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("sql: client: %w", err)
	}
	return string(b), nil
}

func scanSession(read scan) (s accounts.Session, err error) {
	var (
		client                        string
		created, used, expires, given int64
		ended                         stdsql.NullInt64
	)
	err = read(&s.ID, &s.User, &client, &s.Browser, &created, &used, &expires, &ended, &s.EndReason, &given)
	if err != nil {
		return s, err
	}
	s.Created, s.LastUsed, s.Expires = fromMicros(created), fromMicros(used), fromMicros(expires)
	s.Ended, s.Authenticated = fromNullMicros(ended), fromMicros(given)
	if err := json.Unmarshal([]byte(client), &s.Client); err != nil {
		return s, fmt.Errorf("session %s: %w", s.ID, err)
	}
	return s, nil
}
