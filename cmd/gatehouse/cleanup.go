package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse/app"
)

type cleanupCmd struct {
	serverFlags
	DryRun bool `help:"Count what would be removed, and remove nothing."`
	JSON   bool `help:"One JSON object." name:"json"`
}

// Help tells what is removed.
func (cleanupCmd) Help() string {
	return `The server does this by itself, by clean_up.schedule. What is over is kept for
clean_up.keep, records of the security log for clean_up.keep_log, those of some
types only for clean_up.keep_log_of.

A running server does it, else this command. It may be ended at any time: what is
left goes the next time. The exit code is 1 if it failed, or one is under way.`
}

// cleanedUp is what the JSON form tells.
type cleanedUp struct {
	DryRun bool               `json:"dry_run"`
	Counts []app.CleanUpCount `json:"counts"`
	TookMS int64              `json:"took_ms"`
}

func (cmd *cleanupCmd) Run(ctx context.Context, c console) error {
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	began := time.Now()
	var counts []app.CleanUpCount
	if cmd.DryRun {
		counts, err = o.CountCleanUp(ctx)
	} else {
		counts, err = o.CleanUp(ctx, func(n app.CleanUpCount) {
			if c.color {
				fmt.Fprintf(c.err, "\r\x1b[K%d %s", n.Count, n.What)
			}
		})
		if c.color {
			fmt.Fprint(c.err, "\r\x1b[K")
		}
	}
	if err != nil {
		return err
	}
	if cmd.JSON {
		return json.NewEncoder(c.out).Encode(cleanedUp{cmd.DryRun, counts, time.Since(began).Milliseconds()})
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, map[bool]string{true: "WHAT\tWOULD BE REMOVED", false: "WHAT\tREMOVED"}[cmd.DryRun])
	for _, n := range counts {
		fmt.Fprintf(w, "%s\t%d\n", n.What, n.Count)
	}
	return w.Flush()
}
