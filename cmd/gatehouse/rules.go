package main

import (
	"fmt"

	"github.com/fluxstudio/gatehouse/rules"
)

type rulesCmd struct {
	Check rulesCheckCmd `cmd:"" help:"Check a rule file and print the rules that it makes."`
}

type rulesCheckCmd struct {
	File string `arg:"" help:"The rule file." type:"path"`
}

func (cmd *rulesCheckCmd) Run(c console) error {
	set, err := rules.ParseFile(cmd.File, rules.Default())
	if err != nil {
		return usageError{err}
	}
	text, err := rules.Format(set)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "# %s is valid. The rules in force with it:\n%s", cmd.File, text)
	return err
}
