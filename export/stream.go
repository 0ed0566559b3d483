package export

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"

	"github.com/fluxstudio/gatehouse"
)

// Stdout writes lines to standard output. It does not close it.
func Stdout() Target { return Stream(os.Stdout) }

// Stream writes lines to w, each in one call of Write, and does not close it. A
// writer that blocks keeps the exporter waiting, and nobody else.
func Stream(w io.Writer) Target { return &stream{w: w} }

type stream struct {
	w    io.Writer
	torn bool // a line was cut off
	buf  []byte
}

func (s *stream) Write(_ context.Context, l Line) error {
	s.buf = s.buf[:0]
	if s.torn {
		s.buf = append(s.buf, '\n')
	}
	s.buf = append(append(s.buf, l.Text...), '\n')
	n, err := s.w.Write(s.buf)
	if 0 < n && n <= len(s.buf) {
		s.torn = s.buf[n-1] != '\n'
	}
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	return err
}

func (s *stream) Close() error { return nil }

// Slog passes records to h: the message is the type of the record, the level
// follows its severity, "id", "account", "user_id", "ip" and "correlation_id"
// are there where known, and "event" is the formatted line, which
// slog.JSONHandler writes as an object.
func Slog(h slog.Handler) Target { return slogTarget{h} }

type slogTarget struct{ h slog.Handler }

func (t slogTarget) Write(ctx context.Context, l Line) error {
	r := &l.Record
	level := levelOf(r.Severity)
	if !t.h.Enabled(ctx, level) {
		return nil
	}
	out := slog.NewRecord(r.Time, level, string(r.Kind), 0)
	for _, a := range [...]struct{ key, value string }{
		{"id", r.ID}, {"account", r.Account}, {"user_id", r.User}, {"ip", address(r.IP)}, {"correlation_id", r.CorrelationID},
	} {
		if a.value != "" {
			out.AddAttrs(slog.String(a.key, a.value))
		}
	}
	// A handler may keep what it is given.
	out.AddAttrs(slog.Any("event", json.RawMessage(append([]byte(nil), l.Text...))))
	return t.h.Handle(ctx, out)
}

func (slogTarget) Close() error { return nil }

func levelOf(s gatehouse.Severity) slog.Level {
	switch s {
	case gatehouse.Info:
		return slog.LevelInfo
	case gatehouse.Warning:
		return slog.LevelWarn
	}
	return slog.LevelError
}
