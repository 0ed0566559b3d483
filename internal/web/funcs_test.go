package web_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// say renders one template with data.
func say(t *testing.T, text string, data any) (string, error) {
	t.Helper()
	pages, err := web.Parse(site("x.html", text), web.Funcs(clock))
	if err != nil {
		t.Fatal(err)
	}
	part, err := pages.Part("x", "x.html", data)
	return string(part), err
}

const escaped = "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;`{{.}}\u202e"

const hostile = `"><script>alert(1)</script>'` + "`{{.}}\u202e"

func TestFuncs(t *testing.T) {
	lisbon := gatehouse.Place{Country: "PT", City: "Lisbon"}
	for _, test := range []struct {
		text string
		data any
		want string
	}{
		{`{{time .}}`, now.Add(-3 * time.Minute), `<time datetime="2026-11-23T18:27:00Z" title="2026-11-23 18:27:00 UTC" data-relative>3 minutes ago</time>`},
		{`{{time .}}`, time.Time{}, `<span>never</span>`},
		{`{{time .}}`, now.In(time.FixedZone(hostile, 3600)), `<time datetime="2026-11-23T18:30:00Z" title="2026-11-23 19:30:00 &#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;` + "`{{.}}\u202e" + `" data-relative>just now</time>`},
		{`{{until .}}`, now.Add(90 * time.Second), `<time datetime="2026-11-23T18:31:30Z" title="2026-11-23 18:31:30 UTC" data-until>1 min 30 s</time>`},
		{`{{until .}}`, time.Time{}, `<span>until lifted</span>`},
		{`{{exact .}}`, now, `<time datetime="2026-11-23T18:30:00Z" title="2026-11-23 18:30:00 UTC" data-exact>2026-11-23 18:30:00 UTC</time>`},
		{`{{ago .}} {{now.Year}}`, now.Add(-time.Hour), `1 hour ago 2026`},
		{`{{number .}} {{compact .}}`, 1234567, "1,234,567 1.2\u202fM"},
		{`{{plural . "finding" "findings"}}`, 1, "1 finding"},
		{`{{plural . "finding" "findings"}}`, 1001, "1,001 findings"},
		{`{{percent . 10}} {{percent . 0}} {{percent . 1000000}}`, 3, "30\u202f% – under 1\u202f%"},
		{`{{duration .}}`, 15 * time.Minute, "15 minutes"},
		{`{{kind .}}`, gatehouse.BruteForceDetected, "Brute force detected"},
		{`{{kind .}}`, gatehouse.Kind(hostile), escaped},
		{`{{severity .}}`, gatehouse.High, `<span class="badge badge--high">High</span>`},
		{`{{severity .}}`, gatehouse.Severity(200), `<span class="badge badge--critical">Critical</span>`},
		{`{{place .}}`, lisbon, "Lisbon, Portugal"},
		{`{{place .}}`, gatehouse.Place{Country: "XK"}, "Kosovo"},
		{`{{place .}}`, gatehouse.Place{City: "<b>"}, "&lt;b&gt;"},
		{`{{place .}}`, gatehouse.Place{}, "unknown place"},
		{`{{country "HK"}} {{country "QQ"}}`, nil, "Hong Kong QQ"},
		{`{{device .}}`, gatehouse.Device{}, "unknown device"},
		{`{{device .}}`, gatehouse.Device{Name: hostile}, escaped},
		{`{{addr .}}`, netip.MustParseAddr("192.0.2.7"), "192.0.2.7"},
		{`[{{addr .}}]`, netip.Addr{}, "[]"},
		{`{{prefix .}}`, netip.MustParsePrefix("192.0.2.7/32"), "192.0.2.7"},
		{`{{prefix .}}`, netip.MustParsePrefix("2001:db8::/64"), "2001:db8::/64"},
		{`[{{prefix .}}]`, netip.Prefix{}, "[]"},
		{`{{short . 4}} {{short . 40}}`, "aé漢b😀", "aé漢b… aé漢b😀"},
		{`{{with dict "a" 1 "b" .}}{{.a}}{{.b}}{{end}}`, "<", "1&lt;"},
		{`{{change 12 10}}`, nil, "20\u202f%"},
		{`{{change 10 10}}`, nil, `<span class="change">no change</span>`},
		{`{{change 1 0}}`, nil, "up from none"},
		{`{{change 0 10}}`, nil, `<span class="visually-hidden">down </span>100`},
		{`{{icon "shield"}}`, nil, `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M20`},
		{`{{asset "web.css"}}`, nil, web.AssetPath("web.css")},
		{`{{spark .}}`, []int{0, 5, 10}, `d="M0.0 29.0 50.0 15.0 100.0 1.0"`},
		{`[{{spark .}}]`, []int{3}, "[]"},
		{`{{spark .}}`, []int{0, -7}, `d="M0.0 29.0 100.0 29.0"`},
	} {
		got, err := say(t, test.text, test.data)
		if err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s of %v: %q %v, want %q", test.text, test.data, got, err, test.want)
		}
	}
	for _, wrong := range []string{`{{asset "x"}}`, `{{icon "no such"}}`, `{{dict "a"}}`, `{{dict 1 2}}`} {
		if got, err := say(t, wrong, nil); err == nil {
			t.Errorf("%s: %q", wrong, got)
		}
	}
}

