package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/chain"
)

type logVerifyCmd struct {
	serverFlags
	Expect []string `help:"A head that an earlier verification printed, and that was kept elsewhere; may be given several times." placeholder:"HEAD"`
}

// Help tells what a verification can and cannot find.
func (logVerifyCmd) Help() string {
	return `Each record of the security log carries the hash of the one before it, and the
end of the log is signed with each commit. The first record that was altered,
removed, inserted or moved is named, and the exit code is 1.

Whoever can read the keys in the data directory can make a new log, and whoever
can write there can put an older copy back or begin an empty one. Keep the head
that is printed on another system, and give it to a later verification with
--expect, to find that too.`
}

func (cmd *logVerifyCmd) Run(ctx context.Context, c console) error {
	var expect []chain.Head
	for _, s := range cmd.Expect {
		head, err := chain.ParseHead(s)
		if err != nil {
			return usageError{fmt.Errorf("--expect: %w", err)}
		}
		expect = append(expect, head)
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	began := time.Now()
	got, err := o.VerifyLog(ctx, expect, func(records int) {
		if c.color {
			fmt.Fprintf(c.err, "\r%d records", records)
		}
	})
	if c.color {
		fmt.Fprint(c.err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d records are as they were written (%s)\n", got.Records, time.Since(began).Round(time.Millisecond))
	for _, head := range got.Heads {
		fmt.Fprintln(c.out, head)
	}
	return nil
}
