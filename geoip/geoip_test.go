package geoip_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/geoip"
	"github.com/fluxstudio/gatehouse/travel"
)

func ExampleChain() {
	office, err := geoip.NewNetworks(map[netip.Prefix]gatehouse.Place{
		netip.MustParsePrefix("10.20.0.0/16"): {Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.40, RadiusKm: 10},
	})
	if err != nil {
		panic(err)
	}
	places := geoip.Chain(office, geoip.Builtin())
	fmt.Println(places.Place(netip.MustParseAddr("10.20.1.2")).City)
	fmt.Println(places.Place(netip.MustParseAddr("193.0.6.139")).Country)
	fmt.Println(places.Place(netip.MustParseAddr("192.168.0.1")).Known())
	// Output:
	// Berlin
	// NL
	// false
}

func TestBuiltinKnowsCountries(t *testing.T) {
	db := geoip.Builtin()
	for ip, want := range map[string]string{
		"193.0.6.139":        "NL", // RIPE NCC
		"::ffff:193.0.6.139": "NL",
		"2001:67c:2e8::1":    "NL",
		"192.203.230.10":     "US", // E root server, NASA
		"202.12.27.33":       "JP", // M root server, WIDE
		"130.83.1.1":         "DE", // TU Darmstadt
		"200.160.2.3":        "BR", // NIC.br
	} {
		got := db.Place(netip.MustParseAddr(ip))
		if got.Country != want || !got.Located() {
			t.Errorf("%s: %+v, want %s", ip, got, want)
		}
	}
	if oldest := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC); db.Built().Before(oldest) {
		t.Errorf("built %v, older than what was shipped before", db.Built())
	}
}

func TestSpecialAddressesAreNowhere(t *testing.T) {
	everywhere := map[string]any{"country_code": "DE"}
	db, err := geoip.FromBytes(mmdb("country", map[string]map[string]any{"::/1": everywhere, "8000::/1": everywhere}))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255",
		"192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:10.0.0.1", "64:ff9b::1", "100::1", "2001:db8::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "ff02::1",
	} {
		if got := db.Place(netip.MustParseAddr(s)); got != (gatehouse.Place{}) {
			t.Errorf("%s: %+v", s, got)
		}
	}
	if got := db.Place(netip.Addr{}); got != (gatehouse.Place{}) {
		t.Errorf("zero address: %+v", got)
	}
	for _, s := range []string{"9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.3.1", "192.0.1.1", "3ffe::1", "2001:db9::1", "2000::1", "3fff:1000::1", "198.51.101.1", "198.17.1.1", "198.20.0.1", "203.0.114.1"} {
		if got := db.Place(netip.MustParseAddr(s)); !got.Known() {
			t.Errorf("%s, just outside a special range, is unknown", s)
		}
	}
}

// A circle has to reach the far ends of its country.
func TestCirclesCoverTheirCountries(t *testing.T) {
	for name, p := range map[string]gatehouse.Place{
		"Paris":           {Country: "FR", Lat: 48.86, Lon: 2.35},
		"Saint-Denis":     {Country: "FR", Lat: -20.88, Lon: 55.45}, // Réunion
		"Honolulu":        {Country: "US", Lat: 21.31, Lon: -157.86},
		"Kaliningrad":     {Country: "RU", Lat: 54.71, Lon: 20.51},
		"Anadyr":          {Country: "RU", Lat: 64.73, Lon: 177.51},
		"Las Palmas":      {Country: "ES", Lat: 28.12, Lon: -15.43},
		"Konstanz":        {Country: "DE", Lat: 47.66, Lon: 9.18},
		"Easter Island":   {Country: "CL", Lat: -27.15, Lon: -109.42},
		"Perth":           {Country: "AU", Lat: -31.95, Lon: 115.86},
		"Singapore":       {Country: "SG", Lat: 1.29, Lon: 103.85},
		"Suva":            {Country: "FJ", Lat: -18.14, Lon: 178.44},
		"Chatham Islands": {Country: "NZ", Lat: -43.95, Lon: -176.55},
	} {
		country := gatehouse.Sighting{Place: countryOf(t, p.Country)}
		p.RadiusKm = 0.001
		if way := travel.Between(country, gatehouse.Sighting{Place: p}); way.DistanceKm > 0 || !country.Place.Located() {
			t.Errorf("%s lies %.0f km outside of %+v", name, way.DistanceKm, country.Place)
		}
	}
	de, at, cn := countryOf(t, "DE"), countryOf(t, "AT"), countryOf(t, "CN")
	if way := travel.Between(gatehouse.Sighting{Place: de}, gatehouse.Sighting{Place: at}); way.Impossible || !way.CountryChanged {
		t.Errorf("neighbours: %+v", way)
	}
	if way := travel.Between(gatehouse.Sighting{Place: de}, gatehouse.Sighting{Place: cn}); !way.Impossible {
		t.Errorf("Germany and China at once: %+v", way)
	}
}

