package app

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/rules"
)

// Config is every setting of Gatehouse. docs/configuration.md is its reference,
// and Default its defaults. Its secrets are masked by YAML; the keys of the login
// server are none of them, but files in the data directory.
type Config struct {
	Listen         string // where people log in
	AdminListen    string // where health and control answer
	PublicURL      string // where people reach Listen; empty: no links in mails
	Data           string // the data directory
	KeysFile       string // empty: in the data directory
	Node           string // this node's name in the log; empty: DefaultNode
	Postgres       PostgresConfig
	Redis          RedisConfig
	Spool          SpoolConfig
	TrustedProxies []string // networks whose forwarded client address is believed
	ClientIPHeader string   // the header in which they forward it
	LoginWait      time.Duration
	MaxConnections int // at the same time, on each listener
	RulesFile      string
	Rules          rules.Set // the defaults, changed by the rules file, changed by rules:
	Detection      DetectionConfig
	Log            LogConfig
	Passwords      PasswordsConfig
	Tokens         TokensConfig
	Counters       CountersConfig
	RateLimit      RateLimitConfig
	CleanUp        CleanUpConfig
	Monitoring     MonitoringConfig
	Sentry         SentryConfig
	Tracing        TracingConfig
	Profiles       ProfilesConfig
	Export         ExportConfig
	Mail           MailConfig
	Alerts         AlertsConfig
	AccountMail    AccountMailConfig
	Lists          ListsConfig
	Dashboard      DashboardConfig
	GeoIP          GeoIPConfig
}

// PostgresConfig says where several nodes keep their records together.
type PostgresConfig struct {
	URL string // empty: SQLite in the data directory
}

// RedisConfig says where several nodes keep their counters and blocks together.
type RedisConfig struct {
	URL     string        // empty: in memory
	Timeout time.Duration // of one round trip
}

// SpoolConfig bounds the file in which records wait while their store is down.
type SpoolConfig struct {
	MaxBytes int
}

// CleanUpConfig says when what is over is removed, and how long it is kept.
type CleanUpConfig struct {
	Schedule string // a crontab line, in UTC
	Keep     time.Duration
	KeepLog  time.Duration // records of the security log; 0: for good
	// KeepLogOf is how long records of a kind are kept that go before the others.
	KeepLogOf map[gatehouse.Kind]time.Duration
}

// MonitoringConfig switches everything that reports to others: Sentry, traces,
// profiles, metrics and exports.
type MonitoringConfig struct {
	Enabled bool
}

// SentryConfig says where errors go.
type SentryConfig struct {
	DSN         string // empty: nowhere
	Environment string
	Release     string // empty: that of the build
	// TracesSampleRate is a number from 0 to 1; empty: 1 in the environment
	// "development", 0.1 elsewhere.
	TracesSampleRate string
}

// TracingConfig says where OpenTelemetry traces go.
type TracingConfig struct {
	OTLPEndpoint string // URL; empty: nowhere
	SampleRate   string // a number from 0 to 1
}

// ProfilesConfig says where continuous profiles go.
type ProfilesConfig struct {
	PyroscopeURL string // empty: nowhere
}

// ExportConfig says where the security log is copied to.
type ExportConfig struct {
	Target string // as export.Open takes it; empty: nowhere
	Format string // ocsf or ecs
}

// DashboardConfig says who gets to the pages for operators, and for how long.
type DashboardConfig struct {
	Enabled    bool
	Hosts      []string      // names under which a proxy passes requests on, besides addresses and localhost
	SessionTTL time.Duration // after the last use
}

// DetectionConfig switches detection.
type DetectionConfig struct {
	Enabled bool
}

// LogConfig says what the process tells about itself, on standard error. It is
// not the security log.
type LogConfig struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// SlogLevel returns the level as package slog has it.
func (c LogConfig) SlogLevel() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) != nil {
		return slog.LevelInfo
	}
	return level
}

