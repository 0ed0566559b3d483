package sentrytel

import (
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

// What is cut to these lengths, in bytes, before it leaves.
const (
	maxMessage = 4096 // messages, error texts and log lines
	maxTag     = 200  // what Sentry keeps of a tag
)

const maxContexts = 20 // of one event

// beforeSend takes out of an event what must not leave. An event that cannot be
// scrubbed does not leave at all.
func (m *Monitor) beforeSend(e *sentry.Event, hint *sentry.EventHint) (kept *sentry.Event) {
	defer func() {
		if recover() != nil {
			m.counts.drop(Failed)
			kept = nil
		}
	}()
	own := hint != nil && hint.Data == any(ours)
	e.ServerName = m.o.ServerName
	if own && e.Type == "transaction" {
		m.redactOwnTrace(e)
		return e
	}
	e.Transaction = m.text(e.Transaction)
	for k, v := range e.Tags {
		e.Tags[k] = m.keyed(k, v, maxTag)
	}
	for _, s := range e.Spans {
		m.redactSpan(s)
	}

	e.Attachments, e.Modules, e.DebugMeta, e.Threads = nil, nil, nil, nil
	e.Message, e.Logger = m.text(e.Message), m.text(e.Logger)
	for i := range e.Fingerprint {
		e.Fingerprint[i] = m.text(e.Fingerprint[i])
	}
	e.Request = m.redactRequest(e.Request)
	if !own {
		e.User = m.redactUser(e.User)
	}
	m.redactContexts(e.Contexts)
	for i := range e.Exception {
		m.redactException(&e.Exception[i])
	}
	if n := len(e.Breadcrumbs); n > maxCrumbs {
		e.Breadcrumbs = e.Breadcrumbs[n-maxCrumbs:]
	}
	for i, b := range e.Breadcrumbs {
		e.Breadcrumbs[i] = m.redactBreadcrumb(b)
	}
	return e
}

// redactOwnTrace scrubs a transaction of ours, which is made of few words that
// come again and again, of numbers, and of a correlation ID.
func (m *Monitor) redactOwnTrace(e *sentry.Event) {
	e.Transaction = m.words.scrubbed(e.Transaction, m.text)
	for _, s := range e.Spans {
		s.Description, s.Op = m.words.scrubbed(s.Description, m.text), m.words.scrubbed(s.Op, m.text)
	}
	if id, plain := plainID(e.Tags[tagCorrelation]); !plain {
		e.Tags[tagCorrelation] = m.keyed(tagCorrelation, id, maxTag)
	}
}

// words remembers the scrubbed form of texts of which there are few. The zero
// value is empty. It is safe for concurrent use.
type words struct {
	mu   sync.Mutex
	done map[string]string
}

func (w *words) scrubbed(s string, scrub func(string) string) string {
	w.mu.Lock()
	clean, known := w.done[s]
	w.mu.Unlock()
	if known {
		return clean
	}
	clean = scrub(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		w.done = make(map[string]string)
	}
	if len(w.done) < maxKeys {
		w.done[s] = clean
	}
	return clean
}

// marker is the type of ours.
type marker string

// ours marks the events that this package made, whose users and addresses are
// pseudonyms already.
const ours marker = "gatehouse"

// text scrubs a free text.
func (m *Monitor) text(s string) string {
	if s == "" {
		return ""
	}
	return gatehouse.CleanText(m.o.Scrubber.Text(shorten(s)), maxMessage)
}

// shorten cuts a text before it is scrubbed, so that a long one costs no more
// than a short one. It cuts between words, lest half a secret be taken for none,
// and keeps nothing of the longer text alive.
func shorten(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	s = s[:maxMessage]
	if i := strings.LastIndexAny(s[maxMessage/2:], " \t\n"); i >= 0 {
		s = s[:maxMessage/2+i]
	}
	return strings.Clone(s) + " …"
}

// keyed scrubs a text that has a name.
func (m *Monitor) keyed(name, value string, limit int) string {
	clean, _ := m.o.Scrubber.Value(map[string]any{name: value}).(map[string]any)
	for _, v := range clean {
		s, _ := v.(string)
		return gatehouse.CleanText(s, limit)
	}
	return ""
}

// values scrubs what is in a map, at any depth.
func (m *Monitor) values(v map[string]any) map[string]any {
	if len(v) == 0 {
		return nil
	}
	clean, _ := m.o.Scrubber.Value(v).(map[string]any)
	return clean
}

func (m *Monitor) redactContexts(contexts map[string]sentry.Context) {
	n := 0
	for name, c := range contexts {
		if n++; n > maxContexts {
			delete(contexts, name)
			continue
		}
		if name == "trace" {
			contexts[name] = m.redactTrace(c)
			continue
		}
		// Under its own name, which may be that of a secret.
		clean, _ := m.o.Scrubber.Value(map[string]any{name: map[string]any(c)}).(map[string]any)
		if inner, ok := clean[name].(map[string]any); ok {
			contexts[name] = inner
		} else {
			delete(contexts, name)
		}
	}
}

// redactTrace keeps what joins an event to its trace.
func (m *Monitor) redactTrace(c sentry.Context) sentry.Context {
	clean := make(sentry.Context, len(c))
	for k, v := range c {
		switch v := v.(type) {
		case sentry.TraceID, sentry.SpanID, sentry.SpanStatus:
			clean[k] = v
		case string:
			clean[k] = m.keyed(k, v, maxMessage)
		case map[string]any:
			clean[k] = m.values(v)
		}
	}
	return clean
}

// redactRequest keeps of a request what may be told. The URL of our own events
// is a route; of others only the host is kept.
func (m *Monitor) redactRequest(r *sentry.Request) *sentry.Request {
	if r == nil {
		return nil
	}
	told := &sentry.Request{Method: method(r.Method), URL: r.URL, Headers: make(map[string]string, len(r.Headers))}
	if u, err := url.Parse(r.URL); err != nil {
		told.URL = ""
	} else if u.IsAbs() {
		told.URL = u.Scheme + "://" + u.Host + "/"
	}
	told.URL = m.text(told.URL)
	for _, name := range [...]string{"User-Agent", "Content-Type", "Content-Length"} {
		if v, ok := r.Headers[name]; ok {
			told.Headers[name] = m.keyed(name, v, maxTag)
		}
	}
	return told
}

// redactUser makes a user that somebody else named a pseudonym.
func (m *Monitor) redactUser(u sentry.User) sentry.User {
	told := sentry.User{ID: m.pseudonym("user", u.ID)}
	if ip, err := netip.ParseAddr(u.IPAddress); err == nil {
		told.IPAddress = m.address(ip)
	}
	return told
}

func (m *Monitor) redactException(x *sentry.Exception) {
	x.Type, x.Value, x.Module = m.text(x.Type), m.text(x.Value), m.text(x.Module)
	if x.Mechanism != nil {
		mechanism := *x.Mechanism // shared with nobody from here on
		mechanism.Description = m.text(mechanism.Description)
		mechanism.HelpLink = m.text(mechanism.HelpLink)
		mechanism.Data = m.values(mechanism.Data)
		x.Mechanism = &mechanism
	}
	if x.Stacktrace == nil {
		return
	}
	for i := range x.Stacktrace.Frames {
		f := &x.Stacktrace.Frames[i]
		f.Vars, f.PreContext, f.PostContext, f.ContextLine = nil, nil, nil, ""
	}
}

func (m *Monitor) redactBreadcrumb(b *sentry.Breadcrumb) *sentry.Breadcrumb {
	told := *b
	told.Category, told.Message = m.text(b.Category), m.text(b.Message)
	told.Data = m.values(b.Data)
	return &told
}

func (m *Monitor) redactSpan(s *sentry.Span) {
	s.Name, s.Description, s.Op = m.text(s.Name), m.text(s.Description), m.text(s.Op)
	for k, v := range s.Tags {
		s.Tags[k] = m.keyed(k, v, maxTag)
	}
	s.Data = m.values(s.Data)
}

func (m *Monitor) beforeBreadcrumb(b *sentry.Breadcrumb, _ *sentry.BreadcrumbHint) (kept *sentry.Breadcrumb) {
	defer func() {
		if recover() != nil {
			kept = nil
		}
	}()
	return m.redactBreadcrumb(b)
}
