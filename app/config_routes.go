package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/rules"
)

const (
	routesLike = "[{name: ops, severity: high, channels: [ops]}]"
	routeLike  = "{name: ops, severity: high, channels: [ops]}"
)

var routeKeys = []string{"name", "severity", "rules", "types", "channels", "group_by", "repeat", "resolve_after", "limit"}

// The least and the longest that people may wait to be told again, or that it is
// over.
const (
	minAlertSpan = time.Second
	maxAlertSpan = 7 * 24 * time.Hour
)

// decodeRoutes reads alerts.routes.
func decodeRoutes(v strictyaml.Value, channels map[string]ChannelConfig) []alerting.Route {
	var routes []alerting.Route
	for _, item := range v.Items(routesLike) {
		r := decodeRoute(item, slices.Sorted(maps.Keys(channels)))
		if r.Name != "" && slices.ContainsFunc(routes, func(o alerting.Route) bool { return o.Name == r.Name }) {
			item.Errorf("another route is called %q already", r.Name)
		}
		routes = append(routes, r)
	}
	return routes
}

func decodeRoute(v strictyaml.Value, channels []string) (r alerting.Route) {
	for _, f := range v.Fields(routeLike) {
		switch f.Key {
		case "name":
			const allowed = "use at most 32 small letters, digits, - and _"
			if text, _, ok := f.Text(allowed); ok {
				if r.Name = text; !channelName.MatchString(text) {
					f.Errorf("%q is not allowed: %s", strictyaml.Shown(text), allowed)
				}
			}
		case "severity":
			if text, _, ok := f.Text("use " + strings.Join(gatehouse.Severities(), ", ")); ok {
				var err error
				if r.Severity, err = gatehouse.ParseSeverity(text); err != nil {
					f.Errorf("%v", err)
				}
			}
		case "rules":
			r.Rules, _ = decodeWords(f.Value, "[brute_force]", ruleNames())
		case "types":
			types, _ := decodeWords(f.Value, "[brute_force_detected]", findingKinds())
			for _, t := range types {
				r.Types = append(r.Types, gatehouse.Kind(t))
			}
		case "channels":
			r.Channels, _ = decodeWords(f.Value, "[ops]", channels)
		case "group_by":
			var allowed []string
			for _, by := range alerting.GroupBys() {
				allowed = append(allowed, string(by))
			}
			words, _ := decodeWords(f.Value, "[rule, network]", allowed)
			for _, w := range words {
				r.GroupBy = append(r.GroupBy, alerting.By(w))
			}
		case "repeat":
			r.Repeat, _ = f.Duration(minAlertSpan, maxAlertSpan)
		case "resolve_after":
			r.ResolveAfter, _ = f.Duration(minAlertSpan, maxAlertSpan)
		case "limit":
			r.Limit, _ = f.Int(1, 10_000)
		default:
			f.Unknown("key", routeKeys)
		}
	}
	if v.IsMapping() && r.Name == "" {
		v.Errorf("has no name: write it like %s", routeLike)
	}
	if v.IsMapping() && len(r.Channels) == 0 {
		v.Errorf("has no channel: write it like %s", routeLike)
	}
	return r
}

func ruleNames() []string {
	set := rules.Default()
	var names []string
	for _, r := range set.All() {
		names = append(names, r.Name)
	}
	return names
}

// findingKinds lists the types that the rules find.
func findingKinds() []string {
	set := rules.Default()
	var kinds []string
	for _, r := range set.All() {
		if k := string(r.Kind); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (c AlertsConfig) write(b *strings.Builder) {
	if len(c.Channels) == 0 && len(c.Routes) == 0 {
		return
	}
	b.WriteString("alerts:\n")
	if len(c.Channels) > 0 {
		b.WriteString("  channels:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		fmt.Fprintf(b, "    %s: {%s}\n", scalar(name), strings.Join(c.Channels[name].written(), ", "))
	}
	if len(c.Routes) > 0 {
		b.WriteString("  routes:\n")
	}
	for _, r := range c.Routes {
		fmt.Fprintf(b, "    - {%s}\n", strings.Join(writtenRoute(r), ", "))
	}
}

func (c ChannelConfig) written() []string {
	parts := []string{"type: " + c.Type}
	for _, t := range channelTexts() {
		value := *t.field(&c)
		switch file := c.Files[t.key]; {
		case value == "":
		case file != "":
			parts = append(parts, t.key+"_file: "+scalar(file))
		case t.secret:
			parts = append(parts, t.key+": "+scalar(masked))
		default:
			parts = append(parts, t.key+": "+scalar(value))
		}
	}
	if len(c.Allow) > 0 {
		parts = append(parts, "allow: "+listed(c.Allow))
	}
	if len(c.AllowHosts) > 0 {
		parts = append(parts, "allow_hosts: "+listed(c.AllowHosts))
	}
	if c.AllowHTTP {
		parts = append(parts, "allow_http: true")
	}
	return parts
}

func writtenRoute(r alerting.Route) []string {
	parts := []string{"name: " + scalar(r.Name), "severity: " + r.Severity.String()}
	add := func(key, list string) {
		if list != "[]" {
			parts = append(parts, key+": "+list)
		}
	}
	add("rules", listed(r.Rules))
	add("types", listed(r.Types))
	add("channels", listed(r.Channels))
	add("group_by", listed(r.GroupBy))
	if r.Repeat > 0 {
		parts = append(parts, "repeat: "+strictyaml.FormatDuration(r.Repeat))
	}
	if r.ResolveAfter > 0 {
		parts = append(parts, "resolve_after: "+strictyaml.FormatDuration(r.ResolveAfter))
	}
	if r.Limit > 0 {
		parts = append(parts, fmt.Sprintf("limit: %d", r.Limit))
	}
	return parts
}

func listed[T any](list []T) string {
	var items []string
	for _, v := range list {
		items = append(items, scalar(fmt.Sprint(v)))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
