package sentrytel

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

// anonymous is a Scrubber that masks e-mail addresses and treats IP addresses as
// the policy says, besides what the Scrubber within it does: in an error's text
// they are personal data like elsewhere.
type anonymous struct {
	Scrubber
	address func(netip.Addr) string
}

// What stands in place of personal data.
const (
	maskedMail = "[email]"
	maskedIP   = "[ip]"
)

var personal = regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+|\b\d{1,3}(?:\.\d{1,3}){3}\b|\w*:[\w:]*:[\w:.]*`)

// Text masks what is in a text.
func (a anonymous) Text(s string) string { return a.mask(a.Scrubber.Text(s)) }

// Value masks what is in the texts of a value.
func (a anonymous) Value(v any) any { return a.walk(a.Scrubber.Value(v)) }

func (a anonymous) mask(s string) string {
	return personal.ReplaceAllStringFunc(s, func(found string) string {
		word := strings.TrimRight(found, ".")
		if !strings.HasSuffix(word, "::") {
			word = strings.TrimSuffix(word, ":")
		}
		ip, err := netip.ParseAddr(word)
		rest := found[len(word):]
		switch {
		case err == nil && ip.IsLoopback():
			return found
		case err == nil:
			if told := a.address(ip); told != "" {
				return told + rest
			}
			return maskedIP + rest
		case strings.Contains(found, "@"):
			return maskedMail
		}
		return found // a time, a version
	})
}

// walk masks in place: a Scrubber gives copies.
func (a anonymous) walk(v any) any {
	switch v := v.(type) {
	case string:
		return a.mask(v)
	case netip.Addr:
		return a.mask(v.String())
	case netip.AddrPort:
		return a.mask(v.Addr().String())
	case netip.Prefix:
		return a.mask(v.String())
	case json.RawMessage:
		return json.RawMessage(a.mask(string(v)))
	case []string:
		for i := range v {
			v[i] = a.mask(v[i])
		}
	case []any:
		for i := range v {
			v[i] = a.walk(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = a.walk(v[k])
		}
	case map[string]string:
		for k := range v {
			v[k] = a.mask(v[k])
		}
	case []map[string]any:
		for i := range v {
			a.walk(v[i])
		}
	}
	return v
}
