package app

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The kinds of settings that say where something goes.

func secret(s setting) setting {
	s.secret = true
	return s
}

func alias(variable string, s setting) setting {
	s.alias = variable
	return s
}

// webSchemes are those of a server that speaks HTTP.
var webSchemes = []string{"http", "https"}

// link is an absolute URL of one of the schemes, or nothing. Its error does not
// show the text: it may hold a password.
func link(key, about, example string, schemes []string, field func(*Config) *string) setting {
	s := text(key, about, "use a URL such as "+example, field, func(s string) bool {
		if s == "" {
			return true
		}
		u, err := url.Parse(s)
		named := err == nil && (u.Host != "" || u.Query().Get("host") != "") // PostgreSQL's socket is a parameter
		return named && slices.Contains(schemes, u.Scheme)
	})
	s.silent = true
	return s
}

// word is a text without spaces and control characters.
func word(key, about string, optional bool, field func(*Config) *string) setting {
	const most = 200
	return text(key, about, "use a name without spaces", field, func(s string) bool {
		odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
		return (s != "" || optional) && len(s) <= most && !strings.ContainsFunc(s, odd)
	})
}

// fraction is a number from 0 to 1.
func fraction(key, about string, optional bool, field func(*Config) *string) setting {
	s := text(key, about, "use a number from 0 to 1, such as 0.1", field, func(s string) bool {
		f, err := strconv.ParseFloat(s, 64)
		return s == "" && optional || err == nil && f >= 0 && f <= 1
	})
	s.plain = !optional
	return s
}

// exportTarget is what export.Open takes, or nothing.
func exportTarget() setting {
	return text("export.target", "Where the security log is copied to. Empty: nowhere.",
		"use stdout, syslog, file:PATH, unix:PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT",
		func(c *Config) *string { return &c.Export.Target }, func(s string) bool {
			scheme, rest, found := strings.Cut(s, ":")
			switch {
			case s == "", s == "stdout", s == "syslog":
				return true
			case scheme == "file", scheme == "unix":
				return found && rest != "" && !strings.ContainsRune(rest, 0)
			case scheme == "udp", scheme == "tcp", scheme == "tls":
				_, _, err := net.SplitHostPort(strings.TrimPrefix(rest, "//"))
				return strings.HasPrefix(rest, "//") && err == nil
			}
			return false
		})
}

// schedule is a crontab line of five fields.
func schedule(key, about string, field func(*Config) *string) setting {
	return text(key, about, "use a crontab line such as 17 * * * *", field, func(s string) bool {
		_, err := parseSchedule(s)
		return err == nil
	})
}
