package app

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

// setting is one line of the configuration: the same name, form and bounds in
// the file, in the environment and in the reference.
type setting struct {
	key     string // as in the file, with dots
	about   string
	allowed string // what may be there, for errors: "use ..."
	plain   bool   // a number or a switch: not to be quoted in the file
	list    bool   // a list in the file, separated by commas in the environment
	secret  bool   // masked when it is shown
	silent  bool   // not repeated in errors
	alias   string // another name in the environment; the ordinary one wins
	get     func(*Config) string
	// set reads text; its error, if not errNotAllowed, says what is wrong.
	set func(c *Config, text string) error
}

// errNotAllowed says that a text is not what setting.allowed tells.
var errNotAllowed = errors.New("not allowed")

// variable returns the name of the setting in the environment.
func (s setting) variable() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// read sets c from text and returns an error for people.
func (s setting) read(c *Config, text string) error {
	err := s.set(c, text)
	if errors.Is(err, errNotAllowed) {
		if s.silent {
			return fmt.Errorf("the value is not allowed: %s", s.allowed)
		}
		return fmt.Errorf("%q is not allowed: %s", strictyaml.Shown(text), s.allowed)
	}
	return err
}

// settings returns all that are plain values, in the order of the reference.
//
// login_wait and passwords.wait together stay below httpguard.WriteTimeout, so
// that a login that has waited can still be answered.
func settings() []setting {
	const hour = time.Hour
	return []setting{
		address("listen", "Where people log in.", func(c *Config) *string { return &c.Listen }),
		address("admin_listen", "Where the dashboard, health and control answer. Keep it private.", func(c *Config) *string { return &c.AdminListen }),
		publicURL(),
		path("data", "The data directory: accounts, security log and keys. It is created if need be.", false, func(c *Config) *string { return &c.Data }),
		path("keys_file", "The file with the server's keys, the same on all nodes. It is created if need be. Empty: keys.pem in the data directory.", true, func(c *Config) *string { return &c.KeysFile }),
		word("node", "This node's name in the security log, another one on each node. Empty: the host's name with PostgreSQL, else local.", true, func(c *Config) *string { return &c.Node }),
		secret(link("postgres.url", "The PostgreSQL database in which several nodes keep accounts, security log and blocks. Empty: SQLite in the data directory.", "postgres://gatehouse@127.0.0.1:5432/gatehouse", []string{"postgres", "postgresql"}, func(c *Config) *string { return &c.Postgres.URL })),
		secret(link("redis.url", "The Redis or Valkey server, its Sentinels or its cluster in which several nodes keep counters and blocks. Empty: in memory.", "redis://127.0.0.1:6379", []string{"redis", "rediss"}, func(c *Config) *string { return &c.Redis.URL })),
		duration("redis.timeout", "How long a decision waits for Redis before this node decides by itself.", time.Millisecond, 5*time.Second, func(c *Config) *time.Duration { return &c.Redis.Timeout }),
		size("spool.max_bytes", "Room on the disk for records that wait while their database is down.", 1<<20, 1<<40, func(c *Config) *int { return &c.Spool.MaxBytes }),
		proxies(),
		choice("client_ip_header", "The header in which trusted proxies pass on the client's address.",
			[]string{clientip.XForwardedFor, "X-Real-IP", clientip.Forwarded}, func(c *Config) *string { return &c.ClientIPHeader }),
		choice("log.level", "The least level of what the server tells about itself.",
			[]string{"debug", "info", "warn", "error"}, func(c *Config) *string { return &c.Log.Level }),
		choice("log.format", "The form of what the server tells about itself.",
			[]string{"text", "json"}, func(c *Config) *string { return &c.Log.Format }),
		toggle("detection.enabled", "Off: no rule counts, blocks or alerts; blocks in force still hold.", func(c *Config) *bool { return &c.Detection.Enabled }),
		path("rules_file", "A file with rules, read before those under rules:.", true, func(c *Config) *string { return &c.RulesFile }),
		duration("login_wait", "How long a login waits for others on the same account and address.", time.Second, 30*time.Second, func(c *Config) *time.Duration { return &c.LoginWait }),
		number("max_connections", "Connections at the same time; each may hold a header of 1 MiB in memory.", 16, 1<<16, func(c *Config) *int { return &c.MaxConnections }),
		number("passwords.memory_kib", "Argon2id: memory for one hash, in KiB.", 8*16, 1<<20, func(c *Config) *uint32 { return &c.Passwords.MemoryKiB }),
		number("passwords.iterations", "Argon2id: passes over the memory.", 1, 64, func(c *Config) *uint32 { return &c.Passwords.Iterations }),
		number("passwords.parallelism", "Argon2id: lanes.", 1, 16, func(c *Config) *uint8 { return &c.Passwords.Parallelism }),
		number("passwords.concurrency", "Hashes computed at the same time; 0: as many as there are processors.", 0, 1024, func(c *Config) *int { return &c.Passwords.Concurrency }),
		duration("passwords.wait", "How long a login waits for its hash before it is answered 503.", time.Second, 20*time.Second, func(c *Config) *time.Duration { return &c.Passwords.Wait }),
		number("passwords.min_length", "The least length of a new password, in characters.", 8, 64, func(c *Config) *int { return &c.Passwords.MinLength }),
		duration("tokens.access_ttl", "How long an access token is good.", time.Second, 24*hour, func(c *Config) *time.Duration { return &c.Tokens.AccessTTL }),
		duration("tokens.refresh_ttl", "How long a session lives after its last use.", time.Minute, 365*24*hour, func(c *Config) *time.Duration { return &c.Tokens.RefreshTTL }),
		duration("tokens.refresh_grace", "How long after its use a refresh token that comes again gets the same successor.", time.Second, time.Minute, func(c *Config) *time.Duration { return &c.Tokens.RefreshGrace }),
		size("counters.max_bytes", "Memory for counters; a quarter as much again is for rate limits.", 1<<20, 16<<30, func(c *Config) *int { return &c.Counters.MaxBytes }),
		number("rate_limit.per_second", "Requests a second from one address or /64, on all endpoints together, with a burst of as many; 0: no limit.", 0, 10_000, func(c *Config) *int { return &c.RateLimit.PerSecond }),
		number("rate_limit.per_minute", "Requests a minute from one address or /64; 0: no limit.", 0, 10_000, func(c *Config) *int { return &c.RateLimit.PerMinute }),
		schedule("clean_up.schedule", "When what is over is removed: minute, hour, day of the month, month and day of the week, in UTC. One node of several does it.", func(c *Config) *string { return &c.CleanUp.Schedule }),
		duration("clean_up.keep", "How long tokens, sessions, blocks, links and messages are kept after their end.", 0, 10*365*24*hour, func(c *Config) *time.Duration { return &c.CleanUp.Keep }),
		duration("clean_up.keep_log", "How long records of the security log are kept; 0s: for good. They go from the log's beginning, so that the rest can be verified.", 0, 10*365*24*hour, func(c *Config) *time.Duration { return &c.CleanUp.KeepLog }),
		keepLogOf(),
		toggle("monitoring.enabled", "Off: no Sentry, traces, profiles, metrics and exports; detection and the security log go on.", func(c *Config) *bool { return &c.Monitoring.Enabled }),
		secret(alias("SENTRY_DSN", link("sentry.dsn", "The Sentry project that errors, traces and security events go to. Empty: none.", "http://127.0.0.1:9000", webSchemes, func(c *Config) *string { return &c.Sentry.DSN }))),
		alias("SENTRY_ENVIRONMENT", word("sentry.environment", "The environment that Sentry shows.", false, func(c *Config) *string { return &c.Sentry.Environment })),
		alias("SENTRY_RELEASE", word("sentry.release", "The release that Sentry shows. Empty: the version of the build.", true, func(c *Config) *string { return &c.Sentry.Release })),
		fraction("sentry.traces_sample_rate", "The part of requests that Sentry gets a trace of, besides those with findings. Empty: 1 in development, 0.1 elsewhere.", true, func(c *Config) *string { return &c.Sentry.TracesSampleRate }),
		alias("OTEL_EXPORTER_OTLP_ENDPOINT", link("tracing.otlp_endpoint", "Where OpenTelemetry traces go (OTLP over HTTP), instead of Sentry. Empty: nowhere.", "http://127.0.0.1:9000", webSchemes, func(c *Config) *string { return &c.Tracing.OTLPEndpoint })),
		fraction("tracing.sample_rate", "The part of requests that are traced, besides those with findings.", false, func(c *Config) *string { return &c.Tracing.SampleRate }),
		secret(link("profiles.pyroscope_url", "A Pyroscope-compatible server for continuous profiles. Empty: none.", "http://127.0.0.1:9000", webSchemes, func(c *Config) *string { return &c.Profiles.PyroscopeURL })),
		exportTarget(),
		choice("export.format", "The form of what is exported.", []string{"ocsf", "ecs"}, func(c *Config) *string { return &c.Export.Format }),
		mailHost(),
		number("mail.port", "Its port; 0: 587 with starttls, 465 with tls, 25 with none.", 0, 65535, func(c *Config) *int { return &c.Mail.Port }),
		choice("mail.tls", "How the connection to it is encrypted; none is for servers on this machine.", []string{"starttls", "tls", "none"}, func(c *Config) *string { return &c.Mail.TLS }),
		credential("mail.username", "The name to log in there with. Empty: no login.", func(c *Config) *string { return &c.Mail.Username }),
		secret(credential("mail.password", "The password to log in there with.", func(c *Config) *string { return &c.Mail.Password })),
		mailFrom(),
		number("account_mail.notices_per_hour", "Notices that one account gets in an hour; how many were left out is told in the next one.", 1, 1000, func(c *Config) *int { return &c.AccountMail.NoticesPerHour }),
		number("account_mail.resets_per_hour", "Links to reset the password that one account gets in an hour.", 1, 100, func(c *Config) *int { return &c.AccountMail.ResetsPerHour }),
		number("account_mail.requests_per_hour", "Requests for such links that are taken from one address in an hour.", 1, 10000, func(c *Config) *int { return &c.AccountMail.RequestsPerHour }),
		files("lists.block_files", "Files with addresses and networks that are kept out; see docs/ip-lists.md.", func(c *Config) *[]string { return &c.Lists.BlockFiles }),
		networks("lists.allow", "Addresses and networks that are never kept out, such as the office and health checkers. Their logins keep their limit.", func(c *Config) *[]string { return &c.Lists.Allow }),
		files("lists.allow_files", "Files with more of those.", func(c *Config) *[]string { return &c.Lists.AllowFiles }),
		toggle("dashboard.enabled", "Off: the admin listener answers health, metrics and control only.", func(c *Config) *bool { return &c.Dashboard.Enabled }),
		hosts("dashboard.hosts", "The names under which your own proxy passes requests on to the admin listener. While that listens on loopback, other names than these, addresses and localhost are refused.", func(c *Config) *[]string { return &c.Dashboard.Hosts }),
		duration("dashboard.session_ttl", "How long an operator stays signed in after the last use.", 5*time.Minute, 30*24*hour, func(c *Config) *time.Duration { return &c.Dashboard.SessionTTL }),
		path("geoip.database", "An MMDB file (MaxMind or DB-IP) to look places up in before the data built in.", true, func(c *Config) *string { return &c.GeoIP.Database }),
	}
}

