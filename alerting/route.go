package alerting

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
)

// By is something that findings of one group have in common.
type By string

// What findings can be grouped by.
const (
	ByRule    By = "rule"
	ByType    By = "type"
	ByUser    By = "user"    // the account
	ByNetwork By = "network" // of the address, as it is counted: an IPv6 address by its /64
	// BySubject is the user for rules that count by user, the network for all
	// others.
	BySubject By = "subject"
)

// GroupBys lists what findings can be grouped by.
func GroupBys() []By { return []By{ByRule, ByType, ByUser, ByNetwork, BySubject} }

// Route says who is told of which findings, and how often. A finding goes to every
// route that it matches.
type Route struct {
	Name     string             // unique among the routes, and kept in the store
	Severity gatehouse.Severity // at least; default: Info, all
	Rules    []string           // one of them; empty: any
	Types    []gatehouse.Kind   // one of them; empty: any
	Channels []string           // of the outbox; one at least
	// GroupBy is what a group's findings have in common. Default: the rule and
	// the subject.
	GroupBy []By
	// Repeat is after how long people are told again of a group that still
	// grows. Default 4 h.
	Repeat time.Duration
	// ResolveAfter is how long no finding may join a group until it is closed.
	// Default 15 min.
	ResolveAfter time.Duration
	// Limit is how many messages an hour the route makes, closing notices not
	// counted. What is over is summed up in one group. Default 20.
	Limit int
}

func (r Route) withDefaults() Route {
	if len(r.GroupBy) == 0 {
		r.GroupBy = []By{ByRule, BySubject}
	}
	if r.Repeat <= 0 {
		r.Repeat = 4 * time.Hour
	}
	if r.ResolveAfter <= 0 {
		r.ResolveAfter = 15 * time.Minute
	}
	if r.Limit <= 0 {
		r.Limit = 20
	}
	return r
}

// Matches reports whether the route is for a finding with these properties.
func (r Route) Matches(rule string, kind gatehouse.Kind, severity gatehouse.Severity) bool {
	return severity >= r.Severity &&
		(len(r.Rules) == 0 || slices.Contains(r.Rules, rule)) &&
		(len(r.Types) == 0 || slices.Contains(r.Types, kind))
}

// key returns what a finding has in common with its group.
func (r Route) key(rec gatehouse.Record) string {
	var parts []string
	for _, by := range r.GroupBy {
		part := ""
		switch by {
		case ByRule:
			part = rec.Finding.Rule
		case ByType:
			part = string(rec.Finding.Kind)
		case ByUser:
			part = user(rec)
		case ByNetwork:
			part = network(rec)
		case BySubject:
			part = subject(rec)
		}
		// A name cannot pass for two parts.
		parts = append(parts, strings.ReplaceAll(part, " ", "_"))
	}
	return strings.Join(parts, " ")
}

// subject is what the rule counts by: the user, or the network.
func subject(rec gatehouse.Record) string {
	u, n := user(rec), network(rec)
	if n == "" || u != "" && slices.Contains(strings.Split(rec.Finding.KeyedBy, "+"), "user") {
		return u
	}
	return n
}

func user(rec gatehouse.Record) string {
	if rec.User != "" {
		return rec.User
	}
	return rec.Account
}

func network(rec gatehouse.Record) string {
	if !rec.IP.IsValid() {
		return ""
	}
	return gatehouse.FormatPrefix(clientip.CountingPrefix(rec.IP))
}

// checkRoutes returns the routes with their defaults.
func checkRoutes(routes []Route) ([]Route, error) {
	var out []Route
	for _, r := range routes {
		switch {
		case r.Name == "":
			return nil, errors.New("alerting: a route without a name")
		case slices.ContainsFunc(out, func(o Route) bool { return o.Name == r.Name }):
			return nil, fmt.Errorf("alerting: two routes are called %q", r.Name)
		case len(r.Channels) == 0:
			return nil, fmt.Errorf("alerting: route %q has no channel", r.Name)
		}
		for _, by := range r.GroupBy {
			if !slices.Contains(GroupBys(), by) {
				return nil, fmt.Errorf("alerting: route %q: unknown group_by %q", r.Name, by)
			}
		}
		r.Channels = slices.Compact(slices.Sorted(slices.Values(r.Channels)))
		out = append(out, r.withDefaults())
	}
	return out, nil
}
