package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// machine is where and when it was measured.
type machine struct {
	Go          string  `json:"go"`
	CPUs        int     `json:"cpus"`
	Platform    string  `json:"platform"`
	LoadBefore  float64 `json:"load_average_before"` // of one minute
	LoadAfter   float64 `json:"load_average_after"`
	CellSeconds float64 `json:"cell_seconds"`
	Part        float64 `json:"part_of_capacity,omitempty"`
	Settings    string  `json:"settings,omitempty"` // that were tried
}

func describe(o options) machine {
	settings := slices.Clone(o.environ)
	for name, value := range o.postgres {
		settings = append(settings, name+"="+value)
	}
	slices.Sort(settings)
	if o.rate > 0 {
		o.part = 0
	}
	return machine{
		Go: runtime.Version(), CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		LoadBefore: loadAverage(), CellSeconds: o.duration.Seconds(), Part: o.part,
		Settings: strings.Join(settings, ", "),
	}
}

func (m *machine) end() { m.LoadAfter = loadAverage() }

func (m machine) String() string {
	text := fmt.Sprintf("%s, %s, %d CPUs that servers, stores and callers share; load average %.1f before and %.1f after; "+
		"%g s for each row, in turns",
		m.Go, m.Platform, m.CPUs, m.LoadBefore, m.LoadAfter, m.CellSeconds)
	if m.Part > 0 {
		text += fmt.Sprintf(", at %.0f %% of what server and callers could do together", m.Part*100)
	}
	if m.Settings != "" {
		text += "; with " + m.Settings
	}
	return text
}

// row is a scenario at a server. Times are in milliseconds, CPU time in seconds for
// each 1,000 requests.
type row struct {
	Store      string         `json:"store"`
	Scenario   string         `json:"scenario"`
	Part       string         `json:"part,omitempty"` // of a scenario that has several; then only latencies and counts
	Variant    string         `json:"variant"`
	Capacity   float64        `json:"capacity,omitempty"` // requests a second, with everything switched on
	Rate       int            `json:"rate,omitempty"`     // that were due
	Throughput float64        `json:"throughput,omitempty"`
	Statuses   map[string]int `json:"statuses"`
	P50        float64        `json:"p50_ms"`
	P99        float64        `json:"p99_ms"`
	P999       float64        `json:"p999_ms"`
	Max        float64        `json:"max_ms"`
	Late       float64        `json:"late_p99_ms"` // how late requests were sent, a part of latency
	CPU        float64        `json:"cpu_s_per_1000,omitempty"`
	RSS        float64        `json:"rss_mib,omitempty"`
	Growth     float64        `json:"rss_growth_mib,omitempty"`
	RedisCPU   float64        `json:"redis_cpu_s_per_1000,omitempty"`
	PostCPU    float64        `json:"postgres_cpu_s_per_1000,omitempty"`
}

// difference is what one thing more costs: the median over the rounds of how much
// higher the quantile was than that of the other server in the same round. Times
// are in milliseconds. Least and Most bound the median at p99 with a confidence of
// 95 %, or as near as so few rounds come.
type difference struct {
	Store    string  `json:"store"`
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Least    float64 `json:"p99_least_ms"`
	Most     float64 `json:"p99_most_ms"`
	CPU      float64 `json:"cpu_ms"` // of the server, for each request
	Ceiling  float64 `json:"ceiling_ms"`
	Few      bool    `json:"few,omitempty"` // answers in a round, too few for a 99th percentile
}

func (d difference) verdict() string {
	switch {
	case d.Most < d.Ceiling:
		return "met"
	case d.Least >= d.Ceiling:
		return "NOT MET"
	}
	return "undecided, the machine was too restless"
}

