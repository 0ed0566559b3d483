package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// table is what is shown, as text and in Markdown.
type table struct {
	title string
	head  []string
	lines [][]string
}

var titles = map[string]string{
	"embedded": "Embedded: counters in memory, records in SQLite",
	"shared":   "Shared: counters in Redis, records in PostgreSQL",
}

func (r report) tables() []table {
	var all []table
	for _, store := range []string{"embedded", "shared"} {
		t := table{title: titles[store], head: []string{"scenario", "switched on", "due/s", "answered/s", "answers", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "late p99 ms", "CPU s/1,000", "RSS MiB (grew)"}}
		if store == "shared" {
			t.head = append(t.head, "Redis CPU", "PostgreSQL CPU")
		}
		parts := table{title: "Attack mix by its parts, " + store, head: []string{"part", "switched on", "answers", "p50 ms", "p99 ms", "max ms"}}
		for _, row := range r.Rows {
			switch {
			case row.Store != store:
			case row.Part != "":
				parts.lines = append(parts.lines, []string{row.Part, row.Variant, row.statuses(), digits(row.P50), digits(row.P99), digits(row.Max)})
			default:
				t.lines = append(t.lines, row.line())
			}
		}
		d := table{title: "What it adds, " + store, head: []string{"scenario", "what", "p50 ms", "p99 ms", "p99 lies within (95 %)", "CPU ms a request", "ceiling at p99"}}
		for _, one := range r.Differences {
			if one.Store == store {
				p99, within, ceiling := signed(one.P99), signed(one.Least)+" to "+signed(one.Most), fmt.Sprintf("%g ms", one.Ceiling)
				if one.Few {
					p99, within, ceiling = "", "", "too few answers"
				}
				d.lines = append(d.lines, []string{one.Scenario, one.What, signed(one.P50), p99, within, fmt.Sprintf("%+.3f", one.CPU), ceiling})
			}
		}
		slices.SortStableFunc(parts.lines, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
		all = append(all, t, parts, d)
	}
	return slices.DeleteFunc(all, func(t table) bool { return len(t.lines) == 0 })
}

func (r row) line() []string {
	p999 := digits(r.P999)
	if r.count() < 1000 {
		p999 = "" // the slowest of them
	}
	line := []string{r.Scenario, r.Variant, fmt.Sprint(r.Rate), fmt.Sprintf("%.0f", r.Throughput), r.statuses(),
		digits(r.P50), digits(r.P99), p999, digits(r.Max), digits(r.Late), digits(r.CPU), fmt.Sprintf("%.0f (%+.0f)", r.RSS, r.Growth)}
	if r.Store == "shared" {
		line = append(line, digits(r.RedisCPU), digits(r.PostCPU))
	}
	return line
}

func (r row) count() (n int) {
	for _, of := range r.Statuses {
		n += of
	}
	return n
}

// statuses lists the answers by status, such as "1200 × 200, 60 × 429".
func (r row) statuses() string {
	var codes []string
	for code := range r.Statuses {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for i, code := range codes {
		codes[i] = fmt.Sprintf("%d × %s", r.Statuses[code], code)
	}
	return strings.Join(codes, ", ")
}

// digits writes a number with three of them that count, below a thousand.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// The tables stand between these lines; the prose around them is written by hand.
const (
	opening = "<!-- load -->\n"
	closing = "<!-- /load -->\n"
)

// rewrite replaces the tables of a Markdown file.
func rewrite(path string, r report) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(opening))
	_, after, ended := bytes.Cut(rest, []byte(closing))
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q", path, strings.TrimSpace(opening), strings.TrimSpace(closing))
	}
	var buffer bytes.Buffer
	out := &buffer
	fmt.Fprintf(out, "%s%s%v.\n\n", before, opening, r.Machine)
	for _, v := range r.verdicts() {
		fmt.Fprintf(out, "- %s\n", v)
	}
	for _, t := range r.tables() {
		fmt.Fprintf(out, "\n### %s\n\n", t.title)
		fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
		for _, line := range t.lines {
			fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
		}
	}
	fmt.Fprintf(out, "\n%s", closing)
	out.Write(after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}
