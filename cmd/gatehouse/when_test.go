package main

import (
	"testing"
	"time"
)

func TestLogTimes(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for typed, want := range map[string]time.Time{
		"":                     {},
		"90m":                  now.Add(-90 * time.Minute),
		"7d":                   now.AddDate(0, 0, -7),
		"2026-03-01":           time.Date(2026, 3, 1, 0, 0, 0, 0, time.Local),
		"2026-03-01 08:30:00":  time.Date(2026, 3, 1, 8, 30, 0, 0, time.Local),
		"2026-03-01T08:30:00Z": time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC),
	} {
		q, err := (&logQueryCmd{Since: typed}).query(now)
		if err != nil || !q.Since.Equal(want) || !q.Until.IsZero() {
			t.Errorf("--since %q: from %v until %v, %v; want %v", typed, q.Since, q.Until, err, want)
		}
		q, err = (&logQueryCmd{Until: typed}).query(now)
		if err != nil || !q.Until.Equal(want) || !q.Since.IsZero() {
			t.Errorf("--until %q: from %v until %v, %v; want %v", typed, q.Since, q.Until, err, want)
		}
	}
	for _, typed := range []string{"-1h", "-1d", "soon", "2026-02-30"} {
		if _, err := parseWhen(typed, now); err == nil {
			t.Errorf("%q was read", typed)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for typed, want := range map[string]struct{ search, block string }{
		"192.0.2.1":        {"192.0.2.1/32", "192.0.2.1/32"},
		"::ffff:192.0.2.1": {"192.0.2.1/32", "192.0.2.1/32"},
		"192.0.2.7/24":     {"192.0.2.0/24", "192.0.2.0/24"},
		"2001:db8::1":      {"2001:db8::1/128", "2001:db8::/64"},
		"2001:db8::1/48":   {"2001:db8::/48", "2001:db8::/48"},
	} {
		search, err := parsePrefix(typed)
		if err != nil || search.String() != want.search {
			t.Errorf("--ip %s looks for %s, %v; want %s", typed, search, err, want.search)
		}
		block, err := blockPrefix(typed)
		if err != nil || block.String() != want.block {
			t.Errorf("blocks add %s: %s, %v; want %s", typed, block, err, want.block)
		}
	}
}
