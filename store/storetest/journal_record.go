package storetest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
)

// Fill sets every field below the value that to points to: texts by text, numbers
// and times to values that differ, addresses and networks to samples. A field added
// later is filled, and so tested, without a change here. It panics on a kind of field
// that it does not know.
func Fill(to any, text func() string) {
	n := 0
	fill(reflect.ValueOf(to).Elem(), &n, text)
}

func fill(v reflect.Value, n *int, text func() string) {
	*n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = noon.Add(time.Duration(*n) * time.Microsecond)
		return
	case *netip.Addr:
		*p = netip.MustParseAddr("2001:db8::7")
		return
	case *netip.Prefix:
		*p = netip.MustParsePrefix("198.51.100.0/24")
		return
	case *gatehouse.Severity:
		*p = gatehouse.High
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(-float64(*n) / 3)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n, text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n, text)
		}
	default:
		panic("fill: " + v.Type().String())
	}
}

// filled is a record with every field set.
func filled(text func() string) gatehouse.Record {
	var r gatehouse.Record
	Fill(&r, text)
	return r
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func journalWhole(t *testing.T, l *log) {
	n := 0
	want := filled(func() string { n++; return fmt.Sprintf("text %d <&>\"'\\ äöü 日本", n) })
	empty := gatehouse.Record{ID: "empty", Event: gatehouse.Event{Time: noon}}
	zone := empty
	zone.ID, zone.Time = "zone", noon.In(time.FixedZone("", 3600)).Add(-time.Minute)
	l.append(t, want, empty, zone)
	got := l.query(t, gatehouse.Query{})
	if len(got) != 3 {
		t.Fatalf("%d records", len(got))
	}
	for i, want := range []gatehouse.Record{want, empty, zone} {
		want.Time = want.Time.UTC()
		got[i].Time = got[i].Time.UTC()
		if g, w := asJSON(t, got[i]), asJSON(t, want); g != w {
			t.Errorf("got  %s\nwant %s", g, w)
		}
	}
}

// hostile are texts that have broken logs.
var hostile = map[string]string{
	"CRLF":              "alice\r\n{\"type\":\"login_succeeded\"}",
	"NUL":               "ali\x00ce",
	"ANSI escape":       "\x1b[2J\x1b[31mred\x1b]0;title\a",
	"line separators":   "one\u2028two\u2029three\u0085four",
	"right-to-left":     "admin\u202egpj.exe\u2066",
	"invalid UTF-8":     "\xff\xfe caf\xe9 \xed\xa0\x80",
	"1 MiB":             strings.Repeat("Mozilla/5.0 ", 1<<20/12),
	"1 MiB of invalid":  strings.Repeat("\xff", 1<<20),
	"SQL":               "'; DROP TABLE security_log; --",
	"quote and escapes": `"}\u0000\n</script>`,
	"replacement":       "\ufffd\ufeff",
}

func journalHostile(t *testing.T, l *log) {
	names := make([]string, 0, len(hostile))
	for name := range hostile {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		sent := func() gatehouse.Record {
			r := filled(func() string { return hostile[name] })
			r.ID, r.Time = name, noon.Add(time.Duration(i)*time.Second)
			return r
		}
		r := sent()
		l.append(t, r)
		if !reflect.DeepEqual(r, sent()) {
			t.Errorf("%s: Append changed its caller's record", name)
		}
	}
	got := l.query(t, gatehouse.Query{})
	if len(got) != len(names) {
		t.Fatalf("%d records, want %d", len(got), len(names))
	}
	slices.Reverse(got)
	for i, r := range got {
		if r.ID != names[i] {
			t.Errorf("record %d is %q, want %q", i, r.ID, names[i])
		}
		r.ID = "id"
		want := gatehouse.CleanText(hostile[names[i]], gatehouse.MaxText)
		eachText(reflect.ValueOf(r), func(s string) {
			if s != want && s != "id" {
				t.Errorf("%s: kept as %.80q, want %.80q", names[i], s, want)
			}
		})
		line := asJSON(t, r)
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x00\x1b\u2028") || len(line) > 64<<10 {
			t.Errorf("%s: not one well-formed line: %.200q", names[i], line)
		}
	}

	odd := filled(func() string { return "odd" })
	odd.ID = "odd numbers"
	odd.Place.Lat, odd.Finding.Evidence.Travel.SpeedKmh = math.NaN(), math.Inf(1)
	odd.Severity, odd.Finding.Severity = 200, 200
	odd.IP = netip.MustParseAddr("fe80::1%eth0\r\n")
	odd.Finding.First = time.Unix(1<<60, 0)
	odd.Finding.Actions[0].Target = netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), 99)
	odd.Finding.Evidence.Devices = make([]gatehouse.Sighting, 100_000)
	l.append(t, odd)
	got = l.query(t, gatehouse.Query{Since: odd.Time, Until: odd.Time.Add(time.Microsecond)})
	i := slices.IndexFunc(got, func(r gatehouse.Record) bool { return r.ID == odd.ID })
	if i < 0 {
		t.Fatalf("the record with odd numbers is missing")
	}
	if got[i].IP.Zone() != "" {
		t.Errorf("an address with the zone %q", got[i].IP.Zone())
	}
	if line := asJSON(t, got[i]); len(line) > 64<<10 {
		t.Errorf("a record of %d bytes", len(line))
	}
}

