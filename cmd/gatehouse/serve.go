package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/fluxstudio/gatehouse/app"
)

// settings are the flags that change the configuration.
type settings struct {
	Config       string   `help:"Configuration file (YAML)." placeholder:"FILE" type:"path" env:"GATEHOUSE_CONFIG"`
	Listen       *string  `help:"Where people log in (default 127.0.0.1:8080)." placeholder:"ADDR"`
	AdminListen  *string  `help:"Where health and control answer (default 127.0.0.1:8081)." placeholder:"ADDR"`
	Data         *string  `help:"Data directory (default gatehouse-data)." placeholder:"DIR"`
	TrustedProxy []string `help:"Proxy whose forwarded client address is believed; may be given several times." placeholder:"CIDR"`
}

func (s settings) load() (app.Config, error) {
	c, err := app.Load(app.Sources{
		File:    s.Config,
		Environ: os.Environ(),
		Flags: func(c *app.Config) {
			for _, set := range []struct {
				from *string
				to   *string
			}{{s.Listen, &c.Listen}, {s.AdminListen, &c.AdminListen}, {s.Data, &c.Data}} {
				if set.from != nil {
					*set.to = *set.from
				}
			}
			if s.TrustedProxy != nil {
				c.TrustedProxies = s.TrustedProxy
			}
		},
	})
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

type serveCmd struct{ settings }

func (s *serveCmd) Run(ctx context.Context, c console) error {
	config, err := s.load()
	if err != nil {
		return err
	}
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	a, err := app.New(ctx, config, app.Options{Logger: newLogger(c, config)})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "gatehouse %s\n", version())
	fmt.Fprintf(c.out, "  login server  http://%s/api/auth\n", a.PublicAddr())
	fmt.Fprintf(c.out, "  admin         http://%s/healthz\n", a.AdminAddr())
	switch link, setup := a.DashboardURL(); {
	case setup:
		fmt.Fprintf(c.out, "  set up        %s\n                (once: it creates the administrator of the dashboard)\n", link)
	case link != "":
		fmt.Fprintf(c.out, "  dashboard     %s\n", link)
	}
	fmt.Fprintf(c.out, "  data          %s\n", config.Data)
	stop := reloadOn(ctx, hangUps, a)
	defer stop()
	return a.Run(ctx)
}

// reloadOn has the lists read again at each signal, until stop is called.
func reloadOn(ctx context.Context, signals <-chan os.Signal, a *app.App) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-signals:
				a.ReloadLists()
			case <-ctx.Done():
				return
			}
		}
	}()
	return stop
}

func newLogger(c console, config app.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: config.Log.SlogLevel()}
	if config.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(c.err, o))
	}
	return slog.New(slog.NewTextHandler(c.err, o))
}

type configCmd struct{ settings }

func (cmd *configCmd) Run(c console) error {
	config, err := cmd.load()
	if err != nil {
		return err
	}
	text, err := config.YAML()
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}
