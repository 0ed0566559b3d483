package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/fluxstudio/gatehouse"
)

// console is what the commands talk to.
type console struct {
	out, err io.Writer
	color    bool
}

// wantsColor reports whether a person looks at standard output who has not
// asked for no colour (no-color.org).
func wantsColor() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isatty.IsTerminal(os.Stdout.Fd())
}

// lines writes each of list as a JSON object on a line of its own, in the form that
// is told of it.
func lines[T, F any](c console, list []T, form func(T) F) error {
	encoder := json.NewEncoder(c.out)
	for _, v := range list {
		if err := encoder.Encode(form(v)); err != nil {
			return err
		}
	}
	return nil
}

// severity writes a severity for a table of this console. Its length is the same
// with colour and without for what the terminal shows.
func (c console) severity(s gatehouse.Severity) string {
	if !c.color {
		return s.String()
	}
	code := map[gatehouse.Severity]string{gatehouse.Info: "2", gatehouse.Warning: "33", gatehouse.High: "31", gatehouse.Critical: "1;31"}[s]
	return "\x1b[" + code + "m" + s.String() + "\x1b[0m"
}
