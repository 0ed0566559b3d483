package scrub

import (
	"context"
	"log/slog"
)

// Handler scrubs log records before it hands them on: messages, attributes by
// their names and their values, groups. It is safe for concurrent use if the next
// handler is.
type Handler struct {
	next   slog.Handler
	s      *Scrubber
	hidden bool // inside of a group with a secret name
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a Handler in front of next.
func NewHandler(next slog.Handler, s *Scrubber) *Handler {
	return &Handler{next: next, s: s}
}

// Enabled asks the next handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle hands a scrubbed copy of the record on, or the record itself if there is
// nothing to scrub.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	message := h.s.Text(r.Message)
	dirty := message != r.Message
	if !dirty {
		r.Attrs(func(a slog.Attr) bool {
			dirty = !h.clean(a)
			return !dirty
		})
	}
	if !dirty {
		return h.next.Handle(ctx, r)
	}
	c := slog.NewRecord(r.Time, r.Level, message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		c.AddAttrs(h.attr(a, 0))
		return true
	})
	return h.next.Handle(ctx, c)
}

// WithAttrs scrubs attrs once for all records.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(h.attrs(attrs, 0))
	return &c
}

// WithGroup opens a group. If its name is that of a secret, all in it is.
func (h *Handler) WithGroup(name string) slog.Handler {
	c := *h
	c.hidden = h.hidden || name != "" && h.s.classify(name) >= session
	c.next = h.next.WithGroup(h.s.Text(name))
	return &c
}

// clean reports, without making a copy, that an attribute can stay.
func (h *Handler) clean(a slog.Attr) bool {
	if h.hidden || h.s.Text(a.Key) != a.Key {
		return false
	}
	c := h.s.classify(a.Key)
	switch a.Value.Kind() {
	case slog.KindString:
		v := a.Value.String()
		return !c.hides(v, inValue) && h.s.Text(v) == v
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		return c == public || c == queryOnly
	}
	return false
}

func (h *Handler) attrs(attrs []slog.Attr, depth int) []slog.Attr {
	c := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		c[i] = h.attr(a, depth)
	}
	return c
}

func (h *Handler) attr(a slog.Attr, depth int) slog.Attr {
	key := h.s.Text(a.Key)
	if h.hidden || depth > h.s.o.MaxDepth {
		return slog.String(key, Scrubbed)
	}
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		members := v.Group()
		switch {
		case a.Key != "" && h.s.classify(a.Key) >= session:
			return slog.String(key, Scrubbed)
		case len(members) > h.s.o.MaxItems:
			return slog.String(key, Scrubbed)
		}
		return slog.Attr{Key: key, Value: slog.GroupValue(h.attrs(members, depth+1)...)}
	}
	switch v.Kind() {
	case slog.KindAny:
		return slog.Any(key, h.s.Named(a.Key, v.Any()))
	case slog.KindString:
		if h.s.classify(a.Key).hides(v.String(), inValue) {
			return slog.String(key, Scrubbed)
		}
		return slog.String(key, h.s.Text(v.String()))
	}
	if x := h.s.Named(a.Key, v.Any()); x == any(Scrubbed) {
		return slog.String(key, Scrubbed)
	}
	return slog.Attr{Key: key, Value: v}
}
