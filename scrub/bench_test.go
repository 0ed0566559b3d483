package scrub_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/scrub"
)

const cleanLine = `level=INFO msg="request served" method=POST endpoint=/api/auth/login status=200 duration=31.4ms ` +
	`bytes=312 ip=192.0.2.7 correlation_id=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b agent="Firefox on Linux" ok`

func BenchmarkText(b *testing.B) {
	s := scrub.New(scrub.Options{})
	for _, c := range []struct{ name, text string }{
		{"clean200", cleanLine},
		{"dirty200", strings.Replace(cleanLine, "method=POST", "password=hunter2", 1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				s.Text(c.text)
			}
		})
	}
}

func BenchmarkJSON1KiB(b *testing.B) {
	s := scrub.New(scrub.Options{})
	doc := []byte(`{"items":[` + strings.Repeat(`{"id":17,"name":"a device","note":"Firefox on Linux","ok":true},`, 15) + `{"password":"hunter2"}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		s.JSON(doc)
	}
}

// hostile are texts made to be slow, of any length.
func hostile(n int) map[string]string {
	all := map[string]string{}
	for name, unit := range map[string]string{
		"open": "password=[", "quotes": `password="`, "loose": `state="`, "braces": "{a:{state:[", "scheme": "//a:b/", "percent": "%2525", "slashes": `\`,
		"spaces": " ", "pairs": "password=x ", "session": "session=[a", "commas": "token=a,b:", "pem": "-----BEGIN PRIVATE KEY", "ends": "-----END PRIVATE KEY-----",
		"form": `name="password"` + "\n\n--", "names": `"password" `, "words": "password ", "xml": "<password ", "curl": "curl -u a ", "word": "password",
		"at": "u:p@tcp(", "entities": "&#34;password", "bearer": "Bearer ", "cookie": "cookie=a;b=", "field": "{Password:a b", "hash": "$2a$", "literal": "token={a{",
	} {
		all[name] = strings.Repeat(unit, n/len(unit)+1)[:n]
	}
	return all
}

// Twice the text takes twice the time, more or less: what takes quadratic time is
// slower by orders of magnitude at this size.
func TestTextTakesLinearTime(t *testing.T) {
	s := scrub.New(scrub.Options{MaxBytes: 1 << 20})
	for name, text := range hostile(1 << 20) {
		start := time.Now()
		out := s.Text(text)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %s", name, took)
		}
		if len(out) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(out))
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	s := scrub.New(scrub.Options{MaxBytes: 2 << 20})
	for _, n := range []int{1 << 18, 1 << 20} {
		for name, text := range hostile(n) {
			b.Run(name+"/"+map[int]string{1 << 18: "256KiB", 1 << 20: "1MiB"}[n], func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					s.Text(text)
				}
			})
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	h := scrub.NewHandler(slog.DiscardHandler, scrub.New(scrub.Options{}))
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request served", 0)
	r.Add("endpoint", "POST /api/auth/login", "status", 200, "correlation_id", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Handle(context.Background(), r)
	}
}
