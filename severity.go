package gatehouse

import "fmt"

// Severity says how much a finding should worry the person who reads it.
type Severity uint8

// The severities, in rising order. The zero value is Info.
const (
	Info Severity = iota
	Warning
	High
	Critical
)

var severityNames = [...]string{"info", "warning", "high", "critical"}

// Severities lists the names that ParseSeverity accepts, in rising order.
func Severities() []string { return severityNames[:] }

// String returns the lower-case name that rule files and records use.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity is the inverse of String. It returns an error that names the
// accepted words for anything else.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: use info, warning, high or critical", name)
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name; see ParseSeverity.
func (s *Severity) UnmarshalText(text []byte) error {
	v, err := ParseSeverity(string(text))
	if err == nil {
		*s = v
	}
	return err
}
