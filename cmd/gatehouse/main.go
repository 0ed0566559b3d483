// Gatehouse guards the place where people log in.
//
// Run "gatehouse --help" for its commands, or "gatehouse demo" to see it work.
//
// It exits with 0 when all went well, 1 when the command failed, 2 when it was
// called or configured wrongly, and 3 when the thing asked for does not exist.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := run(ctx, os.Args[1:], console{out: os.Stdout, err: os.Stderr, color: wantsColor()})
	stop()
	os.Exit(code)
}

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the login server."`
	Demo    demoCmd    `cmd:"" help:"Run a throw-away server through a simulated day with every attack."`
	Log     logCmd     `cmd:"" help:"Query and verify the security log."`
	Watch   watchCmd   `cmd:"" help:"Print findings and blocks as they are made."`
	Blocks  blocksCmd  `cmd:"" help:"List, add and remove blocks of addresses and networks."`
	Alerts  alertsCmd  `cmd:"" help:"Show, test and repeat the messages that tell people of attacks."`
	Users   usersCmd   `cmd:"" help:"List the accounts, change their roles, lock and unlock them."`
	Rules   rulesCmd   `cmd:"" help:"Check a rule file."`
	Cleanup cleanupCmd `cmd:"" help:"Remove what is over: old sessions, blocks, links and records."`
	Health  healthCmd  `cmd:"" help:"Ask the server on this machine how it is."`
	Config  configCmd  `cmd:"" help:"Print the settings in force, secrets masked."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion kongcompletion.Completion `cmd:"" help:"Say how to complete commands with the tab key."`
}

const description = `Gatehouse guards the place where people log in: a login server that recognises
attacks while they happen, blocks them, and writes down what it saw.

  gatehouse demo                         see every rule fire within a minute
  gatehouse serve                        run the login server on 127.0.0.1:8080
  gatehouse log --since 1h               what happened in the last hour
  gatehouse blocks remove 192.0.2.1      let an address back in

Exit codes: 0 done, 1 failed, 2 called or configured wrongly, 3 not found.`

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, c console) int {
	var commands cli
	exited := -1
	parser, err := kong.New(&commands,
		kong.Name("gatehouse"),
		kong.Description(description),
		kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		fmt.Fprintln(c.err, "gatehouse:", err)
		return exitFailed
	}
	kongcompletion.Register(parser)
	if exited >= 0 { // the shell has asked for completions
		return exited
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help has printed itself
		return exited
	}
	if err != nil {
		return report(c, usageError{err})
	}
	return report(c, parsed.Run())
}
