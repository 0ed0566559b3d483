package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/guard"
)

// The exit codes, as the help names them.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

// usageError says that the command was called or configured wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// report prints an error with a hint, if there is one, and returns the exit
// code. This is the only place that does either.
func report(c console, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(c.err, "gatehouse:", err)
	if h := hint(err); h != "" {
		fmt.Fprintln(c.err, "hint:", h)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage), errors.Is(err, guard.ErrInvalidBlock):
		return exitUsage
	case errors.Is(err, gatehouse.ErrNotFound):
		return exitNotFound
	}
	return exitFailed
}

func hint(err error) string {
	var parse *kong.ParseError
	switch {
	case errors.As(err, &parse):
		return "gatehouse --help lists the commands; gatehouse COMMAND --help explains one"
	case errors.Is(err, app.ErrInUse):
		return "one server has one data directory: give the other a --data of its own, or stop this one first"
	case errors.Is(err, app.ErrCleaning):
		return "it ends by itself; another node may be at it"
	case errors.Is(err, accounts.ErrLastAdministrator):
		return "make somebody else an administrator first: gatehouse users role EMAIL administrator"
	case errors.Is(err, syscall.EADDRINUSE):
		return "something listens there already: choose another address with --listen or --admin-listen, such as 127.0.0.1:0 for any free port"
	case errors.Is(err, os.ErrNotExist):
		return "gatehouse serve creates its data directory; --data says which one to use"
	case errors.Is(err, os.ErrPermission):
		return "run it as the user that the server runs as"
	}
	return ""
}
