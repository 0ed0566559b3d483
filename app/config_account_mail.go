package app

import (
	"net/url"
	"strings"
)

// AccountMailConfig bounds what is mailed to account holders.
type AccountMailConfig struct {
	NoticesPerHour int // to one account
	ResetsPerHour  int // to one account
	// RequestsPerHour is how many requests for a new password are taken from
	// one address.
	RequestsPerHour int
}

// publicURL is where people reach the login server. No header of a request can
// take its place.
func publicURL() setting {
	return text("public_url", "Where people reach the login server; links in mails lead there. Empty: account holders get no mail.",
		"use a URL without query, such as https://login.example.com", func(c *Config) *string { return &c.PublicURL }, func(s string) bool {
			u, err := url.Parse(s)
			return s == "" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && !strings.ContainsAny(s, "?#")
		})
}