// PasswordsConfig says how passwords are hashed (Argon2id) and which may be
// chosen.
type PasswordsConfig struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
	Concurrency int           // hashes at the same time; 0: as many as processors
	Wait        time.Duration // how long a login waits for its hash
	MinLength   int           // in characters
}

// TokensConfig says how long tokens are good.
type TokensConfig struct {
	AccessTTL    time.Duration
	RefreshTTL   time.Duration
	RefreshGrace time.Duration
}

// CountersConfig bounds the counters that are kept in memory.
type CountersConfig struct {
	MaxBytes int
}

// GeoIPConfig says where places are looked up, besides the data built in.
type GeoIPConfig struct {
	Database string // path of an MMDB file
	Networks map[netip.Prefix]NetworkPlace
}

// NetworkPlace is where a network of the operator's is.
type NetworkPlace struct {
	Country string // ISO 3166-1 alpha-2
	City    string
	// Lat and Lon are in degrees. They count only if Located is set.
	Lat, Lon float64
	Located  bool
}

// networkRadiusKm is how far from its coordinates a network is taken to be.
const networkRadiusKm = 25

// Table returns the networks as package geoip takes them.
func (c GeoIPConfig) Table() map[netip.Prefix]gatehouse.Place {
	table := make(map[netip.Prefix]gatehouse.Place, len(c.Networks))
	for prefix, n := range c.Networks {
		place := gatehouse.Place{Country: n.Country, City: n.City}
		if n.Located {
			place.Lat, place.Lon, place.RadiusKm = n.Lat, n.Lon, networkRadiusKm
		}
		table[prefix] = place
	}
	return table
}

// Default returns the settings in force when nothing is configured.
func Default() Config {
	return Config{
		Listen:         "127.0.0.1:8080",
		AdminListen:    "127.0.0.1:8081",
		Data:           "gatehouse-data",
		Redis:          RedisConfig{Timeout: 50 * time.Millisecond},
		Spool:          SpoolConfig{MaxBytes: 1 << 30},
		ClientIPHeader: clientip.XForwardedFor,
		LoginWait:      10 * time.Second,
		MaxConnections: 1024,
		Rules:          rules.Default(),
		Detection:      DetectionConfig{Enabled: true},
		Log:            LogConfig{Level: "info", Format: "text"},
		Passwords: PasswordsConfig{
			MemoryKiB: 19 * 1024, Iterations: 2, Parallelism: 1, // OWASP Password Storage Cheat Sheet
			Wait:      5 * time.Second,
			MinLength: 8,
		},
		Tokens: TokensConfig{
			AccessTTL:    15 * time.Minute,
			RefreshTTL:   30 * 24 * time.Hour,
			RefreshGrace: 10 * time.Second,
		},
		Counters:   CountersConfig{MaxBytes: 64 << 20},
		RateLimit:  RateLimitConfig{PerSecond: 100, PerMinute: 1200},
		CleanUp:    CleanUpConfig{Schedule: "17 * * * *", Keep: 7 * 24 * time.Hour},
		Monitoring: MonitoringConfig{Enabled: true},
		Sentry:     SentryConfig{Environment: "production"},
		Tracing:    TracingConfig{SampleRate: "0.1"},
		Export:     ExportConfig{Format: "ocsf"},
		Mail:       MailConfig{TLS: "starttls"},

		AccountMail: AccountMailConfig{NoticesPerHour: 10, ResetsPerHour: 3, RequestsPerHour: 20},
		Dashboard:   DashboardConfig{Enabled: true, SessionTTL: 12 * time.Hour},
	}
}

// EffectiveRules returns the rules in force: none when detection is switched
// off.
func (c Config) EffectiveRules() rules.Set {
	set := c.Rules
	if !c.Detection.Enabled {
		for _, r := range set.All() {
			r.Enabled = false
		}
	}
	return set
}
