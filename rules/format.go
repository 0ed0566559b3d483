package rules

import (
	"fmt"
	"strings"

	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

// Format writes a set as a rule file, every rule in full, which Parse reads back
// as the same set over any base. It returns the error of Parse where the set
// holds what a rule file may not say.
func Format(s Set) ([]byte, error) {
	var b strings.Builder
	for _, r := range s.All() {
		fmt.Fprintf(&b, "%s: {enabled: %t, shadow: %t, ", r.Name, r.Enabled, r.Shadow)
		if !r.Immediate() {
			fmt.Fprintf(&b, "threshold: %d, window: %s, ", r.Limit.Threshold, strictyaml.FormatDuration(r.Limit.Window))
		}
		fmt.Fprintf(&b, "severity: %s, respond: [%s]}\n", r.Severity, strings.Join(r.Respond.list(), ", "))
	}
	text := []byte(b.String())
	_, err := Parse("rules", text, s)
	return text, err
}

// list returns the responses as respond: has them.
func (r Responses) list() []string {
	list := []string{respondLog}
	if r.Alert {
		list = append(list, respondAlert)
	}
	if r.RateLimit {
		list = append(list, respondRateLimit)
	}
	if r.BlockIP != 0 {
		list = append(list, respondBlockIP+": "+strictyaml.FormatDuration(r.BlockIP))
	}
	return list
}
