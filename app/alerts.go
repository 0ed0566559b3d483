package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// alerts is what tells people: of findings, and account holders of what happened
// to their account. Parts that are not configured are nil.
type alerts struct {
	app        *App
	dispatcher *alerting.Dispatcher
	worker     *outbox.Worker

	mu      sync.Mutex
	log     error            // why the log cannot be followed
	failing map[string]error // by channel
	dead    int              // messages that were given up lately
	changed chan struct{}    // asks to count these again; one token
}

// Notifiers makes what delivers on each channel, and on outbox.Mail where there
// is a mail server. It connects to nothing.
func (c Config) Notifiers() (map[string]notify.Notifier, error) {
	list := make(map[string]notify.Notifier)
	for name, channel := range c.Alerts.Channels {
		n, err := channel.notifier(c.Mail)
		if err != nil {
			return nil, fmt.Errorf("alerts.channels.%s: %w", name, err)
		}
		list[name] = n
	}
	if c.Mail.Host != "" {
		n, err := notify.NewMail(c.Mail.options())
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		list[outbox.Mail] = n
	}
	return list, nil
}

// openAlerts prepares what Run starts.
func (a *App) openAlerts() error {
	a.alerts = &alerts{app: a, failing: map[string]error{}, changed: make(chan struct{}, 1)}
	notifiers, err := a.config.Notifiers()
	if err != nil || len(notifiers) == 0 {
		return err
	}
	a.fillLinks(notifiers)
	a.health.watch(partAlerts)
	a.alerts.worker, err = outbox.NewWorker(outbox.Options{
		Store: a.records, Channels: notifiers, Holder: a.config.NodeName(), Now: a.clock.now,
		OnAttempt: a.alerts.attempted,
		OnError: func(err error) {
			a.logger.Warn("the outbox", "error", err)
		},
	})
	if err != nil || len(a.config.Alerts.Routes) == 0 {
		return err
	}
	a.alerts.dispatcher, err = alerting.New(alerting.Options{
		Store: a.records, Routes: a.config.Alerts.Routes, Holder: a.config.NodeName(), Now: a.clock.now,
		OnQueued: a.alerts.worker.Poke,
		OnState: func(err error) {
			a.alerts.report(func(s *alerts) { s.log = err })
		},
	})
	return err
}

// run delivers until ctx ends.
func (s *alerts) run(ctx context.Context, group *errgroup.Group) {
	if s.worker == nil {
		return
	}
	group.Go(func() error { return s.worker.Run(ctx) })
	group.Go(func() error { return s.countDead(ctx) })
	if s.dispatcher != nil {
		group.Go(func() error { return s.dispatcher.Run(ctx) })
	}
}

// records is told of records that are durable.
func (s *alerts) records(records []gatehouse.Record) {
	if s.dispatcher == nil {
		return
	}
	if slices.ContainsFunc(records, func(r gatehouse.Record) bool { return r.Finding != nil }) {
		s.dispatcher.Poke()
	}
}

// attempted is told of each attempt at a delivery.
func (s *alerts) attempted(at outbox.Attempt) {
	d := at.Delivery
	m := s.app.monitoring.metrics
	switch {
	case at.Err == nil:
		if m != nil {
			m.AlertSent(d.Channel)
		}
		s.app.logger.Debug("delivered", "channel", d.Channel, "delivery", d.ID, "attempts", d.Attempts, "took", at.Took)
	case at.Dead:
		if m != nil {
			m.AlertFailed(d.Channel)
		}
		s.app.logger.Error("a message was given up", "channel", d.Channel, "delivery", d.ID, "attempts", d.Attempts, "error", at.Err)
		s.recount()
	default:
		s.app.logger.Warn("a message could not be delivered yet", "channel", d.Channel, "delivery", d.ID, "attempts", d.Attempts, "error", at.Err)
	}
	s.report(func(s *alerts) {
		if at.Err == nil {
			delete(s.failing, d.Channel)
			if s.dead > 0 { // it may have been one of them
				s.recount()
			}
		} else {
			s.failing[d.Channel] = at.Err
		}
	})
}

// recount has the messages that were given up counted soon. It does not wait.
func (s *alerts) recount() {
	select {
	case s.changed <- struct{}{}:
	default: // they are about to be
	}
}

// How long a message that was given up is shown on the health page, and how often
// they are counted without a reason: people may have requeued them.
const (
	deadShown = 24 * time.Hour
	deadCheck = 30 * time.Second
)

// countDead keeps count of the messages that were given up on any node.
func (s *alerts) countDead(ctx context.Context) error {
	ticker := time.NewTicker(deadCheck)
	defer ticker.Stop()
	for {
		const most = 1000
		dead, err := s.app.records.Deliveries(ctx, outbox.Filter{
			States: []outbox.State{outbox.Dead}, Since: s.app.clock.now().Add(-deadShown), Limit: most,
		})
		if err == nil {
			s.report(func(s *alerts) { s.dead = len(dead) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-s.changed:
		}
	}
}

// report changes what is known and shows it on the health page.
func (s *alerts) report(change func(*alerts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log)
	}
	for _, name := range slices.Sorted(maps.Keys(s.failing)) {
		errs = append(errs, fmt.Errorf("channel %s: %w", name, s.failing[name]))
	}
	if s.dead > 0 {
		errs = append(errs, fmt.Errorf("given up in the last 24 hours: %d; gatehouse alerts lists them", s.dead))
	}
	s.app.health.report(partAlerts, errors.Join(errs...))
}
