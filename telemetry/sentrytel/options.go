package sentrytel

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
)

// Default rates of traces.
const (
	ProductionTraces  = 0.10
	DevelopmentTraces = 1.0
)

// IPPolicy says how much of an address may leave the process.
type IPPolicy uint8

// The policies. In all of them a keyed hash of the address is sent, by which
// events of one address can be told from those of another.
const (
	OmitIPs     IPPolicy = iota // no address
	TruncateIPs                 // the /24 of an IPv4 address, the /48 of an IPv6 address
	SendIPs                     // whole addresses
)

// Scrubber takes secrets out of what leaves. *scrub.Scrubber is one. It is
// called concurrently.
type Scrubber interface {
	// Text returns s without the secrets in it.
	Text(s string) string
	// Value returns a copy of v, at any depth, without the secrets in it: by the
	// names of keys, and in texts.
	Value(v any) any
}

// Options change what is sent. The zero value sends nothing: without a DSN there
// is nowhere to send it.
type Options struct {
	// DSN says where to send, as https://PUBLIC_KEY@HOST/PROJECT. Empty: nowhere.
	DSN string
	// Environment is shown with each event. Default: "production".
	Environment string
	// Release is shown with each event. Default: the main module's version and
	// the commit that the binary was built from.
	Release string
	// ServerName is shown with each event. Default: none; the host's name stays
	// here.
	ServerName string

	// TracesSampleRate is the share of requests whose trace is kept, from 0 to 1.
	// Default: DevelopmentTraces if Environment is "development",
	// ProductionTraces otherwise.
	TracesSampleRate *float64
	// Ignore reports whether a request is never traced. It is called for each
	// request and must be quick. Default: HealthCheck.
	Ignore func(*http.Request) bool
	// TrustTrace reports whether a request's traceparent or sentry-trace header
	// is believed, so that its trace goes on here, kept or not as it was decided
	// there. Say yes only for callers that write those headers themselves: many
	// proxies pass on what the client sent, and a client could have every request
	// traced. Default: nobody is believed.
	TrustTrace func(*http.Request) bool

	// Scrubber takes secrets out of everything. Default: scrub.New with limits that
	// fit an event.
	Scrubber Scrubber
	// IPs says how much of an address is sent. Default: OmitIPs.
	IPs IPPolicy
	// UserKey is the key under which users and addresses are hashed. Give the
	// same key after a restart and on each node, so that one user stays one user.
	// Default: a random key.
	UserKey []byte
	// UserOf returns the ID of the user that an error is about, or "".
	// Default: nobody.
	UserOf func(r *http.Request, err error) string

	// EventsPerMinute bounds how many events of all kinds are sent, with a
	// quarter of it as a burst, at least one. Findings of severity high and above have as
	// much for themselves. Default: 240.
	EventsPerMinute int
	// SameEventsPerMinute bounds how many events of one error at one endpoint are
	// sent, and of one failure that was survived. Default: 5.
	SameEventsPerMinute int
	// TracesPerMinute bounds how many traces are kept because of the rate, with a
	// quarter of it as a burst: a flood of requests does not become a flood of
	// traces. Default: 3000, so that 10 % is kept of up to 500 requests a second.
	TracesPerMinute int
	// AttackTracesPerMinute bounds how many traces are kept because the request
	// was refused or caused a finding. Default: 60.
	AttackTracesPerMinute int
	// LogsPerMinute bounds how many log lines are sent. Default: 600.
	LogsPerMinute int

	// Queue is how many events wait to be sent at most; further ones are dropped
	// and counted. Default: 256.
	Queue int
	// Senders is how many events are sent at the same time. Default: 4.
	Senders int
	// Timeout bounds one delivery, the reading of the answer included.
	// Default: 5 s.
	Timeout time.Duration
	// Transport sends. Default: one that uses the proxy of the environment, and
	// bounds what Sentry can make it do.
	Transport http.RoundTripper

	// Logger hears when Sentry stops and begins again to accept events.
	// Default: nobody does.
	Logger *slog.Logger
	// Now is the clock of the limits above. Default: time.Now.
	Now func() time.Time
}

// withDefaults fills in what a Monitor with a DSN needs.
func (o Options) withDefaults() (Options, error) {
	if o.Environment == "" {
		o.Environment = "production"
	}
	if o.Release == "" {
		o.Release = buildRelease()
	}
	rate := ProductionTraces
	if o.Environment == "development" {
		rate = DevelopmentTraces
	}
	if o.TracesSampleRate != nil {
		rate = *o.TracesSampleRate
	}
	if !(rate >= 0 && rate <= 1) { // NaN is neither
		return o, errors.New("sentry: the rate of traces must lie between 0 and 1")
	}
	o.TracesSampleRate = &rate
	if o.Ignore == nil {
		o.Ignore = HealthCheck
	}
	if o.Scrubber == nil {
		o.Scrubber = defaultScrubber()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	defaultTo(&o.EventsPerMinute, 240)
	defaultTo(&o.SameEventsPerMinute, 5)
	defaultTo(&o.TracesPerMinute, 3000)
	defaultTo(&o.AttackTracesPerMinute, 60)
	defaultTo(&o.LogsPerMinute, 600)
	defaultTo(&o.Queue, 256)
	defaultTo(&o.Senders, 4)
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return o, nil
}

func defaultTo(n *int, value int) {
	if *n <= 0 {
		*n = value
	}
}

// parseDSN checks a DSN. Its error says what is wrong and shows nothing of the
// DSN, which holds a key.
func parseDSN(dsn string) (*sentry.Dsn, error) {
	const form = "sentry: the DSN must read https://PUBLIC_KEY@HOST/PROJECT: "
	u, err := url.Parse(dsn)
	switch {
	case err != nil:
		return nil, errors.New(form + "it is no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New(form + "the scheme is neither https nor http")
	case u.User.Username() == "":
		return nil, errors.New(form + "the public key is missing")
	case u.Hostname() == "":
		return nil, errors.New(form + "the host is missing")
	case strings.Trim(u.Path, "/") == "":
		return nil, errors.New(form + "the project is missing")
	}
	parsed, err := sentry.NewDsn(dsn)
	if err != nil {
		return nil, errors.New(form + "it is malformed")
	}
	return parsed, nil
}

// buildRelease names the release as Sentry likes it, "package@version".
func buildRelease() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path == "" {
		return "gatehouse@unknown"
	}
	name := info.Main.Path[strings.LastIndexByte(info.Main.Path, '/')+1:]
	version := strings.Trim(info.Main.Version, "()")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (version == "" || version == "devel") {
			version = s.Value[:min(len(s.Value), 12)]
		}
	}
	if version == "" {
		version = "unknown"
	}
	return name + "@" + version
}

// HealthCheck reports whether a request asks for one of the usual paths of
// probes: /health, /healthz, /livez, /readyz, /ping and /metrics.
func HealthCheck(r *http.Request) bool {
	switch r.URL.Path {
	case "/health", "/healthz", "/livez", "/readyz", "/ping", "/metrics":
		return true
	}
	return false
}
