package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/fluxstudio/gatehouse/demo"
)

type demoCmd struct {
	Listen      string        `help:"Where people log in (default 127.0.0.1:8080, or a free port if that is taken)." placeholder:"ADDR"`
	AdminListen string        `help:"Where health and control answer (default 127.0.0.1:8081, or a free port)." placeholder:"ADDR"`
	Once        bool          `help:"End with the day, with exit code 0 only if every rule fired and nobody else was hurt."`
	Pause       time.Duration `help:"How long the feed rests before and after each attack (default 1.2s; 0s: not at all)." default:"1.2s" placeholder:"DURATION"`
	JSON        bool          `help:"Print each finding and block as one JSON object a line, and nothing else." name:"json"`
}

func (cmd *demoCmd) Run(ctx context.Context, c console) error {
	if cmd.Pause < 0 {
		return usageError{fmt.Errorf("--pause %s: use 0 or a positive duration, such as 2s", cmd.Pause)}
	}
	// Whatever ends the demo, it clears up: the terminal that is closed, and the
	// pager that has read enough, which then shows as an error of the next write.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	err := demo.Run(ctx, demo.Options{
		Out:         c.out,
		Listen:      cmd.Listen,
		AdminListen: cmd.AdminListen,
		Once:        cmd.Once,
		Pause:       cmd.Pause,
		JSON:        cmd.JSON,
		Color:       c.color,
		Command:     called(),
		Logger:      slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if errors.Is(err, demo.ErrOptions) {
		return usageError{err}
	}
	return err
}

// called is how this program was called, for commands to copy.
func called() string {
	name := os.Args[0]
	if strings.Contains(name, "go-build") { // by go run, which removes it afterwards
		return "go run ./cmd/gatehouse"
	}
	return name
}
