package app_test

import (
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/rules"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata and the table in docs")

func load(t *testing.T, from app.Sources) app.Config {
	t.Helper()
	c, err := app.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigDefaults(t *testing.T) {
	for name, from := range map[string]app.Sources{
		"nothing":       {},
		"an empty file": {File: "testdata/working_empty.yaml", Environ: []string{"HOME=/root", "PATH"}, Flags: func(*app.Config) {}},
		"Kubernetes":    {Environ: []string{"GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_PORT=tcp://10.0.0.1:80", "GATEHOUSE_PORT_80_TCP_ADDR=10.0.0.1"}},
	} {
		if c := load(t, from); !reflect.DeepEqual(c, app.Default()) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// full is what testdata/working_full.yaml says.
func full() app.Config {
	c := app.Config{
		Listen: ":8443", AdminListen: "[::1]:9000", Data: "/var/lib/gatehouse",
		PublicURL: "https://login.example.com/auth", AccountMail: app.AccountMailConfig{NoticesPerHour: 5, ResetsPerHour: 2, RequestsPerHour: 7},
		KeysFile: "/etc/gatehouse/keys.pem", Node: "berlin-1",
		Postgres:       app.PostgresConfig{URL: "postgres://gatehouse:secret@192.0.2.10/gatehouse"},
		Redis:          app.RedisConfig{URL: "rediss://192.0.2.11:6380", Timeout: 25 * time.Millisecond},
		Spool:          app.SpoolConfig{MaxBytes: 2 << 30},
		TrustedProxies: []string{"192.0.2.1", "2001:db8::/32"}, ClientIPHeader: "X-Real-IP",
		LoginWait: 20 * time.Second, MaxConnections: 500, RulesFile: "testdata/rules.yaml", Rules: rules.Default(),
		Log:       app.LogConfig{Level: "debug", Format: "json"},
		Passwords: app.PasswordsConfig{MemoryKiB: 65536, Iterations: 3, Parallelism: 2, Concurrency: 4, Wait: 10 * time.Second, MinLength: 12},
		Tokens:    app.TokensConfig{AccessTTL: 5 * time.Minute, RefreshTTL: 168 * time.Hour, RefreshGrace: 5 * time.Second},
		Counters:  app.CountersConfig{MaxBytes: 1 << 30},
		RateLimit: app.RateLimitConfig{PerSecond: 20, PerMinute: 600},
		CleanUp: app.CleanUpConfig{Schedule: "*/30 2-5 * * *", Keep: 24 * time.Hour, KeepLog: 365 * 24 * time.Hour,
			KeepLogOf: map[gatehouse.Kind]time.Duration{gatehouse.RequestRefused: 168 * time.Hour, gatehouse.LoginRefused: 720 * time.Hour}},
		Sentry: app.SentryConfig{
			DSN: "http://public@127.0.0.1:9000/1", Environment: "staging", Release: "gatehouse@1.2.3", TracesSampleRate: "0.5",
		},
		Tracing:  app.TracingConfig{OTLPEndpoint: "http://127.0.0.1:4318", SampleRate: "0.25"},
		Profiles: app.ProfilesConfig{PyroscopeURL: "http://127.0.0.1:4040"},
		Export:   app.ExportConfig{Target: "file:/var/log/gatehouse.jsonl", Format: "ecs"},
		Mail: app.MailConfig{
			Host: "mail.example.com", Port: 2525, TLS: "tls", Username: "gatehouse", Password: "not: a secret",
			From: "Gatehouse <alerts@example.com>",
		},
		Alerts:    fullAlerts(),
		Dashboard: app.DashboardConfig{Hosts: []string{"gatehouse.example.com", "ops.example.com"}, SessionTTL: time.Hour},
		Lists: app.ListsConfig{
			BlockFiles: []string{"/etc/gatehouse/bad.txt", "/etc/gatehouse/worse.nft"},
			Allow:      []string{"192.0.2.0/28", "2001:db8::1", "198.51.100.1-198.51.100.9"},
			AllowFiles: []string{"/etc/gatehouse/office.json"},
		},
		GeoIP: app.GeoIPConfig{Database: "/usr/share/city.mmdb", Networks: map[netip.Prefix]app.NetworkPlace{
			netip.MustParsePrefix("10.1.0.0/16"):     {Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.4, Located: true},
			netip.MustParsePrefix("2001:db8:1::/48"): {Country: "NO"},
			netip.MustParsePrefix("192.0.2.7/32"):    {Country: "US", City: "New: York"},
		}},
	}
	c.Rules.BruteForce.Limit = gatehouse.Limit{Threshold: 4, Window: time.Minute}
	c.Rules.BotActivity.Enabled = false
	return c
}

func TestConfigFile(t *testing.T) {
	if c := load(t, app.Sources{File: "testdata/working_full.yaml"}); !reflect.DeepEqual(c, full()) {
		t.Errorf("got  %+v\nwant %+v", c, full())
	}
}

// The test of the file is one of every setting only as long as the file has
// every setting at another value.
func TestConfigFileIsFull(t *testing.T) {
	c, d := reflect.ValueOf(full()), reflect.ValueOf(app.Default())
	var compare func(path string, a, b reflect.Value)
	compare = func(path string, a, b reflect.Value) {
		if a.Kind() == reflect.Struct && path != ".Rules" {
			for i := range a.NumField() {
				compare(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
			}
		} else if reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("%s is at its default", path)
		}
	}
	compare("", c, d)
}

func TestConfigPrecedence(t *testing.T) {
	c := load(t, app.Sources{
		File: "testdata/working_full.yaml",
		Environ: []string{
			"GATEHOUSE_LISTEN=127.0.0.1:1", "GATEHOUSE_ADMIN_LISTEN=127.0.0.1:2", "GATEHOUSE_LOG_LEVEL=warn",
			"GATEHOUSE_TRUSTED_PROXIES=198.51.100.1, 198.51.100.2,", "GATEHOUSE_DETECTION_ENABLED=true", "GATEHOUSE_RULES_FILE=",
			"SENTRY_ENVIRONMENT=development", "SENTRY_RELEASE=1", "GATEHOUSE_SENTRY_RELEASE=2", "SENTRY_OTHER=3",
		},
		Flags: func(c *app.Config) {
			if c.Listen != "127.0.0.1:1" {
				t.Errorf("the flags see %s", c.Listen)
			}
			c.AdminListen = "127.0.0.1:3"
		},
	})
	want := full()
	want.Listen, want.AdminListen, want.Log.Level, want.RulesFile = "127.0.0.1:1", "127.0.0.1:3", "warn", ""
	want.TrustedProxies = []string{"198.51.100.1", "198.51.100.2"}
	want.Detection.Enabled = true
	want.Sentry.Environment, want.Sentry.Release = "development", "2"
	want.Rules = rules.Default()
	want.Rules.BruteForce.Limit.Threshold = 4
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// Every busted_*.yaml has its exact message in a .txt of the same name.
func TestConfigBusted(t *testing.T) {
	files, err := filepath.Glob("testdata/busted_*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c, err := app.Load(app.Sources{File: file})
			if err == nil {
				t.Fatal("no error")
			}
			if !reflect.DeepEqual(c, app.Default()) {
				t.Error("something was set")
			}
			got := strings.ReplaceAll(err.Error(), "testdata/", "") + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestConfigErrorsElsewhere(t *testing.T) {
	tests := map[string]struct {
		from app.Sources
		want string
	}{
		"a variable":          {app.Sources{Environ: []string{"GATEHOUSE_LOGIN_WAIT=soon"}}, `GATEHOUSE_LOGIN_WAIT: "soon" is not allowed: use a duration from 1s to 30s, such as 10s`},
		"a variable's list":   {app.Sources{Environ: []string{"GATEHOUSE_TRUSTED_PROXIES=192.0.2.1,all"}}, `GATEHOUSE_TRUSTED_PROXIES: network 2: "all" is not a network`},
		"a misspelt variable": {app.Sources{Environ: []string{"GATEHOUSE_LISTN=:80"}}, `GATEHOUSE_LISTN: unknown variable; did you mean GATEHOUSE_LISTEN?`},
		"hostile":             {app.Sources{Environ: []string{"GATEHOUSE_LISTEN=\x1b[31m\n" + strings.Repeat("x", 1000)}}, `GATEHOUSE_LISTEN: "` + "\ufffd[31m\ufffd" + `xxx`},
		"a flag":              {app.Sources{Flags: func(c *app.Config) { c.Listen = "x" }}, `command line: listen: "x" is not allowed: use host:port, such as 127.0.0.1:8080`},
		"two":                 {app.Sources{Environ: []string{"GATEHOUSE_LISTEN=x"}, Flags: func(c *app.Config) { c.Data = "" }}, "command line: data: \"\" is not allowed: use the path of a file or directory"},
		"variables together":  {app.Sources{Environ: []string{"GATEHOUSE_TOKENS_REFRESH_TTL=5m"}}, "GATEHOUSE_TOKENS_REFRESH_TTL: 5m is shorter than tokens.access_ttl, 15m"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := app.Load(tt.from)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			} else if len(err.Error()) > 500 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
	for _, from := range []app.Sources{{File: "testdata/none.yaml"}, {Environ: []string{"GATEHOUSE_RULES_FILE=testdata/none.yaml"}}} {
		if _, err := app.Load(from); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a missing file: %v", err)
		}
	}
}

func TestConfigYAMLRoundTrip(t *testing.T) {
	odd := full()
	odd.RulesFile, odd.Data, odd.TrustedProxies = "", "a # b: \"ç\"\t\u2028", nil
	odd.Counters.MaxBytes = 1<<20 + 1
	for name, c := range map[string]app.Config{"default": app.Default(), "full": full(), "odd": odd} {
		t.Run(name, func(t *testing.T) {
			c.Sentry.DSN, c.Profiles.PyroscopeURL, c.Postgres.URL, c.Redis.URL = "", "", "", "" // secrets; see TestConfigSecrets
			c.Mail.Username, c.Mail.Password = "", ""
			text, err := c.YAML()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got := load(t, app.Sources{File: file})
			c.RulesFile = "" // its rules are in the text
			if !reflect.DeepEqual(got, c) {
				t.Errorf("%s\ngot  %+v\nwant %+v", text, got, c)
			}
		})
	}
}

// Secrets are neither shown nor, when they are malformed, repeated.
func TestConfigSecrets(t *testing.T) {
	const canary = "c4n4ry"
	c := app.Default()
	c.Sentry.DSN = "http://" + canary + "@127.0.0.1:9000/1"
	c.Profiles.PyroscopeURL = "http://user:" + canary + "@127.0.0.1:4040"
	c.Postgres.URL = "postgres://user:" + canary + "@127.0.0.1/gatehouse"
	c.Redis.URL = "redis://:" + canary + "@127.0.0.1:6379"
	c.Mail.Password = canary
	c.Alerts.Channels = map[string]app.ChannelConfig{"hook": {Type: "webhook", URL: canary, Secret: canary}, "sms": {Type: "sms", Token: canary}}
	text, err := c.YAML()
	if err != nil || strings.Contains(string(text), canary) || strings.Count(string(text), "(masked)") != 8 {
		t.Errorf("%s, %v", text, err)
	}
	for _, environ := range []string{"SENTRY_DSN=" + canary, "SENTRY_DSN=ftp://" + canary + "@127.0.0.1/1", "SENTRY_DSN=(masked)"} {
		if _, err := app.Load(app.Sources{Environ: []string{environ}}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", environ, err)
		}
	}
}

func TestEffectiveRules(t *testing.T) {
	c := app.Default()
	if c.EffectiveRules() != rules.Default() {
		t.Error("not the rules")
	}
	c.Detection.Enabled = false
	set := c.EffectiveRules()
	for _, r := range set.All() {
		if r.Enabled {
			t.Errorf("%s is enabled", r.Name)
		}
	}
	if !c.Rules.BruteForce.Enabled {
		t.Error("the configuration was changed")
	}
}

func TestSlogLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "": slog.LevelInfo} {
		if got := (app.LogConfig{Level: text}).SlogLevel(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestNetworkTable(t *testing.T) {
	place := full().GeoIP.Table()[netip.MustParsePrefix("10.1.0.0/16")]
	if place.Country != "DE" || place.City != "Berlin" || !place.Located() || place.Lat != 52.52 || place.Lon != 13.4 {
		t.Errorf("place %+v", place)
	}
	if place := full().GeoIP.Table()[netip.MustParsePrefix("2001:db8:1::/48")]; place.Located() {
		t.Errorf("located without coordinates: %+v", place)
	}
}

func FuzzConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "rules_file") {
			return // it could name anything
		}
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := app.Load(app.Sources{File: file})
		if err != nil {
			if len(err.Error()) > 20_000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		text, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := app.Load(app.Sources{File: file})
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s\nreads differently again: %v", text, err)
		}
	})
}
