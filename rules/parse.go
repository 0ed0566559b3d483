package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

// The bounds of what a rule file may set.
const (
	MaxThreshold = 10_000 // see gatehouse.Limit
	MinWindow    = time.Second
	MaxWindow    = 7 * 24 * time.Hour // see gatehouse.Limit
	MinBlock     = time.Second
	MaxBlock     = 365 * 24 * time.Hour

	// A user's devices are told from the 64 sightings that are kept of them,
	// and one device is nothing to report. See gatehouse.Sightings.
	minDevices = 2
	maxDevices = 64
)

// What respond: lists. To log is always done and may be listed as well.
const (
	respondLog       = "log"
	respondAlert     = "alert"
	respondRateLimit = "rate_limit"
	respondBlockIP   = "block_ip"
)

const responsesLike = "[alert, block_ip: 1h]"

// Parse reads a rule file over base: what it leaves out stays as it is there.
//
//	brute_force: {threshold: 5, window: 5m, severity: high, respond: [alert, block_ip: 1h]}
//	bot_activity: {enabled: false}
//	rapid_signup: {shadow: true}
//
// respond replaces all responses of the rule. Reading is strict, and every
// mistake is reported, in the order of the file: unknown rules and keys, keys
// that stand there twice, values out of bounds, limits of rules that judge at
// once, responses that a rule cannot give. Each error names the file, for which
// name stands, the line, the column, the key and what is allowed. With an error
// the returned set is base.
//
// An empty file changes nothing. Files of more than 1 MiB, or of more than one
// document, are refused.
func Parse(name string, data []byte, base Set) (Set, error) {
	doc, err := strictyaml.Parse(name, data)
	if err != nil {
		return base, err
	}
	set := base
	if root := doc.Root(); root.Present() {
		set = Decode(root, base)
	}
	if err := doc.Err(); err != nil {
		return base, err
	}
	return set, nil
}

// ParseFile reads the rule file at path; see Parse. An error of the file system
// is a *fs.PathError.
func ParseFile(path string, base Set) (Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return base, err
	}
	defer f.Close()
	data, err := strictyaml.ReadAll(f)
	if err != nil {
		return base, err
	}
	return Parse(path, data, base)
}

// Decode reads rules that stand inside another document, over base. Mistakes
// are reported to that document; the result counts only if it has none.
func Decode(v strictyaml.Value, base Set) Set {
	rules := base.All()
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	for _, f := range v.Fields("brute_force: {threshold: 5}") {
		if i := slices.Index(names, f.Key); i >= 0 {
			decodeRule(f.Value, rules[i])
		} else {
			f.Unknown("rule", names)
		}
	}
	return base
}

func decodeRule(v strictyaml.Value, r *Rule) {
	immediate := r.Immediate()
	for _, f := range v.Fields("{threshold: 5, window: 5m} or {enabled: false}") {
		switch f.Key {
		case "enabled":
			if is, ok := f.Bool(); ok {
				r.Enabled = is
			}
		case "shadow":
			if is, ok := f.Bool(); ok {
				r.Shadow = is
			}
		case "threshold", "window":
			if immediate {
				f.KeyErrorf("%s judges at once and has no %s; allowed: %s", r.Name, f.Key, strings.Join(keysOf(r), ", "))
				continue
			}
			decodeLimit(f, r)
		case "severity":
			allowed := "use " + oneOf(gatehouse.Severities())
			if text, _, ok := f.Text(allowed); ok {
				s, err := gatehouse.ParseSeverity(text)
				if err != nil {
					f.Errorf("unknown severity %q%s %s", strictyaml.Shown(text), strictyaml.DidYouMean(text, gatehouse.Severities()), allowed)
				} else {
					r.Severity = s
				}
			}
		case "respond":
			decodeResponses(f.Value, r)
		default:
			f.Unknown("key", keysOf(r))
		}
	}
}

func decodeLimit(f strictyaml.Field, r *Rule) {
	if f.Key == "window" {
		if d, ok := f.Duration(MinWindow, MaxWindow); ok {
			r.Limit.Window = d
		}
		return
	}
	low, high := 1, MaxThreshold
	if r.Name == MultipleDevices {
		low, high = minDevices, maxDevices
	}
	if n, ok := f.Int(low, high); ok {
		r.Limit.Threshold = n
	}
}

func decodeResponses(v strictyaml.Value, r *Rule) {
	var to Responses
	given := make(map[string]bool)
	for _, item := range v.Items(responsesLike) {
		var response string
		var value strictyaml.Value // what is after the colon, if there is one
		if item.IsMapping() {
			fields := item.Fields(responsesLike)
			if len(fields) != 1 {
				item.Errorf("is not a response: use %s", oneOf(responsesOf(r)))
				continue
			}
			response, value = fields[0].Key, fields[0].Value
		} else {
			text, _, ok := item.Text("use " + oneOf(responsesOf(r)))
			if !ok {
				continue
			}
			response = text
		}
		decodeResponse(response, item, value, r, &to)
		if given[response] {
			item.Errorf("%s is listed twice", response)
		}
		given[response] = true
	}
	r.Respond = to
}

// decodeResponse reads one response, which stands at the given place.
func decodeResponse(response string, at, value strictyaml.Value, r *Rule, to *Responses) {
	allowed := responsesOf(r)
	switch {
	case response == respondRateLimit && !slices.Contains(allowed, respondRateLimit):
		at.Errorf("%s cannot rate_limit: it does not count requests that could be refused; use %s", r.Name, oneOf(allowed))
	case response == respondBlockIP:
		if !value.Present() {
			at.Errorf("block_ip needs to know for how long: write block_ip: 1h")
		} else if d, ok := value.Duration(MinBlock, MaxBlock); ok {
			to.BlockIP = d
		}
	case !slices.Contains(allowed, response):
		at.Errorf("unknown response %q%s use %s", strictyaml.Shown(response), strictyaml.DidYouMean(response, responseNames), oneOf(allowed))
	case value.Present():
		value.Errorf("%s takes no value: write %s alone", response, response)
	case response == respondAlert:
		to.Alert = true
	case response == respondRateLimit:
		to.RateLimit = true
	}
}

func keysOf(r *Rule) []string {
	if r.Immediate() {
		return []string{"enabled", "shadow", "severity", "respond"}
	}
	return []string{"enabled", "shadow", "threshold", "window", "severity", "respond"}
}

var responseNames = []string{respondLog, respondAlert, respondRateLimit, respondBlockIP}

// responsesOf returns what a rule can do. Only rules that are asked before the
// request goes on can refuse what exceeds their limit.
func responsesOf(r *Rule) []string {
	list := []string{respondLog, respondAlert, respondBlockIP + ": 1h"}
	switch r.Name {
	case BruteForce, BotActivity, RapidSignup:
		list = append(list, respondRateLimit)
	}
	return list
}

func oneOf(words []string) string {
	last := len(words) - 1
	return fmt.Sprintf("%s or %s", strings.Join(words[:last], ", "), words[last])
}
