package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/iplist"
)

type blocksExportCmd struct {
	serverFlags
	Format string `help:"plain or nft: the fewest networks that make up all blocks; json: each block with its end and reason." enum:"plain,nft,json" default:"plain"`
}

func (cmd *blocksExportCmd) Run(ctx context.Context, c console) error {
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	held, err := o.Store().List(ctx, time.Now())
	if err != nil {
		return err
	}
	var list []iplist.Entry
	for _, b := range held {
		list = append(list, iplist.Entry{Prefix: b.Prefix, Reason: b.Reason, Until: b.Until})
	}
	return iplist.Write(c.out, iplist.Format(cmd.Format), list)
}

type blocksImportCmd struct {
	serverFlags
	File   string `arg:"" help:"File with addresses, networks and ranges; - is standard input. A single IPv6 address stands for its /64."`
	Format string `help:"plain, nft or json. Default: json for .json, nft for .nft, otherwise plain." enum:"auto,plain,nft,json" default:"auto"`
	For    string `help:"For how long those that have no end of their own are kept out: 30m, 12h, 7d; 0 means until they are removed." default:"24h"`
	Reason string `help:"Why, of those that have no reason of their own. Default: the name of the file."`
	DryRun bool   `help:"Only tell what would be done."`
}

func (cmd *blocksImportCmd) Run(ctx context.Context, c console) error {
	how := app.Import{Reason: cmd.Reason, By: operatorName(), DryRun: cmd.DryRun}
	var err error
	if how.For, err = parseDuration(cmd.For); err != nil {
		return usageError{fmt.Errorf("--for: %w", err)}
	}
	if how.Reason == "" {
		how.Reason = "imported"
		if cmd.File != "-" {
			how.Reason += " from " + filepath.Base(cmd.File)
		}
	}
	invalid := 0
	list, err := cmd.read(func(err error) {
		if invalid++; invalid <= maxInvalidTold {
			fmt.Fprintln(c.err, "gatehouse:", err)
		}
	})
	if err != nil {
		// Not the chain: a file that is not there is no missing data directory.
		return usageError{errors.New(err.Error())}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	list = blockable(list)
	done, err := o.Import(ctx, list, how, progress(len(list)))
	would := ""
	if cmd.DryRun {
		would = "nothing is changed; it would be: "
	}
	fmt.Fprintf(c.out, "%sadded %d, extended %d, kept %d, on the allow list %d, over %d, invalid %d\n",
		would, done.Added, done.Extended, done.Kept, done.Allowed, done.Over, invalid+done.Refused)
	if err == nil && invalid+done.Refused > 0 {
		err = fmt.Errorf("%d entries are invalid; the others are not held up by them", invalid+done.Refused)
	}
	return err
}

// maxInvalidTold is of how many entries it is told what is wrong with them.
const maxInvalidTold = 10

func (cmd *blocksImportCmd) read(invalid func(error)) ([]iplist.Entry, error) {
	var in io.Reader = os.Stdin
	o := iplist.Options{Name: "standard input", Format: iplist.Format(cmd.Format), OnInvalid: invalid}
	if cmd.File != "-" {
		f, err := os.Open(cmd.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in, o.Name = f, cmd.File
	}
	if cmd.Format == "auto" {
		o.Format = iplist.FormatOf(cmd.File)
	}
	return iplist.Read(in, o)
}

// blockable returns the entries as they are blocked, each network once for each
// end that it has.
func blockable(list []iplist.Entry) []iplist.Entry {
	type ending struct {
		prefix netip.Prefix
		until  time.Time
	}
	seen := make(map[ending]bool, len(list))
	for i := range list {
		list[i].Prefix = asBlocked(list[i].Prefix)
	}
	return slices.DeleteFunc(list, func(e iplist.Entry) bool {
		of := ending{e.Prefix, e.Until}
		again := seen[of]
		seen[of] = true
		return again
	})
}

// progress tells a person at a terminal how far it is.
func progress(total int) func(done int) {
	if !isatty.IsTerminal(os.Stderr.Fd()) {
		return func(int) {}
	}
	return func(done int) {
		fmt.Fprintf(os.Stderr, "\r%d of %d", done, total)
		if done == total {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
	}
}
