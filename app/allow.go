package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/dashboard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/iplist"
	"github.com/fluxstudio/gatehouse/scrub"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// What operators may add to the allow list: networks of one organisation, not of
// the world. No organisation has a wider one.
const (
	allowLeast4 = 8
	allowLeast6 = 16
	allowMost   = 1000 // entries; more belong into a file
)

// allowShown is how many networks of one file are listed.
const allowShown = 1000

// operatorsList is the addresses that are never kept out. What operators add to it
// extends the configuration and its files on all nodes; it lifts no block, and wins
// over all of them as long as it is there.
type operatorsList struct{ a *App }

var _ dashboard.AllowList = operatorsList{}

// applyAllowed puts in force what operators have added. What cannot be read, of
// another version, is passed over.
func (a *App) applyAllowed(ctx context.Context) error { return a.lists.readChosen(ctx, a.records) }

// readChosen reads what operators have added to the allow list.
func (l *lists) readChosen(ctx context.Context, store *sqlstore.Store) error {
	list, err := store.Settings(ctx, scopeAllow)
	if err != nil {
		return err
	}
	var chosen []dashboard.Allowed
	var networks []netip.Prefix
	for _, s := range list {
		if p, err := netip.ParsePrefix(s.Name); err == nil && allowable(p) == nil {
			chosen = append(chosen, dashboard.Allowed{Prefix: p, Reason: s.Value, By: s.By, Since: s.Changed})
			networks = append(networks, p)
		}
	}
	var before []dashboard.Allowed
	if held := l.chosen.Swap(&chosen); held != nil {
		before = *held
	}
	if slices.EqualFunc(before, chosen, func(a, b dashboard.Allowed) bool { return a.Prefix == b.Prefix }) {
		return nil
	}
	l.operators.Swap(iplist.Of(networks...))
	l.logger.Info("the operators' part of the allow list has changed", "networks", len(networks))
	return nil
}

// allowable returns why a network, as gatehouse.CleanPrefix leaves it, must not be
// added, or nil.
func allowable(p netip.Prefix) error {
	least := allowLeast6
	if p.Addr().Is4() {
		least = allowLeast4
	}
	if !p.IsValid() || p != gatehouse.CleanPrefix(p) || p.Bits() < least {
		return fmt.Errorf("use an address such as 192.0.2.1, or a network that is no wider than /%d for IPv4 or /%d for IPv6", allowLeast4, allowLeast6)
	}
	return nil
}

// everybodyWith reports whether nobody could be kept out any more if a network were
// added.
func (l *lists) everybodyWith(p netip.Prefix) bool {
	all := func(yield func(netip.Prefix) bool) {
		if !yield(p) {
			return
		}
		sets := []*iplist.Set{l.always, l.operators.Load()}
		for _, f := range l.allow {
			sets = append(sets, f.list.Load())
		}
		for _, s := range sets {
			for q := range s.All() {
				if !yield(q) {
					return
				}
			}
		}
	}
	s := iplist.NewSet(all)
	return s.Covers(netip.PrefixFrom(netip.IPv4Unspecified(), 0)) || s.Covers(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

// List implements dashboard.AllowList. Of each file it lists allowShown networks, and
// the origin says so if there are more.
func (l operatorsList) List() []dashboard.Allowed {
	lists := l.a.lists
	var out []dashboard.Allowed
	add := func(origin string, s *iplist.Set) {
		if s.Len() > allowShown {
			origin = fmt.Sprintf("%s (%d of %d networks)", origin, allowShown, s.Len())
		}
		n := 0
		for p := range s.All() {
			if n++; n > allowShown {
				return
			}
			out = append(out, dashboard.Allowed{Prefix: p, Origin: origin})
		}
	}
	if chosen := lists.chosen.Load(); chosen != nil {
		out = append(out, *chosen...)
	}
	add("configuration", lists.always)
	for _, f := range lists.allow {
		add(f.path, f.list.Load())
	}
	return out
}

// Add implements dashboard.AllowList. A network that an operator has added already
// gets a new reason.
func (l operatorsList) Add(ctx context.Context, p netip.Prefix, reason, by string) error {
	a, ctx := l.a, context.WithoutCancel(ctx) // what is changed is recorded, whoever hangs up
	p = gatehouse.CleanPrefix(p)
	if err := allowable(p); err != nil {
		return httpguard.ProblemDetails{Status: http.StatusUnprocessableEntity, Detail: "Not a network that can be allowed: " + err.Error() + "."}
	}
	if a.lists.everybodyWith(p) {
		return httpguard.ProblemDetails{Status: http.StatusUnprocessableEntity, Detail: "With this network everybody would be on the allow list: remove others first."}
	}
	if chosen := a.lists.chosen.Load(); chosen != nil && len(*chosen) >= allowMost {
		return httpguard.ProblemDetails{Status: http.StatusConflict, Detail: fmt.Sprintf("There are %d networks here already: put them into a file of lists.allow_files.", allowMost)}
	}
	reason = gatehouse.CleanText(scrub.New(scrub.Options{}).Text(reason), gatehouse.MaxText) // people paste what they have before them
	v := sqlstore.Setting{Scope: scopeAllow, Name: p.String(), Value: reason, By: by, Changed: a.clock.now()}
	if err := a.changeSetting(ctx, v, false, a.applyAllowed); err != nil {
		return err
	}
	return a.allowRecord(ctx, gatehouse.AllowListExtended, p, reason, by)
}

// Remove implements dashboard.AllowList.
func (l operatorsList) Remove(ctx context.Context, p netip.Prefix, by string) error {
	a, ctx := l.a, context.WithoutCancel(ctx)
	p = gatehouse.CleanPrefix(p)
	err := a.changeSetting(ctx, sqlstore.Setting{Scope: scopeAllow, Name: p.String()}, true, a.applyAllowed)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "No operator has added this network. What the configuration or a file allows is changed there."}
	}
	if err != nil {
		return err
	}
	return a.allowRecord(ctx, gatehouse.AllowListReduced, p, "", by)
}

// allowRecord records a change of the allow list. The record is about the network;
// the address of the operator's browser is on record at their login.
func (a *App) allowRecord(ctx context.Context, kind gatehouse.Kind, p netip.Prefix, reason, by string) error {
	told := gatehouse.FormatPrefix(p)
	if reason != "" {
		told += ": " + reason
	}
	return a.acted(ctx, kind, by, told, func(e *gatehouse.Event) {
		e.Client = gatehouse.Client{IP: p.Addr()}
	})
}
