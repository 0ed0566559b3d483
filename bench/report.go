package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// role says what a row stands for.
type role string

const (
	floor role = "floor" // the least that the work can cost
	ours  role = "ours"
	peer  role = "peer"
	note  role = "note" // shown for comparison, not judged
)

// result is one row of a table.
type result struct {
	Section string  `json:"section"`
	Name    string  `json:"name"`
	Role    role    `json:"role"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"` // ns, us, ms, bytes, or perSecond, of which more is better
	Allocs  float64 `json:"allocs_per_op"`

	OfFloor float64 `json:"of_floor,omitempty"` // Value by the floor's
	OfPeer  float64 `json:"of_best_peer,omitempty"`
	Goal    string  `json:"goal,omitempty"`
	Met     bool    `json:"met"`

	More []figure `json:"more,omitempty"` // the same ones in each row of a table

	goals []goal
}

const perSecond = "/s"

// figure is one more thing that was measured of a row.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// goal is one promise about a row of ours. At most one bound is set.
type goal struct {
	maxOfFloor float64
	minOfFloor float64
	maxOfPeer  float64
	minOfPeer  float64
	max        float64
	noAllocs   bool
}

func (g goal) text(unit string) string {
	switch {
	case g.noAllocs:
		return "0 allocs"
	case g.maxOfFloor > 0:
		return fmt.Sprintf("<= %gx floor", g.maxOfFloor)
	case g.minOfFloor > 0:
		return fmt.Sprintf(">= %gx floor", g.minOfFloor)
	case g.maxOfPeer > 0:
		return fmt.Sprintf("<= %gx best peer", g.maxOfPeer)
	case g.minOfPeer > 0:
		return fmt.Sprintf(">= %gx best peer", g.minOfPeer)
	}
	return fmt.Sprintf("<= %g %s", g.max, unit)
}

func (g goal) met(r result) bool {
	switch {
	case g.noAllocs:
		return r.Allocs < 0.001
	case g.maxOfFloor > 0:
		return r.OfFloor <= g.maxOfFloor
	case g.minOfFloor > 0:
		return r.OfFloor >= g.minOfFloor
	case g.maxOfPeer > 0:
		return r.OfPeer <= g.maxOfPeer
	case g.minOfPeer > 0:
		return r.OfPeer >= g.minOfPeer
	}
	return r.Value <= g.max
}

// judge fills in the ratios and whether each goal is met.
func judge(rows []result) []result {
	var least, best float64
	for _, r := range rows {
		switch r.Role {
		case floor:
			least = r.Value
		case peer:
			if best = cmp.Or(best, r.Value); (r.Value < best) == (r.Unit != perSecond) {
				best = r.Value
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		if least > 0 {
			r.OfFloor = r.Value / least
		}
		if best > 0 {
			r.OfPeer = r.Value / best
		}
		r.Met = true
		for j, g := range r.goals {
			verdict := "met"
			if !g.met(*r) {
				r.Met, verdict = false, "NOT MET"
			}
			if j > 0 {
				r.Goal += "; "
			}
			r.Goal += g.text(r.Unit) + ": " + verdict
		}
	}
	return rows
}

// show prints a table.
func show(w io.Writer, name string, rows []result) {
	fmt.Fprintf(w, "\n%s\n", name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  \tvalue\tx floor\tx best peer\tallocs/op\t")
	for _, f := range rows[0].More {
		fmt.Fprintf(t, "%s\t", f.Name)
	}
	fmt.Fprintf(t, "goal\n")
	for _, r := range rows {
		fmt.Fprintf(t, "  %s\t%s %s\t%.2f\t%.2f\t%.2f\t", r.Name, digits(r.Value), r.Unit, r.OfFloor, r.OfPeer, r.Allocs)
		for _, f := range r.More {
			fmt.Fprintf(t, "%s\t", digits(f.Value))
		}
		fmt.Fprintf(t, "%s\n", r.Goal)
	}
	t.Flush()
}

// digits writes a number with at least three of them, and none that is noise.
func digits(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
