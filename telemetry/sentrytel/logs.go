package sentrytel

import (
	"context"
	"log/slog"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

// LogHandler returns a handler that sends log lines of at least the given level
// to Sentry's structured logs, scrubbed, at most Options.LogsPerMinute. Lines of a
// request carry its correlation ID and trace. Without a DSN it is a handler that
// is never enabled.
func (m *Monitor) LogHandler(level slog.Leveler) slog.Handler {
	if !m.Enabled() {
		return slog.DiscardHandler
	}
	if level == nil {
		level = slog.LevelWarn
	}
	return &logHandler{monitor: m, level: level}
}

type logHandler struct {
	monitor *Monitor
	level   slog.Leveler
	prefix  string      // of the open groups, with dots
	attrs   []slog.Attr // with their prefix in the key
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.prefix += name + "."
	return &c
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = slices.Clip(c.attrs)
	for _, a := range attrs {
		c.attrs = flatten(c.attrs, c.prefix, a, 0)
	}
	return &c
}

const (
	maxAttrs     = 32
	maxAttrDepth = 8
)

// flatten appends a, with groups taken apart, to at most maxAttrs attributes.
func flatten(to []slog.Attr, prefix string, a slog.Attr, depth int) []slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup && depth < maxAttrDepth {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			to = flatten(to, prefix, inner, depth+1)
		}
		return to
	}
	if a.Key == "" || len(to) >= maxAttrs {
		return to
	}
	return append(to, slog.Attr{Key: prefix + a.Key, Value: v})
}

// Handle sends one line. It never fails: what cannot be sent is dropped and
// counted.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	m := h.monitor
	if !m.allow(m.logs) {
		return nil
	}
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = flatten(attrs, h.prefix, a, 0)
		return true
	})
	entry := h.entry(r.Level)
	for _, a := range attrs {
		switch a.Value.Kind() {
		case slog.KindInt64:
			entry = entry.Int64(a.Key, a.Value.Int64())
		case slog.KindFloat64:
			entry = entry.Float64(a.Key, a.Value.Float64())
		case slog.KindBool:
			entry = entry.Bool(a.Key, a.Value.Bool())
		default:
			entry = entry.String(a.Key, gatehouse.CleanText(textOf(a.Value), maxMessage))
		}
	}
	if id := CorrelationID(ctx); id != "" {
		entry = entry.String(tagCorrelation, id)
	}
	entry.Emit(gatehouse.CleanText(r.Message, maxMessage))
	return nil
}

func (h *logHandler) entry(level slog.Level) sentry.LogEntry {
	switch {
	case level >= slog.LevelError:
		return h.monitor.logger.Error()
	case level >= slog.LevelWarn:
		return h.monitor.logger.Warn()
	case level >= slog.LevelInfo:
		return h.monitor.logger.Info()
	}
	return h.monitor.logger.Debug()
}

// textOf returns a value as text. What is given as any may panic in its own
// methods.
func textOf(v slog.Value) (text string) {
	defer func() {
		if recover() != nil {
			text = "(unprintable)"
		}
	}()
	return v.String()
}