func address(key, about string, field func(*Config) *string) setting {
	return text(key, about, "use host:port, such as 127.0.0.1:8080, or :8080 for every interface", field, func(s string) bool {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return false
		}
		_, err = strconv.ParseUint(port, 10, 16)
		return err == nil
	})
}

func path(key, about string, optional bool, field func(*Config) *string) setting {
	return text(key, about, "use the path of a file or directory", field, func(s string) bool {
		return (s != "" || optional) && !strings.ContainsRune(s, 0)
	})
}

func text(key, about, allowed string, field func(*Config) *string, valid func(string) bool) setting {
	return setting{
		key: key, about: about, allowed: allowed,
		get: func(c *Config) string { return *field(c) },
		set: func(c *Config, s string) error {
			if !valid(s) {
				return errNotAllowed
			}
			*field(c) = s
			return nil
		},
	}
}

func choice(key, about string, words []string, field func(*Config) *string) setting {
	last := len(words) - 1
	return setting{
		key: key, about: about, allowed: fmt.Sprintf("use %s or %s", strings.Join(words[:last], ", "), words[last]),
		get: func(c *Config) string { return *field(c) },
		set: func(c *Config, s string) error {
			i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, s) })
			if i < 0 {
				return errNotAllowed
			}
			*field(c) = words[i]
			return nil
		},
	}
}

