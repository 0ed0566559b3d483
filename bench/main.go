// Command bench measures Gatehouse beside a hand-written floor and its peers:
// the same keys, one run, in turns, so that the ratios hold even where the times
// do not. README.md says how to read it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
)

// config says how much to measure.
type config struct {
	keys   int // distinct keys
	ops    int // operations in a round
	rounds int // of which the median counts
	blocks int
	stalls int // rounds of the stall section
	quick  bool
}

// section is a table of the report.
type section struct {
	name string
	run  func(config) []result
}

// sections lists what is measured, in order. Add a row by adding a contender
// to its section, and a table by adding a line here.
var sections = []section{
	{"counter", oneCounter},
	{"counter-parallel", parallelCounter},
	{"rate", oneRate},
	{"rate-two", twoRates},
	{"bytes", bytesPerKey},
	{"rules", fourRules},
	{"rules-sliding", slidingRules},
	{"admit", admitted},
	{"stall", expiryStall},
	{"redis-latency", redisLatency},
	{"redis-throughput", redisThroughput},
	{"redis-blocks", redisBlocks},
	{"redis-bytes", redisBytes},
}

func main() {
	var keys int
	quick := flag.Bool("quick", false, "fewer keys and rounds: a minute or two instead of many, rougher figures")
	asJSON := flag.Bool("json", false, "print one JSON object for each row")
	only := flag.String("only", "", "run only the sections whose name contains `text`")
	flag.IntVar(&keys, "keys", 1_000_000, "how many distinct keys")
	profile := flag.String("cpuprofile", "", "write a CPU profile to `file`")
	mine := flag.Bool("ours", false, "leave the peers out, for profiles")
	flag.Parse()
	if *mine {
		peers = nil
	}
	if *profile != "" {
		must(0, pprof.StartCPUProfile(must(os.Create(*profile))))
		defer pprof.StopCPUProfile()
	}

	cfg := config{keys: keys, ops: 2_000_000, rounds: 7, blocks: 100_000, stalls: 5}
	if *quick {
		cfg.ops, cfg.rounds, cfg.stalls, cfg.quick = 500_000, 3, 1, true
	}
	if !*asJSON {
		fmt.Printf("%s, %d CPUs, %d keys, %d rounds of %d operations in turns\n", runtime.Version(), runtime.NumCPU(), cfg.keys, cfg.rounds, cfg.ops)
	}
	chosen := slices.DeleteFunc(slices.Clone(sections), func(s section) bool { return !strings.Contains(s.name, *only) })
	if slices.ContainsFunc(chosen, func(s section) bool { return strings.HasPrefix(s.name, "redis") }) {
		if err := haveRedis(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	for _, s := range chosen {
		rows := judge(s.run(cfg))
		if *asJSON {
			out := json.NewEncoder(os.Stdout)
			for _, r := range rows {
				r.Section = s.name
				if err := out.Encode(r); err != nil {
					fmt.Fprintln(os.Stderr, "bench:", err)
					os.Exit(1)
				}
			}
			continue
		}
		show(os.Stdout, s.name, rows)
		runtime.GC()
	}
}