func TestHeadHasNothingInline(t *testing.T) {
	head, err := say(t, "{{head}}", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web.css", "app.js", "theme.js", "htmx.min.js", "htmx-sse.min.js", "echarts.min.js", "icon.svg"} {
		if !strings.Contains(head, web.AssetPath(name)) {
			t.Errorf("%s is missing", name)
		}
	}
	if strings.Contains(head, "<style") || strings.Contains(head, " style=") || strings.Contains(head, "<script>") {
		t.Error(head)
	}
}

func TestHeat(t *testing.T) {
	for _, test := range []struct {
		n, most int
		want    string
	}{{0, 10, "h0"}, {-1, 10, "h0"}, {1, 0, "h0"}, {1, 1, "h9"}, {1, 1000000, "h1"}, {1, 81, "h1"}, {2, 81, "h2"}, {64, 81, "h8"}, {65, 81, "h9"},
		{99, 10, "h9"}, {math.MaxInt, math.MaxInt, "h9"}, {math.MaxInt / 4, math.MaxInt, "h5"}} {
		if got, _ := say(t, fmt.Sprintf("{{heat %d %d}}", test.n, test.most), nil); got != test.want {
			t.Errorf("%d of %d: %s, want %s", test.n, test.most, got, test.want)
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1: "-1", -123: "-123", -1234: "-1,234", 1234567: "1,234,567", math.MinInt: "-9,223,372,036,854,775,808"} {
		if got := web.Number(n); got != want {
			t.Errorf("Number(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202fk", 1249: "1.2\u202fk", 9949: "9.9\u202fk", 9950: "10\u202fk", 34567: "35\u202fk", 999499: "999\u202fk", 999500: "1\u202fM",
		-4200: "-4.2\u202fk", math.MaxInt: "9.2\u202fE", math.MinInt: "-9.2\u202fE"} {
		if got := web.Compact(n); got != want {
			t.Errorf("Compact(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", time.Millisecond: "1 ms", time.Second: "1 second", 90 * time.Second: "1 minute 30 seconds", time.Hour: "1 hour",
		-2 * time.Hour: "2 hours", 25 * time.Hour: "1 day 1 hour", 24*time.Hour + time.Second: "1 day", 72 * time.Hour: "3 days", math.MinInt64: "106,751 days 23 hours"} {
		if got := web.Duration(d); got != want {
			t.Errorf("Duration(%d) = %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "just now", -999 * time.Millisecond: "just now", time.Second: "1 second ago", 59 * time.Minute: "59 minutes ago", 36 * time.Hour: "1 day ago",
		-61 * time.Second: "in 1 minute"} {
		if got := web.Ago(now.Add(-d), now); got != want {
			t.Errorf("Ago(%v) = %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "over", -time.Hour: "over", time.Second: "1 s", 61 * time.Second: "1 min 1 s", time.Hour: "1 h 0 min", 50 * time.Hour: "2 d 2 h"} {
		if got := web.Left(now.Add(d), now); got != want {
			t.Errorf("Left(%v) = %s, want %s", d, got, want)
		}
	}
	for _, k := range gatehouse.Kinds() {
		if words := web.Kind(k); words == "" || strings.Contains(words, "_") || words[0] < 'A' || words[0] > 'Z' {
			t.Errorf("%s: %q", k, words)
		}
	}
}
