package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
)

type blocksCmd struct {
	List   blocksListCmd   `cmd:"" default:"withargs" help:"List the blocks in force."`
	Add    blocksAddCmd    `cmd:"" help:"Keep an address or a network out, at once."`
	Remove blocksRemoveCmd `cmd:"" help:"Let an address or a network back in, at once."`
	Export blocksExportCmd `cmd:"" help:"Print the blocks in force as a list for other programs."`
	Import blocksImportCmd `cmd:"" help:"Keep all addresses and networks on a list out, at once."`
}

type blocksListCmd struct {
	serverFlags
	JSON bool `help:"One JSON object a line." name:"json"`
}

func (cmd *blocksListCmd) Run(ctx context.Context, c console) error {
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	held, err := o.Store().List(ctx, time.Now())
	if err != nil {
		return err
	}
	if cmd.JSON {
		return lines(c, held, func(b gatehouse.Block) gatehouse.Block { return b })
	}
	if len(held) == 0 {
		_, err := fmt.Fprintln(c.err, "no blocks in force")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tUNTIL\tBY\tREASON")
	for _, b := range held {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", gatehouse.FormatPrefix(b.Prefix), until(b.Until), gatehouse.CleanText(b.By, 60), gatehouse.CleanText(b.Reason, 120))
	}
	return w.Flush()
}

type blocksAddCmd struct {
	serverFlags
	Address string `arg:"" help:"Address or network, such as 192.0.2.1 or 192.0.2.0/24. An IPv6 address stands for its /64."`
	For     string `help:"For how long: 30m, 12h, 7d; 0 means until it is removed." default:"1h"`
	Reason  string `help:"Why, for those who read the log." default:"placed by hand"`
}

func (cmd *blocksAddCmd) Run(ctx context.Context, c console) error {
	prefix, err := blockPrefix(cmd.Address)
	if err != nil {
		return usageError{err}
	}
	d, err := parseDuration(cmd.For)
	if err != nil {
		return usageError{fmt.Errorf("--for: %w", err)}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	b, err := o.Block(ctx, prefix, d, cmd.Reason, operatorName())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s is blocked until %s\n", gatehouse.FormatPrefix(b.Prefix), until(b.Until))
	return err
}

type blocksRemoveCmd struct {
	serverFlags
	Address string `arg:"" help:"Address or network, as blocks list shows it."`
}

func (cmd *blocksRemoveCmd) Run(ctx context.Context, c console) error {
	prefix, err := blockPrefix(cmd.Address)
	if err != nil {
		return usageError{err}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	if _, err := o.Unblock(ctx, prefix, operatorName()); err != nil {
		return fmt.Errorf("block of %s: %w", gatehouse.FormatPrefix(prefix), err)
	}
	_, err = fmt.Fprintf(c.out, "%s is no longer blocked\n", gatehouse.FormatPrefix(prefix))
	return err
}

// blockPrefix reads what to block. A single IPv6 address stands for the network
// by which it is counted.
func blockPrefix(s string) (netip.Prefix, error) {
	p, err := parsePrefix(s)
	if err != nil {
		return p, err
	}
	return asBlocked(p), nil
}

// asBlocked returns the network that is blocked in the place of p.
func asBlocked(p netip.Prefix) netip.Prefix {
	if p.IsSingleIP() {
		return clientip.CountingPrefix(p.Addr())
	}
	return p
}

func operatorName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "operator"
}

func until(t time.Time) string {
	if t.IsZero() {
		return "it is removed"
	}
	return t.Local().Format(time.DateTime)
}