// report is all that was measured.
type report struct {
	Machine     machine
	Rows        []row
	Differences []difference
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (r *report) add(store string, s scenario, rate int, most float64, cells []cell) {
	byVariant := make(map[string]*cell, len(cells))
	for i := range cells {
		c := &cells[i]
		byVariant[c.node.name] = c
		var all []answer
		var sum spent
		var rates []float64
		p50, p99 := make([]float64, 0, len(c.rounds)), make([]float64, 0, len(c.rounds))
		for _, round := range c.rounds {
			all = append(all, round.answers...)
			sum.server += round.spent.server
			sum.redis += round.spent.redis
			sum.postgres += round.spent.postgres
			rates = append(rates, round.throughput)
			p50, p99 = append(p50, ms(round.p50)), append(p99, ms(round.p99))
		}
		whole := rowOf(all)
		whole.Store, whole.Scenario, whole.Variant = store, s.name, c.node.name
		whole.Capacity, whole.Rate, whole.Throughput = most, rate, median(rates)
		whole.P50, whole.P99 = median(p50), median(p99)
		thousands := float64(len(all)) / 1000
		whole.CPU, whole.RedisCPU, whole.PostCPU = sum.server.Seconds()/thousands, sum.redis.Seconds()/thousands, sum.postgres.Seconds()/thousands
		whole.RSS, whole.Growth = float64(c.after)/(1<<20), float64(c.after-c.before)/(1<<20)
		r.Rows = append(r.Rows, whole)
		if len(s.expected) == 1 {
			continue
		}
		for _, part := range parts(all) {
			p := rowOf(slices.DeleteFunc(slices.Clone(all), func(a answer) bool { return a.part != part }))
			p.Store, p.Scenario, p.Part, p.Variant = store, s.name, part, c.node.name
			r.Rows = append(r.Rows, p)
		}
	}
	for _, step := range ceilings {
		from, to := byVariant[step.from.name], byVariant[step.to.name]
		if from == nil || to == nil {
			continue
		}
		d := difference{Store: store, Scenario: s.name, What: step.name, Ceiling: step.ceiling}
		var p50, p99, cpu []float64
		for i := range from.rounds {
			cpu = append(cpu, to.rounds[i].cpu()-from.rounds[i].cpu())
			d.Few = d.Few || min(len(from.rounds[i].answers), len(to.rounds[i].answers)) < 50
			p50 = append(p50, ms(to.rounds[i].p50-from.rounds[i].p50))
			p99 = append(p99, ms(to.rounds[i].p99-from.rounds[i].p99))
		}
		d.P50, d.P99, d.CPU = median(p50), median(p99), mean(cpu)
		d.Least, d.Most = bounds(p99)
		r.Differences = append(r.Differences, d)
	}
}

func parts(answers []answer) []string {
	var found []string
	for _, a := range answers {
		if !slices.Contains(found, a.part) {
			found = append(found, a.part)
		}
	}
	slices.Sort(found)
	return found
}

// rowOf has what can be said of the answers of all rounds together.
func rowOf(answers []answer) row {
	r := row{Statuses: map[string]int{}}
	sorted := latencies(answers)
	late := make([]time.Duration, len(answers))
	for i, a := range answers {
		late[i] = a.late
		r.Statuses[strconv.Itoa(a.status)]++
	}
	slices.Sort(late)
	r.P50, r.P99, r.P999, r.Max = ms(quantile(sorted, 0.50)), ms(quantile(sorted, 0.99)), ms(quantile(sorted, 0.999)), ms(quantile(sorted, 1))
	r.Late = ms(quantile(late, 0.99))
	return r
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// bounds are the narrowest pair of values, as far from one end as from the other,
// between which the median lies with a probability of 95 %: whether a value is
// below it is the toss of a coin. With fewer than six values, least and most are
// all there is.
func bounds(values []float64) (least, most float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	term := math.Pow(0.5, float64(n)) // the probability that just k tosses of n are heads
	beyond, k := term, 0
	for {
		term *= float64(n-k) / float64(k+1)
		if beyond+term > 0.025 {
			return sorted[k], sorted[n-1-k]
		}
		beyond, k = beyond+term, k+1
	}
}

// verdicts say, of each ceiling, the scenario that comes nearest to it where
// counters are in Redis, or embedded if nothing else was run.
func (r report) verdicts() []string {
	store := "embedded"
	if slices.ContainsFunc(r.Differences, func(d difference) bool { return d.Store == "shared" }) {
		store = "shared"
	}
	var told []string
	for _, step := range ceilings {
		var of []difference
		for _, d := range r.Differences {
			if d.Store == store && d.What == step.name && !d.Few {
				of = append(of, d)
			}
		}
		if len(of) == 0 {
			continue
		}
		worst := slices.MaxFunc(of, func(a, b difference) int { return cmp.Compare(a.Most, b.Most) })
		verb := "adds"
		if step.name == "all together" {
			verb = "add"
		}
		told = append(told, fmt.Sprintf("%s %s %s ms at p99 (%s to %s; ceiling %g ms; worst of %d scenarios, %s: %q): %s",
			step.name, verb, signed(worst.P99), signed(worst.Least), signed(worst.Most), step.ceiling,
			len(of), store, worst.Scenario, worst.verdict()))
	}
	return told
}

// signed is a difference with its sign.
func signed(v float64) string { return fmt.Sprintf("%+.2f", v) }

// text prints the tables for a terminal.
func (r report) text(w io.Writer) {
	fmt.Fprintf(w, "%v\n", r.Machine)
	for _, t := range r.tables() {
		fmt.Fprintf(w, "\n%s\n", t.title)
		out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, line := range append([][]string{t.head}, t.lines...) {
			fmt.Fprintf(out, "  %s\n", strings.Join(line, "\t"))
		}
		out.Flush()
	}
	fmt.Fprintln(w)
	for _, v := range r.verdicts() {
		fmt.Fprintln(w, v)
	}
}
