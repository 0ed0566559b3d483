package export_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, name := range []string{"stdout", "file:" + path, "syslog", "unix:" + path, "udp://192.0.2.1:514", "tcp://[2001:db8::1]:601", "tls://192.0.2.1:6514"} {
		target, err := export.Open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := target.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "file:", "stderr", "udp:192.0.2.1:514", "udp://192.0.2.1", "http://192.0.2.1:80", "file:" + path + "/x"} {
		if target, err := export.Open(name); err == nil || target != nil {
			t.Errorf("%q: %v, %v", name, target, err)
		}
	}
	for _, name := range []string{"ocsf", "ecs"} {
		if f, err := export.FormatNamed(name); err != nil || f == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := export.FormatNamed("cef"); err == nil {
		t.Error("cef was accepted")
	}
}

func TestSlog(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})
	e := start(t, export.Options{Target: export.Slog(h)})
	hostileRecord := samples(gatehouse.LoginFailed)["hostile"]
	e.Records([]gatehouse.Record{typical(gatehouse.BruteForceDetected), hostileRecord})
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"msg": "brute_force_detected", "level": "ERROR", "ip": "192.0.2.1", "correlation_id": "c0ffee", "user_id": "u-1",
		"event.class_uid": 2004.0, "event.finding_info.uid": "f-1",
	} {
		if at(got, path) != want {
			t.Errorf("%s is %v, want %v", path, at(got, path), want)
		}
	}
	// A handler that is not interested is no error.
	e = start(t, export.Options{Target: export.Slog(slog.DiscardHandler)})
	e.Records(numbered(0, 1))
	if err := e.Close(within10s(t)); err != nil || e.Stats().Written != 1 {
		t.Errorf("%v, %+v", err, e.Stats())
	}
}
