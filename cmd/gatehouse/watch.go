package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/app"
)

type watchCmd struct {
	serverFlags
	JSON bool `help:"One JSON object a line, with everything that was recorded." name:"json"`
}

func (watchCmd) Help() string {
	return `Findings and blocks of all nodes appear as they are made, until Ctrl-C. A
running server on this machine is asked; what happened before is in "gatehouse
log".`
}

func (cmd *watchCmd) Run(ctx context.Context, c console) error {
	config, err := cmd.load()
	if err != nil {
		return err
	}
	print, flush := recordTable(c)
	see := func(r gatehouse.Record) error {
		if err := print(r); err != nil {
			return err
		}
		return flush()
	}
	if cmd.JSON {
		encoder := json.NewEncoder(c.out)
		see = func(r gatehouse.Record) error { return encoder.Encode(r) }
	}
	return app.Watch(ctx, config, see, func(n int) { fmt.Fprintf(c.err, "%d more were too quick to be shown\n", n) })
}
