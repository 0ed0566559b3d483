package redis

import (
	"errors"
	"net/url"

	"github.com/redis/rueidis"
)

// errURL repeats nothing of the URL: a password with a "/" or "?" in it lands
// in any part.
var errURL = errors.New("redis: the URL cannot be read; allowed are " +
	"redis://[user:password@]host[:port][/database], rediss:// for TLS, unix:///path, " +
	"with more addresses of a Cluster or of Sentinels as ?addr=host:port&addr=..., " +
	"and with the options master_set (Sentinel), db, dial_timeout, protocol, client_name, skip_verify; " +
	"a password has its special characters percent-encoded")

// parseURL reads a URL as rueidis.ParseURL does, and refuses what that ignores.
func parseURL(text string) (rueidis.ClientOption, error) {
	u, err := url.Parse(text)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	switch u.Scheme {
	case "redis", "rediss", "valkey", "valkeys":
		if u.Hostname() == "" || u.Opaque != "" {
			return rueidis.ClientOption{}, errURL
		}
	case "unix":
		if u.Path == "" {
			return rueidis.ClientOption{}, errURL
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return rueidis.ClientOption{}, errURL
	}
	for name, values := range query {
		switch name {
		case "addr":
		case "master_set", "db", "dial_timeout", "protocol", "client_name", "skip_verify":
			if len(values) != 1 {
				return rueidis.ClientOption{}, errURL
			}
		default:
			return rueidis.ClientOption{}, errURL
		}
	}
	option, err := rueidis.ParseURL(text)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	return option, nil
}
