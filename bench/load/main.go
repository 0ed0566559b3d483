// Command load measures the whole server under load: the real binary in a process
// of its own, by HTTP over loopback, embedded (counters in memory, records in
// SQLite) and with Redis and PostgreSQL, with detection and monitoring on and off.
//
// The load is open: requests are due by a clock, at half of what the server can
// do, whether or not earlier ones were answered, and latency counts from when a
// request was due. So a server that hesitates is charged for everybody who came
// meanwhile (there is no coordinated omission), and so is the machine when this
// program itself comes late, which the column "late" tells.
//
// docs/performance.md says how to read the tables. Linux only: it reads /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options says how much to measure, and of what.
type options struct {
	duration time.Duration // of a cell: a scenario at a server, all its rounds together
	warmUp   time.Duration // for each cell, not counted
	probe    time.Duration // how long to find out what a server can do
	part     float64       // of that, the rate that is measured
	rate     int           // requests a second, instead of a part of what it can do; 0: that part
	workers  uint64        // requests in flight, at most
	timeout  time.Duration // of a request
	only     string        // scenarios whose name contains it
	stores   string
	binary   string   // of gatehouse; empty: built from the source
	environ  []string // of the servers, besides this program's
	postgres map[string]string
}

func main() {
	o := options{warmUp: 500 * time.Millisecond, probe: time.Second, workers: 256, timeout: 30 * time.Second}
	quick := flag.Bool("quick", false, "2 s for each row: two minutes or so in all, rougher figures")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long each row is measured, all its turns together")
	flag.Float64Var(&o.part, "part", 0.5, "`part` of what the server can do at which it is measured")
	flag.IntVar(&o.rate, "rate", 0, "the `rate` at which it is measured instead, to compare runs")
	flag.StringVar(&o.only, "only", "", "run only the scenarios whose name contains `text`")
	flag.StringVar(&o.stores, "stores", "", "run only with the stores whose name contains `text`: embedded or shared")
	flag.StringVar(&o.binary, "binary", "", "use this gatehouse `file`, instead of building one")
	environ := flag.String("env", "", "environment of the servers, to try settings: `NAME=value,...`, such as GOGC=400")
	postgres := flag.String("postgres", "", "settings of PostgreSQL, to try them: `name=value,...`")
	asJSON := flag.Bool("json", false, "print one JSON object for each row and each difference")
	markdown := flag.String("markdown", "", "write the tables between the markers of `file` as well")
	role := flag.String("as", "", "be one of the servers: floor or sentry; for this program's own use")
	address := flag.String("listen", "127.0.0.1:0", "where -as listens")
	flag.Parse()
	if *role != "" {
		fail(standIn(*role, *address))
		return
	}
	if *quick {
		o.duration, o.warmUp, o.probe = 2*time.Second, 200*time.Millisecond, 500*time.Millisecond
	}
	if *environ != "" {
		o.environ = strings.Split(*environ, ",")
	}
	o.postgres = pairs(*postgres)
	if o.part <= 0 || o.part >= 1 || o.rate < 0 || o.duration < time.Second {
		fail(errors.New("-part is between 0 and 1, -rate not below 0, -duration at least 1s"))
	}
	isolate()
	debug.SetGCPercent(400) // its own collections are nobody's latency

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	const longest = 30 * time.Minute // whatever hangs
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	r := report{Machine: describe(o)}
	err := measure(ctx, o, &r, os.Stderr)
	if ctx.Err() != nil {
		err = context.Cause(ctx) // whatever failed because of it
	}
	r.Machine.end()
	if *asJSON {
		fail(printJSON(os.Stdout, r))
	} else {
		r.text(os.Stdout)
	}
	fail(err) // figures of a run that went wrong are shown, and not kept
	if *markdown != "" {
		fail(rewrite(*markdown, r))
	}
}

// isolate takes settings for servers out of the environment, which win over their
// file: nothing here may reach somebody's real Sentry.
func isolate() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if slices.ContainsFunc([]string{"GATEHOUSE_", "SENTRY_", "OTEL_"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			os.Unsetenv(name)
		}
	}
}

func pairs(text string) map[string]string {
	settings := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			settings[name] = value
		}
	}
	return settings
}

func printJSON(w io.Writer, r report) error {
	out := json.NewEncoder(w)
	errs := []error{out.Encode(r.Machine)}
	for _, row := range r.Rows {
		errs = append(errs, out.Encode(row))
	}
	for _, d := range r.Differences {
		errs = append(errs, out.Encode(d))
	}
	return errors.Join(errs...)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
