package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/rules"
)

type alertsCmd struct {
	List   alertsListCmd   `cmd:"" default:"withargs" help:"List messages that are not delivered, and attacks that go on."`
	Test   alertsTestCmd   `cmd:"" help:"Send a test message to the channels of each route and say what happened."`
	Retry  alertsRetryCmd  `cmd:"" help:"Try again to deliver what was given up."`
	Routes alertsRoutesCmd `cmd:"" help:"Say which routes a finding would take."`
}

type alertsListCmd struct {
	serverFlags
	JSON bool `help:"One JSON object a line." name:"json"`
}

// listedDelivery is what is told of a delivery. Its text is not: it may hold what
// only its receiver should read.
type listedDelivery struct {
	ID       string       `json:"id"`
	State    outbox.State `json:"state"`
	Channel  string       `json:"channel"`
	Type     notify.Kind  `json:"type"`
	Created  time.Time    `json:"created"`
	Due      time.Time    `json:"due"`
	Attempts int          `json:"attempts"`
	Error    string       `json:"error,omitempty"`
}

// listedGroup is what is told of an attack that goes on.
type listedGroup struct {
	ID       string             `json:"group_id"`
	Route    string             `json:"route"`
	Key      string             `json:"key"`
	Severity gatehouse.Severity `json:"severity"`
	First    time.Time          `json:"first"`
	Last     time.Time          `json:"last"`
	Findings int                `json:"findings"`
	Messages int                `json:"messages"`
}

func (cmd *alertsListCmd) Run(ctx context.Context, c console) error {
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	list, err := o.Store().Deliveries(ctx, outbox.Filter{States: []outbox.State{outbox.Pending, outbox.Dead}})
	if err != nil {
		return err
	}
	groups, err := o.Store().OpenGroups(ctx)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return encodeAlerts(c, list, groups)
	}
	if len(list)+len(groups) == 0 {
		_, err := fmt.Fprintln(c.err, "everything is delivered, and no attack goes on that people are alerted of")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if len(list) > 0 {
		fmt.Fprintln(w, "STATE\tCHANNEL\tTYPE\tCREATED\tDUE\tATTEMPTS\tID\tERROR")
	}
	for _, d := range list {
		due := d.Due.Local().Format(time.DateTime)
		if d.State == outbox.Dead {
			due = "never"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.State, gatehouse.CleanText(d.Channel, 40), gatehouse.CleanText(string(d.Message.Kind), 40),
			d.Created.Local().Format(time.DateTime), due, d.Attempts, gatehouse.CleanText(d.ID, 120), gatehouse.CleanText(d.LastError, 120))
	}
	if len(groups) > 0 {
		fmt.Fprintln(w, "ROUTE\tSEVERITY\tWHAT\tFIRST\tLAST\tFINDINGS\tMESSAGES")
	}
	for _, g := range groups {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", gatehouse.CleanText(g.Route, 40), c.severity(g.Record.Severity), gatehouse.CleanText(g.Key, 80),
			g.First.Local().Format(time.DateTime), g.Last.Local().Format(time.DateTime), g.Findings, g.Messages)
	}
	return w.Flush()
}

func encodeAlerts(c console, list []outbox.Delivery, groups []alerting.Group) error {
	err := lines(c, list, func(d outbox.Delivery) listedDelivery {
		return listedDelivery{d.ID, d.State, d.Channel, d.Message.Kind, d.Created, d.Due, d.Attempts, d.LastError}
	})
	if err != nil {
		return err
	}
	return lines(c, groups, func(g alerting.Group) listedGroup {
		return listedGroup{g.ID, g.Route, g.Key, g.Record.Severity, g.First, g.Last, g.Findings, g.Messages}
	})
}

type alertsTestCmd struct {
	serverFlags
	Channel string `help:"Only this channel, whether a route has it or not." placeholder:"NAME"`
}

// testPatience is how long all of a test may take.
const testPatience = time.Minute