func countryOf(t testing.TB, code string) gatehouse.Place {
	db, err := geoip.FromBytes(mmdb("country", map[string]map[string]any{"193.0.0.0/16": {"country_code": code}}))
	if err != nil {
		t.Fatal(err)
	}
	return db.Place(netip.MustParseAddr("193.0.6.139"))
}

func names(s string) map[string]any {
	return map[string]any{"names": map[string]any{"en": s, "de": "x"}}
}

func TestLayouts(t *testing.T) {
	de := countryOf(t, "DE")
	for _, tt := range []struct {
		name   string
		record map[string]any
		want   gatehouse.Place
	}{
		{"flat country", map[string]any{"country_code": "DE"}, de},
		{"flat country in lower case", map[string]any{"country_code": "de"}, de},
		{"flat city", map[string]any{"country_code": "DE", "state1": "Bavaria", "city": "Munich", "latitude": 48.14, "longitude": 11.58, "postcode": "80331"},
			gatehouse.Place{Country: "DE", City: "Munich", Lat: 48.14, Lon: 11.58, RadiusKm: 50}},
		{"flat without coordinates", map[string]any{"country_code": "DE", "city": "Munich"}, gatehouse.Place{Country: "DE", City: "Munich", Lat: de.Lat, Lon: de.Lon, RadiusKm: de.RadiusKm}},
		{"flat coordinates of no city", map[string]any{"country_code": "DE", "latitude": 51.3, "longitude": 9.5}, de},
		{"ASN", map[string]any{"autonomous_system_number": uint32(64496), "autonomous_system_organization": "Example Net"}, gatehouse.Place{Network: "Example Net"}},
		{"nested country", map[string]any{"country": map[string]any{"iso_code": "DE", "names": map[string]any{"en": "Germany"}}}, de},
		{"nested, only registered", map[string]any{"registered_country": map[string]any{"iso_code": "DE"}}, de},
		{"nested city", map[string]any{"country": map[string]any{"iso_code": "DE"}, "city": names("Munich"), "location": map[string]any{"latitude": 48.14, "longitude": 11.58, "accuracy_radius": uint16(5)}},
			gatehouse.Place{Country: "DE", City: "Munich", Lat: 48.14, Lon: 11.58, RadiusKm: 5}},
		{"nested city without radius", map[string]any{"country": map[string]any{"iso_code": "DE"}, "city": names("Munich"), "location": map[string]any{"latitude": 48.14, "longitude": 11.58}},
			gatehouse.Place{Country: "DE", City: "Munich", Lat: 48.14, Lon: 11.58, RadiusKm: 50}},
		{"nested with operator", map[string]any{"country": map[string]any{"iso_code": "DE"}, "traits": map[string]any{"autonomous_system_organization": "Example Net"}},
			gatehouse.Place{Country: "DE", Network: "Example Net", Lat: de.Lat, Lon: de.Lon, RadiusKm: de.RadiusKm}},
		{"hostile texts", map[string]any{"country_code": "DE", "city": "M\x1b[2J\u202e", "autonomous_system_organization": strings.Repeat("n", 250)},
			gatehouse.Place{Country: "DE", City: "M\ufffd[2J\ufffd", Network: strings.Repeat("n", 97) + "…", Lat: de.Lat, Lon: de.Lon, RadiusKm: de.RadiusKm}},
		{"coordinates off the globe", map[string]any{"country_code": "DE", "city": "M", "latitude": 91.0, "longitude": math.NaN()}, gatehouse.Place{Country: "DE", City: "M", Lat: de.Lat, Lon: de.Lon, RadiusKm: de.RadiusKm}},
		{"a country without a circle", map[string]any{"country_code": "QQ"}, gatehouse.Place{Country: "QQ"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := geoip.FromBytes(mmdb("Test-DB", map[string]map[string]any{"193.0.0.0/16": tt.record, "2a00::/16": tt.record}))
			if err != nil {
				t.Fatal(err)
			}
			for _, ip := range []string{"193.0.6.139", "2a00::1"} {
				if got := db.Place(netip.MustParseAddr(ip)); got != tt.want {
					t.Errorf("%s: got %+v, want %+v", ip, got, tt.want)
				}
			}
			if got := db.Place(netip.MustParseAddr("193.1.0.1")); got != (gatehouse.Place{}) {
				t.Errorf("an address that is not listed: %+v", got)
			}
			if db.Type() != "Test-DB" || db.Built().Unix() != 1_770_000_000 {
				t.Errorf("type %q, built %v", db.Type(), db.Built())
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := mmdb("country", map[string]map[string]any{"193.0.0.0/16": {"country_code": "NL"}})
	db, err := geoip.Open(write("good.mmdb", good))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := db.Place(netip.MustParseAddr("193.0.6.139")); got.Country != "NL" {
		t.Errorf("%+v", got)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.mmdb"): "no such file",
		dir:                               "is not a file",
		write("empty.mmdb", nil):          "not a usable MMDB file",
		write("text.mmdb", []byte("country,ip\nNL,193.0.0.0/16\n")):                                                           "not a usable MMDB file",
		write("half.mmdb", good[:len(good)/2]):                                                                                "not a usable MMDB file",
		write("other.mmdb", mmdb("Connection-Type", map[string]map[string]any{"193.0.0.0/16": {"connection_type": "Cable"}})): `type "Connection-Type": it has neither countries nor network operators`,
		write("void.mmdb", mmdb("Country", nil)):                                                                              "neither countries",
	} {
		if _, err := geoip.Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want the path and %q", err, want)
		}
	}
}

// Every path through this tree is 128 nodes long and ends in nothing, so that
// there are 2^128 of them.
func TestTreeWithoutEnd(t *testing.T) {
	var file []byte
	for i := range 128 {
		for range 2 {
			file = binary.BigEndian.AppendUint32(file, uint32(i+1))
		}
	}
	file = append(file, make([]byte, 16)...)
	file = append(append(file, "\xab\xcd\xefMaxMind.com"...), metadata("Country", 128)...)
	if _, err := geoip.FromBytes(file); err == nil || !strings.Contains(err.Error(), "neither countries") {
		t.Error(err)
	}
}

// A file that is cut short while it is mapped must not end the process.
func TestFileCutShortWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.mmdb")
	whole, err := os.ReadFile("data/dbip-country.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := geoip.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := db.Place(netip.MustParseAddr("193.0.6.139")); got.Known() {
		t.Errorf("%+v from an empty file", got)
	}
}

func TestNetworks(t *testing.T) {
	table, err := geoip.NewNetworks(map[netip.Prefix]gatehouse.Place{
		netip.MustParsePrefix("10.0.0.0/8"):          {Country: "DE"},
		netip.MustParsePrefix("10.1.2.3/16"):         {Country: "FR"},
		netip.MustParsePrefix("::ffff:10.2.0.0/112"): {Country: "IT"},
		netip.MustParsePrefix("fd00::/8"):            {Country: "NL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{
		"10.9.9.9": "DE", "10.1.9.9": "FR", "10.2.9.9": "IT", "::ffff:10.1.9.9": "FR", "fd00::1": "NL", "fd00::1%eth0": "NL", "192.0.2.1": "", "2001:db8::1": "",
	} {
		if got := table.Place(netip.MustParseAddr(ip)).Country; got != want {
			t.Errorf("%s: %q, want %q", ip, got, want)
		}
	}
	if table.Place(netip.Addr{}).Known() {
		t.Error("the zero address has a place")
	}
	if _, err := geoip.NewNetworks(map[netip.Prefix]gatehouse.Place{{}: {Country: "DE"}}); err == nil {
		t.Error("the zero prefix is accepted")
	}
}

type fixed gatehouse.Place

func (f fixed) Place(netip.Addr) gatehouse.Place { return gatehouse.Place(f) }

func TestChain(t *testing.T) {
	unknown, asn, de, fr := fixed{}, fixed{Network: "Example Net"}, fixed{Country: "DE"}, fixed{Country: "FR", Network: "Other Net"}
	for _, tt := range []struct {
		name    string
		sources []gatehouse.Places
		want    gatehouse.Place
	}{
		{"nobody", nil, gatehouse.Place{}},
		{"nobody knows", []gatehouse.Places{unknown, unknown}, gatehouse.Place{}},
		{"the first known", []gatehouse.Places{unknown, fr, de}, gatehouse.Place{Country: "FR", Network: "Other Net"}},
		{"operator from a later one", []gatehouse.Places{de, asn}, gatehouse.Place{Country: "DE", Network: "Example Net"}},
		{"operator from an earlier one", []gatehouse.Places{asn, fr}, gatehouse.Place{Country: "FR", Network: "Example Net"}},
		{"operator only", []gatehouse.Places{asn, unknown}, gatehouse.Place{Network: "Example Net"}},
	} {
		if got := geoip.Chain(tt.sources...).Place(netip.MustParseAddr("192.0.2.1")); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzFromBytes(f *testing.F) {
	f.Add(mmdb("country", map[string]map[string]any{"193.0.0.0/16": {"country_code": "NL"}}))
	f.Add(mmdb("City", map[string]map[string]any{"193.0.0.0/16": {"country": map[string]any{"iso_code": "DE"}, "city": names("Munich"),
		"location": map[string]any{"latitude": 48.14, "longitude": 11.58, "accuracy_radius": uint16(5)}}}))
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	addrs := []netip.Addr{netip.MustParseAddr("193.0.6.139"), netip.MustParseAddr("2a00::1"), netip.MustParseAddr("1.1.1.1")}
	f.Fuzz(func(t *testing.T, data []byte) {
		db, err := geoip.FromBytes(data)
		if err != nil {
			return
		}
		for _, ip := range addrs {
			p := db.Place(ip)
			if len(p.Country) != 0 && len(p.Country) != 2 || math.Abs(p.Lat) > 90 || math.Abs(p.Lon) > 180 || math.IsNaN(p.RadiusKm) || p.City != gatehouse.CleanText(p.City, 100) {
				t.Errorf("%v: %+v", ip, p)
			}
		}
	})
}

func BenchmarkPlace(b *testing.B) {
	city, err := geoip.FromBytes(mmdb("City", map[string]map[string]any{"193.0.0.0/16": {"country": map[string]any{"iso_code": "DE"}, "city": names("Munich"),
		"location": map[string]any{"latitude": 48.14, "longitude": 11.58, "accuracy_radius": uint16(5)}}}))
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		places gatehouse.Places
		ip     string
	}{
		{"country, built in", geoip.Builtin(), "193.0.6.139"},
		{"country, built in, IPv6", geoip.Builtin(), "2001:67c:2e8::1"},
		{"city", city, "193.0.6.139"},
		{"private", geoip.Builtin(), "10.0.0.1"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			ip := netip.MustParseAddr(tt.ip)
			b.ReportAllocs()
			for b.Loop() {
				tt.places.Place(ip)
			}
		})
	}
}

func BenchmarkBuiltin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		geoip.Builtin()
	}
}
