package clientip

import (
	"net/netip"
	"strings"
)

// parseNode reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or
// "[2001:db8::1]:80". Names like "unknown" and "_hidden" are refused.
func parseNode(s string) (netip.Addr, bool) {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !strings.Contains(s[:end], ":") {
			return netip.Addr{}, false
		}
		host, port = s[1:end], s[end+1:]
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0 {
		host, port = s[:colon], s[colon:]
	}
	if port != "" && !validPort(port) {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return clean(ip), true
}

// validPort takes ":80" and the hidden ports of RFC 7239, ":_x". The port itself
// is of no interest.
func validPort(s string) bool {
	hidden := strings.HasPrefix(s, ":_")
	digits := strings.TrimPrefix(strings.TrimPrefix(s, ":"), "_")
	if s[0] != ':' || digits == "" || !hidden && len(digits) > 5 {
		return false
	}
	for i := 0; i < len(digits); i++ {
		if c := digits[i]; (c < '0' || c > '9') && !(hidden && tokenByte(c)) {
			return false
		}
	}
	return true
}

// forValue returns the value of the one "for" parameter of an RFC 7239
// element, unquoted. It does not insist on quotes around a colon, which many
// proxies leave out.
func forValue(element string) (value string, ok bool) {
	for rest := element; ; {
		name, after, found := strings.Cut(rest, "=")
		if !found || name == "" || strings.IndexFunc(name, notToken) >= 0 {
			return "", false
		}
		v, tail, valid := pairValue(after)
		if !valid {
			return "", false
		}
		if strings.EqualFold(name, "for") {
			if ok {
				return "", false // twice: which one is it?
			}
			value, ok = v, true
		}
		if tail == "" {
			return value, ok && value != ""
		}
		rest = strings.TrimLeft(tail[1:], " \t") // tail begins with the semicolon
	}
}

// pairValue takes a token or a quoted string off the front of s. The tail is
// empty or begins with a semicolon.
func pairValue(s string) (value, tail string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		value = strings.TrimRight(s[:end], " \t")
		return value, s[end:], value != "" && !strings.ContainsAny(value, "\" \t=\\")
	}
	var b []byte
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b = append(b, s[i])
			}
		case '"':
			tail = strings.TrimLeft(s[i+1:], " \t")
			return string(b), tail, tail == "" || tail[0] == ';'
		default:
			b = append(b, s[i])
		}
	}
	return "", "", false // no closing quote
}

func notToken(r rune) bool { return r >= 0x80 || !tokenByte(byte(r)) }

// tokenByte reports whether c may be in a token of RFC 9110.
func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
