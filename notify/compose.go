package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// headlines say what a finding means to a person who has never read a log.
var headlines = map[gatehouse.Kind]struct{ title, text string }{
	gatehouse.BruteForceDetected:     {"Somebody is guessing a password", "One account got more wrong passwords in a short time than a person mistypes."},
	gatehouse.MultipleDeviceLogin:    {"One account, many devices", "An account was logged in to from more devices in a short time than is usual."},
	gatehouse.RapidTokenRefresh:      {"A session is refreshed too fast", "A refresh token was used more often than an app does; it may have been copied."},
	gatehouse.BotActivityDetected:    {"A program is knocking at the login page", "Requests come from a bot, a tool or a script rather than from a person."},
	gatehouse.GeographicAnomaly:      {"A login from an unlikely place", "An account was used from a place that its owner can hardly have reached, or was never seen in."},
	gatehouse.AccountTakeoverAttempt: {"An account may have been taken over", "A login from an unlikely place came on a device that is new to this account."},
	gatehouse.SuspiciousActivity:     {"Suspicious requests", "Requests look like a probe rather than like a login."},
}

// ForFinding writes the message for a record that carries a finding: an alert
// (Opened) or the closing notice of one (Resolved), with times in loc. What
// happened, to whom, from where, what was done and how to undo it become facts.
// Key and Thread are made of the finding's ID. It returns false for a record
// without a finding.
func ForFinding(kind Kind, r gatehouse.Record, loc *time.Location) (Message, bool) {
	f := r.Finding
	if f == nil {
		return Message{}, false
	}
	head, known := headlines[f.Kind]
	if !known {
		head.title = strings.ReplaceAll(string(f.Kind), "_", " ")
	}
	m := Message{
		Kind: kind, Key: f.ID + "-" + strings.TrimPrefix(string(kind), "finding."), Thread: f.ID, Event: f.Kind,
		Title: head.title, Severity: f.Severity, Text: head.text, Time: f.Last.In(loc),
	}
	about := firstOf(r.Account, r.User, address(r.Client))
	if kind == Resolved {
		m.Title = "Over: " + head.title
		m.Text = "This has not gone on since. Nothing is left to do unless the details say so."
	}
	m.Subject = m.Title
	if about != "" {
		m.Subject += ": " + about
	}
	m.Facts = facts(r, f, loc)
	return m, true
}

func facts(r gatehouse.Record, f *gatehouse.Finding, loc *time.Location) (out []Fact) {
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	add("Account", firstOf(r.Account, r.User))
	add("Address", address(r.Client))
	add("Place", place(r.Place))
	add("Device", firstOf(r.Device.Name, f.Evidence.UserAgent, r.UserAgent))
	add("Page", firstOf(f.Evidence.Endpoint, r.Endpoint))
	add("Recognised as", f.Evidence.Pattern)
	add("Signs", strings.ReplaceAll(strings.Join(f.Evidence.Signs, ", "), "_", " "))
	if t := f.Evidence.Travel; t != nil {
		add("Journey", fmt.Sprintf("%s to %s: %.0f km at %.0f km/h or faster", firstOf(place(t.From.Place), "unknown"), firstOf(place(t.To.Place), "unknown"), t.DistanceKm, t.SpeedKmh))
	}
	if f.Threshold > 0 {
		add("Counted", fmt.Sprintf("%d in %s, by %s; the limit is %d", f.Observed, span(f.Window), strings.ReplaceAll(f.KeyedBy, "+", " and "), f.Threshold))
	}
	if f.Count > 1 {
		add("Seen", fmt.Sprintf("%d times since %s", f.Count, when(f.First.In(loc))))
	}
	for _, a := range f.Actions {
		done, ok := doneWords[a.Response]
		if !ok {
			continue
		}
		if a.Target.IsValid() {
			done += " " + gatehouse.FormatPrefix(a.Target)
		}
		if !a.Until.IsZero() {
			done += " until " + when(a.Until.In(loc))
		}
		if a.Failure != "" {
			add("Not done", done+": "+a.Failure)
			continue
		}
		add("Done", done)
		add("To undo", a.Undo)
	}
	add("Rule", f.Rule)
	add("Correlation ID", r.CorrelationID)
	return out
}

// doneWords names the responses that a person wants to know of.
var doneWords = map[string]string{"block_ip": "blocked", "rate_limit": "slowed down"}

func address(c gatehouse.Client) string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}

func place(p gatehouse.Place) string {
	s := strings.Join(nonEmpty(p.City, p.Country), ", ")
	if p.Network != "" {
		s = strings.TrimSpace(s + " (" + p.Network + ")")
	}
	return s
}

// span writes a window for people: "5 minutes", "1 hour 30 minutes".
func span(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		switch n := d / u.size; {
		case n == 1:
			parts = append(parts, "1 "+u.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, u.name))
		}
		d %= u.size
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func nonEmpty(list ...string) (out []string) {
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
