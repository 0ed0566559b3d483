package sql

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Setting is a choice that people make while the server runs, such as a rule that
// is put in the shadow.
type Setting struct {
	Scope   string // what kind of choice
	Name    string // about what, within the scope
	Value   string
	By      string // the account name of the operator
	Changed time.Time
}

// Settings returns those of a scope in order of their names.
func (s *Store) Settings(ctx context.Context, scope string) ([]Setting, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]Setting, error) {
		return all(ctx, h, scanSetting, "SELECT scope, name, value, set_by, changed FROM settings WHERE scope = $1 ORDER BY name", scope)
	})
}

func scanSetting(read scan) (s Setting, err error) {
	var us int64
	err = read(&s.Scope, &s.Name, &s.Value, &s.By, &us)
	s.Changed = fromMicros(us)
	return s, err
}

// SetSetting keeps a setting, in place of the one of its scope and name if there is
// one. It is durable when it returns nil.
func (s *Store) SetSetting(ctx context.Context, v Setting) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, `INSERT INTO settings (scope, name, value, set_by, changed) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value, set_by = excluded.set_by, changed = excluded.changed`,
			v.Scope, v.Name, v.Value, v.By, micros(v.Changed))
	})
	return err
}

// DeleteSetting removes a setting, or returns gatehouse.ErrNotFound.
func (s *Store) DeleteSetting(ctx context.Context, scope, name string) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
		n, err := h.exec(ctx, "DELETE FROM settings WHERE scope = $1 AND name = $2", scope, name)
		if err == nil && n == 0 {
			err = gatehouse.ErrNotFound
		}
		return n, err
	})
	return err
}
