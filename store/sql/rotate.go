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

// tokenReused is the end reason of a session whose spent token came back.
const tokenReused = "token_reuse_detected"

// Rotate exchanges a refresh token for its successor; see
// accounts.RotationOutcome.
//
// A spent token is given its successor again while that is unspent and r.At is
// less than r.Grace away from the spending, on either side of it: the clocks of
// two nodes differ a little, but a clock that steps back far must not make a
// retry out of a stolen token. A grace of zero allows no retry. In a session
// that is over nothing is reuse any more.
func (s *Store) Rotate(ctx context.Context, r accounts.Rotation) (accounts.RotationResult, error) {
	lock, err := s.lockOfToken(ctx, r.Presented)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return accounts.RotationResult{}, nil // TokenUnknown
	}
	if err != nil {
		return accounts.RotationResult{}, err
	}
	return change(ctx, s, lock, func(ctx context.Context, h *handle) (result accounts.RotationResult, err error) {
		t, err := one(ctx, h, scanToken, `SELECT t.session_id, t.expires, t.spent, t.salt, n.hash IS NOT NULL AND n.spent IS NULL
			FROM refresh_tokens AS t LEFT JOIN refresh_tokens AS n ON n.hash = t.successor WHERE t.hash = $1`, r.Presented[:])
		if errors.Is(err, gatehouse.ErrNotFound) {
			return result, nil // TokenUnknown
		}
		if err != nil {
			return result, err
		}
		ss, err := sessionByID(ctx, h, t.session)
		if err != nil {
			return result, err
		}
		switch {
		case !ss.LiveAt(r.At):
			return accounts.RotationResult{Outcome: accounts.SessionOver, Session: ss}, nil

		case t.spent && t.nextUnspent && r.At.Truncate(time.Microsecond).Sub(t.spentAt).Abs() < r.Grace:
			return accounts.RotationResult{Outcome: accounts.Repeated, Session: ss, Salt: t.salt}, nil

		case t.spent:
			filter := accounts.SessionFilter{User: ss.User, Session: ss.ID}
			if _, err := endSessions(ctx, h, filter, r.At, tokenReused); err != nil {
				return result, err
			}
			ss.Ended, ss.EndReason = fromMicros(micros(r.At)), tokenReused
			return accounts.RotationResult{Outcome: accounts.Reused, Session: ss}, nil

		case !r.At.Before(t.expires):
			return accounts.RotationResult{Outcome: accounts.SessionOver, Session: ss}, nil
		}

		if _, err := h.exec(ctx, "UPDATE refresh_tokens SET spent = $2, successor = $3, salt = $4 WHERE hash = $1",
			r.Presented[:], micros(r.At), r.Successor[:], r.Salt[:]); err != nil {
			return result, err
		}
		if err := addToken(ctx, h, r.Successor, ss.ID, r.Expires); err != nil {
			return result, err
		}
		r.Client.Device = ss.Client.Device
		client, err := clientText(&r.Client)
		if err != nil {
			return result, err
		}
		if _, err := h.exec(ctx, "UPDATE sessions SET client = $2, last_used = $3, expires = $4 WHERE id = $1",
			ss.ID, client, micros(r.At), micros(r.Expires)); err != nil {
			return result, err
		}
		ss, err = sessionByID(ctx, h, ss.ID)
		return accounts.RotationResult{Outcome: accounts.Rotated, Session: ss, Salt: r.Salt}, err
	})
}

// lockOfToken returns the lock of the user whose token this is: a token never
// changes hands.
func (s *Store) lockOfToken(ctx context.Context, hash accounts.TokenHash) (string, error) {
	if !s.database.shared {
		return lockNothing, nil
	}
	user, err := look(ctx, s, func(ctx context.Context, h *handle) (string, error) {
		return one(ctx, h, scanText, `SELECT user_id FROM sessions WHERE id =
			(SELECT session_id FROM refresh_tokens WHERE hash = $1)`, hash[:])
	})
	return lockUser(user), err
}

// token is a refresh token as Rotate needs it.
type token struct {
	session     string
	expires     time.Time
	spent       bool
	spentAt     time.Time
	salt        [16]byte
	nextUnspent bool // its successor has not been presented
}

func scanToken(read scan) (t token, err error) {
	var (
		expires int64
		spent   stdsql.NullInt64
		salt    []byte
	)
	if err := read(&t.session, &expires, &spent, &salt, &t.nextUnspent); err != nil {
		return t, err
	}
	if t.spent = spent.Valid; t.spent && copy(t.salt[:], salt) != len(t.salt) {
		return t, fmt.Errorf("a spent token of session %s has a salt of %d bytes", t.session, len(salt))
	}
	t.expires, t.spentAt = fromMicros(expires), fromNullMicros(spent)
	return t, nil
}
