package sentrytel

import (
	"fmt"
	"regexp"
	"strings"
)

func defaultScrubber() Scrubber { return interim{} }

type interim struct{}

var (
	pairs  = regexp.MustCompile(`(?i)([\w.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|cookie|session|code|credential)[\w.-]*"?\s*[:=]\s*"?)([^\s"&,;}]+)`)
	info   = regexp.MustCompile(`://[^/@\s]*@`)
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]+`)
	names  = regexp.MustCompile(`(?i)passw|secret|token|key|auth|cookie|session|credential|^code$`)
)

func (interim) Text(s string) string {
	s = info.ReplaceAllString(bearer.ReplaceAllString(s, "$1 [scrubbed]"), "://[scrubbed]@")
	return pairs.ReplaceAllString(s, "${1}[scrubbed]")
}

func (i interim) Value(v any) any {
	switch v := v.(type) {
	case string:
		return i.Text(v)
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, x := range v {
			if names.MatchString(strings.ReplaceAll(k, "-", "_")) {
				c[k] = "[scrubbed]"
			} else {
				c[k] = i.Value(x)
			}
		}
		return c
	case []map[string]any:
		c := make([]any, len(v))
		for j, x := range v {
			c[j] = i.Value(x)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for j, x := range v {
			c[j] = i.Value(x)
		}
		return c
	case bool, int, int64, float64, nil, map[string]int:
		return v
	}
	return i.Text(fmt.Sprint(v))
}