func toggle(key, about string, field func(*Config) *bool) setting {
	return setting{
		key: key, about: about, allowed: "use true or false", plain: true,
		get: func(c *Config) string { return strconv.FormatBool(*field(c)) },
		set: func(c *Config, s string) error {
			if s != "true" && s != "false" {
				return errNotAllowed
			}
			*field(c) = s == "true"
			return nil
		},
	}
}

func number[N int | uint32 | uint8](key, about string, low, high int, field func(*Config) *N) setting {
	return setting{
		key: key, about: about, allowed: fmt.Sprintf("use a whole number from %d to %d", low, high), plain: true,
		get: func(c *Config) string { return fmt.Sprint(*field(c)) },
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < low || n > high || strconv.Itoa(n) != s {
				return errNotAllowed
			}
			*field(c) = N(n)
			return nil
		},
	}
}

func duration(key, about string, low, high time.Duration, field func(*Config) *time.Duration) setting {
	format := strictyaml.FormatDuration
	defaults := Default()
	return setting{
		key: key, about: about,
		allowed: fmt.Sprintf("use a duration from %s to %s, such as %s", format(low), format(high), format(*field(&defaults))),
		get:     func(c *Config) string { return format(*field(c)) },
		set: func(c *Config, s string) error {
			d, err := time.ParseDuration(s)
			if err != nil || d < low || d > high {
				return errNotAllowed
			}
			*field(c) = d
			return nil
		},
	}
}

func proxies() setting {
	return setting{
		key: "trusted_proxies", list: true, allowed: "use addresses and networks of your own proxies, such as 192.0.2.1 or 2001:db8::/32, no bits set beyond the length",
		about: "The operator's own proxies, whose word on the client's address, protocol and correlation ID is believed.",
		get:   func(c *Config) string { return strings.Join(c.TrustedProxies, ",") },
		set: func(c *Config, s string) error {
			var list []string
			for one := range strings.SplitSeq(s, ",") {
				if one = strings.TrimSpace(one); one != "" {
					list = append(list, one)
				}
			}
			trusted, err := clientip.ParsePrefixes(list)
			if err == nil {
				_, err = clientip.New(clientip.Options{Trusted: trusted})
			}
			if err != nil {
				return err
			}
			c.TrustedProxies = list
			return nil
		},
	}
}