func (cmd *alertsTestCmd) Run(ctx context.Context, c console) error {
	config, err := cmd.load()
	if err != nil {
		return err
	}
	notifiers, err := config.Notifiers()
	if err != nil {
		return usageError{err}
	}
	routes := map[string][]string{} // by channel
	for _, r := range config.Alerts.Routes {
		for _, name := range r.Channels {
			routes[name] = append(routes[name], r.Name)
		}
	}
	if cmd.Channel != "" {
		if cmd.Channel == outbox.Mail || notifiers[cmd.Channel] == nil {
			return usageError{fmt.Errorf("no channel is called %q", gatehouse.CleanText(cmd.Channel, 60))}
		}
		routes = map[string][]string{cmd.Channel: routes[cmd.Channel]}
	}
	if len(routes) == 0 {
		return usageError{errors.New("no route is configured: alerts are lines in the server's log")}
	}
	ctx, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	names := slices.Sorted(maps.Keys(routes))
	errs := make([]error, len(names))
	var attempts sync.WaitGroup
	for i, name := range names {
		attempts.Go(func() { errs[i] = notifiers[name].Send(ctx, testMessage(name, time.Now())) })
	}
	attempts.Wait()
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL\tROUTES\tRESULT")
	failed := 0
	for i, name := range names {
		result := "delivered"
		if errs[i] != nil {
			failed++
			result = "failed: " + gatehouse.CleanText(errs[i].Error(), 300)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, cmp.Or(strings.Join(routes[name], ", "), "none"), result)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d channels failed", failed, len(names))
	}
	return nil
}

func testMessage(channel string, at time.Time) notify.Message {
	return notify.Message{
		Kind: notify.Test, Key: "test-" + gatehouse.NewID(at), Title: "A test of Gatehouse's alerts",
		Text: "Somebody has asked whether alerts arrive here. They do.", Severity: gatehouse.Info, Time: at,
		Facts: []notify.Fact{{Name: "Channel", Value: channel}, {Name: "Asked for by", Value: operatorName()}},
	}
}

type alertsRetryCmd struct {
	serverFlags
	ID  []string `arg:"" optional:"" help:"The message, as gatehouse alerts shows it."`
	All bool     `help:"All that were given up."`
}

func (cmd *alertsRetryCmd) Run(ctx context.Context, c console) error {
	if cmd.All == (len(cmd.ID) > 0) {
		return usageError{errors.New("say which message to try again: its ID, or --all")}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	list := cmd.ID
	if cmd.All {
		dead, err := o.Store().Deliveries(ctx, outbox.Filter{States: []outbox.State{outbox.Dead}})
		if err != nil {
			return err
		}
		for _, d := range dead {
			list = append(list, d.ID)
		}
	}
	n := 0
	for _, id := range list {
		err := o.Store().Requeue(ctx, id, time.Now())
		if cmd.All && errors.Is(err, gatehouse.ErrNotFound) {
			continue // somebody else was faster
		}
		if err != nil {
			return fmt.Errorf("message %s that was given up: %w", gatehouse.CleanText(id, 120), err)
		}
		n++
	}
	_, err = fmt.Fprintf(c.out, "%d to be tried again by the server\n", n)
	return err
}

type alertsRoutesCmd struct {
	serverFlags
	Rule     string `help:"The rule that found something." required:""`
	Severity string `help:"Its severity. Default: that of the rule." placeholder:"SEVERITY"`
}

func (cmd *alertsRoutesCmd) Run(c console) error {
	config, err := cmd.load()
	if err != nil {
		return err
	}
	set := config.EffectiveRules()
	list := set.All()
	i := slices.IndexFunc(list, func(r *rules.Rule) bool { return r.Name == cmd.Rule })
	if i < 0 {
		return usageError{fmt.Errorf("--rule: no rule is called %q", gatehouse.CleanText(cmd.Rule, 60))}
	}
	rule := list[i]
	severity := rule.Severity
	if cmd.Severity != "" {
		if severity, err = gatehouse.ParseSeverity(cmd.Severity); err != nil {
			return usageError{fmt.Errorf("--severity: %w", err)}
		}
	}
	if !rule.Enabled || !rule.Respond.Alert {
		fmt.Fprintf(c.err, "the rule %s is off or does not ask for an alert: nobody is told\n", rule.Name)
	}
	n := 0
	for _, r := range config.Alerts.Routes {
		if r.Matches(rule.Name, rule.Kind, severity) {
			n++
			fmt.Fprintf(c.out, "%s: %s\n", r.Name, strings.Join(r.Channels, ", "))
		}
	}
	if n == 0 {
		_, err = fmt.Fprintln(c.err, "no route is for it")
	}
	return err
}
