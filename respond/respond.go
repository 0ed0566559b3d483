// Package respond carries out what a rule says about a finding, in stages:
// ongoing (one attack is one finding), block, and, once everything is written
// down, alert.
package respond

import (
	"context"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/rules"
)

// Options are the parts that a Responder works with.
type Options struct {
	Blocks gatehouse.Blocks // required
	Alerts gatehouse.Alerts // default: none
	// MaxOngoing bounds how many attacks are remembered as ongoing; the one
	// seen least recently is forgotten first, and would be a new finding if it
	// went on. Default: 10,000.
	MaxOngoing int
}

// Responder carries out responses. It is safe for concurrent use.
type Responder struct {
	blocks  gatehouse.Blocks
	alerts  gatehouse.Alerts
	ongoing *ongoing
}

// New returns a Responder.
func New(o Options) *Responder {
	if o.MaxOngoing == 0 {
		o.MaxOngoing = 10_000
	}
	return &Responder{blocks: o.Blocks, alerts: o.Alerts, ongoing: newOngoing(o.MaxOngoing)}
}

// System is who placed a block that no person placed.
const System = "gatehouse"

// Respond joins f to the ongoing attack that key names, if there is one, does
// what rule says about the address of e, and returns f with its receipt and the
// records to be written: none when an ongoing attack goes on as before, but for
// its tenth, hundredth ... time. It gives no alert; see Alert.
//
// For a rule in the shadow the finding is marked as such, is never one with a
// finding that was acted on, and nothing is done but to write it down.
//
// It does not fail: what could not be done stands in the receipt.
func (r *Responder) Respond(ctx context.Context, rule rules.Rule, key gatehouse.Key, f gatehouse.Finding, e gatehouse.Event) (gatehouse.Finding, []gatehouse.Record) {
	f.Shadow = rule.Shadow
	r.ongoing.join(attackKey{key, rule.Shadow}, quietAfter(rule), e.Time, &f)
	if rule.Shadow {
		rule.Respond = rules.Responses{}
	}

	block, blockRecord := r.block(ctx, rule, &f, e)
	f.Actions = append([]gatehouse.Action{{Response: "log"}}, block...)
	if rule.Respond.RateLimit {
		f.Actions = append(f.Actions, gatehouse.Action{Response: "rate_limit", Until: f.Last.Add(rule.Limit.Window)})
	}
	if rule.Respond.Alert {
		f.Actions = append(f.Actions, gatehouse.Action{Response: "alert"})
	}

	if blockRecord == nil && !powerOfTen(f.Count) {
		return f, nil
	}
	records := []gatehouse.Record{newRecord(e, f.Kind, f.Severity)}
	records[0].Finding = &f
	if blockRecord != nil {
		records = append(records, *blockRecord)
	}
	return f, records
}

// Alert tells people of the records that open a finding whose rule asks for
// it. Call it when they are durable, or could not be made so.
func (r *Responder) Alert(ctx context.Context, records []gatehouse.Record) error {
	if r.alerts == nil {
		return nil
	}
	for _, rec := range records {
		if rec.Finding == nil || rec.Finding.Count != 1 || !asksFor(rec.Finding, "alert") {
			continue
		}
		if err := r.alerts.Alert(ctx, rec); err != nil {
			return err
		}
	}
	return nil
}

func asksFor(f *gatehouse.Finding, response string) bool {
	for _, a := range f.Actions {
		if a.Response == response {
			return true
		}
	}
	return false
}

// block keeps the address of e out, if the rule says so and nothing keeps it
// out for longer.
func (r *Responder) block(ctx context.Context, rule rules.Rule, f *gatehouse.Finding, e gatehouse.Event) ([]gatehouse.Action, *gatehouse.Record) {
	if rule.Respond.BlockIP <= 0 || !e.IP.IsValid() {
		return nil, nil
	}
	want := gatehouse.Block{
		ID:      gatehouse.NewID(e.Time),
		Prefix:  clientip.CountingPrefix(e.IP),
		Reason:  string(f.Kind),
		Rule:    rule.Name,
		By:      System,
		Finding: f.ID,
		Created: e.Time,
		Until:   e.Time.Add(rule.Respond.BlockIP),
	}
	if rule.Name == rules.BruteForce {
		want.Accounts = []string{e.Account}
	}
	action := gatehouse.Action{Response: "block_ip", Target: want.Prefix, Undo: "gatehouse blocks remove " + gatehouse.FormatPrefix(want.Prefix)}
	got, err := Place(ctx, r.blocks, want)
	if err != nil {
		action.Failure = err.Error()
		return []gatehouse.Action{action}, nil
	}
	action.Until = got.Until
	if got.ID != want.ID {
		return []gatehouse.Action{action}, nil
	}
	record := newRecord(e, gatehouse.IPAddressBlocked, f.Severity)
	record.Block = &got
	return []gatehouse.Action{action}, &record
}

// Place places a block and carries over the accounts of the one whose place it
// takes, so that lifting it gives all of them their attempts back.
func Place(ctx context.Context, blocks gatehouse.Blocks, want gatehouse.Block) (gatehouse.Block, error) {
	held, found, err := blocks.Blocked(ctx, want.Prefix.Addr(), want.Created)
	if err == nil && found && held.Prefix == want.Prefix {
		want.Accounts = append(slices.Clone(held.Accounts), want.Accounts...)
		slices.Sort(want.Accounts)
		want.Accounts = slices.Compact(want.Accounts)
	}
	return blocks.Place(ctx, want)
}

func powerOfTen(n int) bool {
	for n > 1 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

func newRecord(e gatehouse.Event, kind gatehouse.Kind, s gatehouse.Severity) gatehouse.Record {
	e.Kind = kind
	return gatehouse.Record{ID: gatehouse.NewID(e.Time), Event: e, Severity: s}
}

// quietAfter is how long an attack must pause to count as over.
func quietAfter(rule rules.Rule) time.Duration {
	const immediate = 10 * time.Minute
	if rule.Immediate() {
		return immediate
	}
	return rule.Limit.Window
}
