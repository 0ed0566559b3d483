package dashboard

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/canonical"
)

// logFilter is what somebody looks for in the security log. Its fields are named
// like the parameters of the page, as they were given; each narrows what is found.
type logFilter struct {
	User, IP, Kind, Span, Correlation, Finding string
	From, To                                   timeInput
	Zone                                       viewerZone
	// SearchedAs is the name that is looked for, where it is not what was given.
	SearchedAs string
	// Problems say what is wrong with a field, by its name.
	Problems map[string]string

	query gatehouse.Query
}

// logSpans are the stretches of time up to now that can be asked for.
var logSpans = []span{
	{Value: "1h", Name: "Last hour", length: time.Hour},
	{Value: "24h", Name: "Last 24 hours", length: 24 * time.Hour},
	{Value: "7d", Name: "Last 7 days", length: 7 * 24 * time.Hour},
	{Value: "30d", Name: "Last 30 days", length: 30 * 24 * time.Hour},
	{Value: "90d", Name: "Last 90 days", length: 90 * 24 * time.Hour},
}

// readLogFilter reads the filter from what a form has sent.
func (s *Server) readLogFilter(form url.Values, zone viewerZone) logFilter {
	field := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f := logFilter{
		User: field("user"), IP: field("ip"), Span: field("span"), Correlation: field("correlation"), Finding: field("finding"),
		Zone: zone, Problems: map[string]string{},
	}
	f.query.Correlation = gatehouse.CleanText(f.Correlation, gatehouse.MaxText) // as the log has it
	f.query.Finding = gatehouse.CleanText(f.Finding, gatehouse.MaxText)
	if f.User != "" {
		f.query.User = s.loggedName(f.User)
		if f.query.User != f.User {
			f.SearchedAs = f.query.User
		}
	}
	if f.IP != "" {
		var err error
		if f.query.Prefix, err = networkOf(url.Values{"network": {f.IP}}); err != nil {
			f.Problems["ip"] = "Write an address like 192.0.2.7 or a network like 192.0.2.0/24 or 2001:db8::/32."
		}
	}
	f.readKinds(form["kind"])
	f.readSpan(s.Now())
	instant := func(name string, end bool) (timeInput, time.Time) {
		t, ok := parseLocal(field(name), zone.Location, end)
		if !ok {
			f.Problems[name] = "Write a time like 2026-11-23 18:30, a date, or an RFC 3339 time."
		}
		return newTimeInput(field(name), t, zone.Location), t
	}
	var from, to time.Time
	f.From, from = instant("from", false)
	f.To, to = instant("to", true)
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		f.Problems["to"] = "This is not after the beginning."
	}
	if from.After(f.query.Since) {
		f.query.Since = from
	}
	f.query.Until = to
	return f
}

// userID is the form of the IDs of users.
var userID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// loggedName returns what the log has in the place of what somebody typed: an ID
// as it is, and any other name as the accounts write it.
func (s *Server) loggedName(typed string) string {
	name := canonical.Account(typed)
	if userID.MatchString(name) || strings.HasPrefix(name, "no-address-") {
		return name
	}
	return s.Accounts.AccountName(typed)
}

// readKinds reads the names of types and of groups of them, one by one or with
// commas between.
func (f *logFilter) readKinds(values []string) {
	var names []string
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if name == "" || slices.Contains(names, name) {
				continue
			}
			kinds := kindsOf(name)
			if kinds == nil {
				f.Problems["kind"] = "There is no such type of record. Choose one of the list."
				return
			}
			names = append(names, name)
			f.query.Kinds = append(f.query.Kinds, kinds...)
		}
	}
	f.Kind = strings.Join(names, ",")
}

func (f *logFilter) readSpan(now time.Time) {
	if f.Span == "" {
		return
	}
	var known []string
	for _, s := range logSpans {
		if s.Value == f.Span {
			f.query.Since = now.Add(-s.length)
			return
		}
		known = append(known, s.Value)
	}
	f.Problems["span"] = "Choose one of " + strings.Join(known, ", ") + "."
}

// Values is the filter as parameters.
func (f logFilter) Values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"user": f.User, "ip": f.IP, "kind": f.Kind, "span": f.Span, "from": f.From.given, "to": f.To.given,
		"correlation": f.Correlation, "finding": f.Finding,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Zone.Named {
		values.Set("tz", f.Zone.String())
	}
	return values
}

// Any reports whether anything is looked for in particular.
func (f logFilter) Any() bool {
	values := f.Values()
	values.Del("tz")
	return len(values) > 0
}

// More reports whether a field is in use that is rarely needed.
func (f logFilter) More() bool {
	return f.Correlation != "" || f.Finding != "" || f.From.given != "" || f.To.given != ""
}

// Several reports whether more than one type or group is looked for.
func (f logFilter) Several() bool { return strings.Contains(f.Kind, ",") }

// KindNames is what people call the types and groups that are looked for.
func (f logFilter) KindNames() string {
	var names []string
	for value := range strings.SplitSeq(f.Kind, ",") {
		names = append(names, kindName(value))
	}
	return strings.Join(names, ", ")
}

// String says what is selected, for the record of an export: what accounts and
// stores were asked for, not what was typed.
func (f logFilter) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	instant := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	add("user", f.query.User)
	if f.query.Prefix != (netip.Prefix{}) {
		add("ip", gatehouse.FormatPrefix(f.query.Prefix))
	}
	add("type", f.Kind)
	add("since", instant(f.query.Since))
	add("until", instant(f.query.Until))
	add("correlation", f.query.Correlation)
	add("finding", f.query.Finding)
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, " ")
}
