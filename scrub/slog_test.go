package scrub_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"encoding/json"

	"github.com/fluxstudio/gatehouse/scrub"
)

type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

func TestHandler(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(scrub.NewHandler(slog.NewJSONHandler(&b, nil), scrub.New(scrub.Options{})))
	l = l.With("api_key", secret, "who", "bob", slog.Group("g", "pwd", secret))
	l.WithGroup("credentials").WithGroup("inner").Error("got Bearer hunter2", "x", secret, slog.Group("y", "z", secret))
	l.Error("plain", "password", secret, "pin", 1234, "error", errors.New("token=hunter2"), "v", valuer{slog.StringValue("Bearer hunter2")},
		"vg", valuer{slog.GroupValue(slog.String("secret", secret))}, slog.Group("session", "a", secret), slog.Group("", "otp", 1),
		"m", map[string]any{"secret": secret, "a": 1}, "Bearer hunter2", secret, "at", time.Second, "ok", true, "tokens", 3, "bytes", []byte("pwd=hunter2"))
	out := b.String()
	if strings.Contains(out, secret) || strings.Contains(out, "1234") {
		t.Errorf("a secret is out: %s", out)
	}
	for _, want := range []string{`"who":"bob"`, `"msg":"got Bearer [scrubbed]"`, `"error":"token=[scrubbed]"`, `"vg":{"secret":"[scrubbed]"}`,
		`"m":{"a":1,"secret":"[scrubbed]"}`, `"at":1000000000`, `"ok":true`, `"tokens":3`, `"session":"[scrubbed]"`, `"otp":"[scrubbed]"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

func TestHandlerIsOne(t *testing.T) {
	var b bytes.Buffer
	h := scrub.NewHandler(slog.NewJSONHandler(&b, &slog.HandlerOptions{AddSource: true}), scrub.New(scrub.Options{}))
	err := slogtest.TestHandler(h, func() (all []map[string]any) {
		for line := range bytes.Lines(b.Bytes()) {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHandlerDoesNotAllocateForCleanRecords(t *testing.T) {
	h := scrub.NewHandler(slog.DiscardHandler, scrub.New(scrub.Options{}))
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request served", 0)
	r.Add("endpoint", "POST /api/auth/login", "status", 200, "correlation_id", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
	if n := testing.AllocsPerRun(100, func() { _ = h.Handle(context.Background(), r) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