func eachText(v reflect.Value, visit func(string)) {
	switch v.Kind() {
	case reflect.String:
		visit(v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), visit)
		}
	case reflect.Struct:
		switch v.Interface().(type) {
		case time.Time, netip.Addr, netip.Prefix:
			return
		}
		for i := range v.NumField() {
			eachText(v.Field(i), visit)
		}
	}
}

func journalFindings(t *testing.T, l *log) {
	const alice = "alice@example.com"
	n := 0
	add := func(minute int, user, account, finding string, kind gatehouse.Kind, severity gatehouse.Severity) {
		n++
		r := record(fmt.Sprintf("r%d", n), minute, kind, user, account, "192.0.2.1", "")
		if finding != "" {
			r.Severity = severity
			r.Finding = &gatehouse.Finding{ID: finding, Kind: kind, Severity: severity, First: noon, Last: r.Time}
		}
		l.append(t, r)
	}
	add(0, "u-alice", alice, "old", gatehouse.BruteForceDetected, gatehouse.High)
	add(5, "u-alice", alice, "f1", gatehouse.BruteForceDetected, gatehouse.High)
	add(6, "u-alice", alice, "f1", gatehouse.BruteForceDetected, gatehouse.High) // the same attack goes on
	add(7, "", alice, "f2", gatehouse.BruteForceDetected, gatehouse.High)
	add(8, "u-alice", "", "f3", gatehouse.MultipleDeviceLogin, gatehouse.Warning)
	add(8, "u-alice", "", "f4", gatehouse.MultipleDeviceLogin, gatehouse.High)
	add(9, "u-alice", alice, "", gatehouse.LoginFailed, gatehouse.Info)
	add(9, "u-bob", "", "f5", gatehouse.GeographicAnomaly, gatehouse.High)

	for _, c := range []struct {
		user string
		want []gatehouse.FindingCount
	}{
		{"u-alice", []gatehouse.FindingCount{
			{Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High, Count: 1},
			{Kind: gatehouse.MultipleDeviceLogin, Severity: gatehouse.Warning, Count: 1},
			{Kind: gatehouse.MultipleDeviceLogin, Severity: gatehouse.High, Count: 1},
		}},
		{alice, []gatehouse.FindingCount{{Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High, Count: 2}}},
		{"u-bob", []gatehouse.FindingCount{{Kind: gatehouse.GeographicAnomaly, Severity: gatehouse.High, Count: 1}}},
		{"u-carol", nil},
	} {
		got, err := l.CountFindings(t.Context(), c.user, noon.Add(5*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b gatehouse.FindingCount) int {
			if a.Kind != b.Kind {
				return strings.Compare(string(a.Kind), string(b.Kind))
			}
			return int(a.Severity) - int(b.Severity)
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.user, got, c.want)
		}
	}
}
