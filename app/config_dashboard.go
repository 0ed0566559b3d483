package app

import "regexp"

// hostName is a DNS name (RFC 1123, section 2.1), without a port.
var hostName = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

func hosts(key, about string, field func(*Config) *[]string) setting {
	return items(key, about, "use names of hosts without a port, such as gatehouse.example.com", field, func(s string) bool {
		return len(s) <= 253 && hostName.MatchString(s)
	})
}
