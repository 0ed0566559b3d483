package export

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// product is the name under which records are exported.
const product = "gatehouse"

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// encode writes v as one line without its end. Unlike json.Marshal it leaves
// <, > and & as they are: a line is no part of a web page.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// timestamp writes an instant by RFC 3339, in UTC.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// optionalTime is timestamp, or nothing for no time at all.
func optionalTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timestamp(t)
}

// millis is milliseconds since 1970, or zero for no time at all.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// address writes an address, or nothing when there is none.
func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// network writes a network, or nothing when there is none.
func network(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return gatehouse.FormatPrefix(p)
}

// country is an ISO 3166-1 alpha-2 code, or nothing when s has not its form.
func country(s string) string {
	if len(s) == 2 && isUpper(s[0]) && isUpper(s[1]) {
		return s
	}
	return ""
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// degrees returns the coordinates of a place, or nil when it has none that make
// sense.
func degrees(p gatehouse.Place) (lat, lon *float64) {
	if !p.Located() || !(math.Abs(p.Lat) <= 90) || !(math.Abs(p.Lon) <= 180) {
		return nil, nil
	}
	return &p.Lat, &p.Lon
}

// email returns s when it looks like an address of plain letters, and nothing
// otherwise.
func email(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return ""
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return ""
		}
	}
	return s
}

// route splits an endpoint such as "POST /api/auth/login" into the method, if
// it names one that HTTP has, and the path.
func route(endpoint string) (method, path string) {
	m, p, ok := strings.Cut(endpoint, " ")
	if _, known := httpMethods[m]; ok && known {
		return m, p
	}
	return "", endpoint
}

// sentence says what a record tells, for people.
func sentence(title string, r *gatehouse.Record) string {
	var b strings.Builder
	b.WriteString(title)
	if who := first(r.Account, r.User); who != "" {
		b.WriteString(" for " + who)
	}
	if r.Actor != "" {
		b.WriteString(" by " + r.Actor)
	}
	switch from := address(r.IP); {
	case r.Block != nil && r.Block.Prefix.IsValid():
		b.WriteString(": " + network(r.Block.Prefix))
	case from != "" && !aboutAddress(r):
		b.WriteString(" from " + from)
	}
	if f := r.Finding; f != nil && f.Threshold > 0 {
		b.WriteString(": " + strconv.Itoa(f.Observed) + " of " + strconv.Itoa(f.Threshold))
		if f.Window > 0 {
			b.WriteString(" within " + f.Window.String())
		}
	}
	if reason := r.Reason; reason != "" {
		b.WriteString(" (" + reason + ")")
	}
	return b.String()
}
