package clientip_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/clientip"
)

func ExampleFinder_FromRequest() {
	proxies, err := clientip.ParsePrefixes([]string{"10.0.0.0/8"})
	if err != nil {
		panic(err)
	}
	finder, err := clientip.New(clientip.Options{Trusted: proxies})
	if err != nil {
		panic(err)
	}
	r := &http.Request{RemoteAddr: "10.0.0.1:4711", Header: http.Header{}}
	r.Header.Set("X-Forwarded-For", "192.0.2.99, 198.51.100.7, 10.0.0.2") // the first is the client's invention
	fmt.Println(finder.FromRequest(r), finder.Trusted(r))

	r.RemoteAddr = "203.0.113.5:4711" // nobody's proxy
	fmt.Println(finder.FromRequest(r), finder.Trusted(r))
	// Output:
	// 198.51.100.7 true
	// 203.0.113.5 false
}

func ExampleCountingPrefix() {
	fmt.Println(clientip.CountingPrefix(netip.MustParseAddr("192.0.2.7")))
	fmt.Println(clientip.CountingPrefix(netip.MustParseAddr("2001:db8:1:2:3:4:5:6")))
	// Output:
	// 192.0.2.7/32
	// 2001:db8:1:2::/64
}

func finder(t testing.TB, header string, trusted ...string) *clientip.Finder {
	t.Helper()
	prefixes, err := clientip.ParsePrefixes(trusted)
	if err != nil {
		t.Fatal(err)
	}
	f, err := clientip.New(clientip.Options{Trusted: prefixes, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func request(remote, header string, lines ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
	for _, l := range lines {
		r.Header.Add(header, l)
	}
	return r
}

func TestPeers(t *testing.T) {
	f := finder(t, "", "10.0.0.0/8", "2001:db8:ff::/48")
	sockets := finder(t, "", "127.0.0.1")
	for remote, want := range map[string]string{
		"192.0.2.1:80":                      "192.0.2.1",
		"[2001:db8::1]:80":                  "2001:db8::1",
		"[fe80::1%eth0]:80":                 "fe80::1",
		"[::ffff:192.0.2.1]:80":             "192.0.2.1",
		"[::ffff:192.0.2.1%zone]:80":        "192.0.2.1",
		"192.0.2.1":                         "192.0.2.1",
		"2001:db8::1":                       "2001:db8::1",
		"@":                                 "127.0.0.1",
		"":                                  "127.0.0.1",
		"/run/gatehouse.sock":               "127.0.0.1",
		"pipe":                              "0.0.0.0",
		"192.0.2.1:http":                    "0.0.0.0",
		"256.0.2.1:80":                      "0.0.0.0",
		"\x00" + strings.Repeat("9", 1<<20): "0.0.0.0",
	} {
		r := request(remote, "X-Forwarded-For", "198.51.100.1")
		if got := f.FromRequest(r).String(); got != want || f.Trusted(r) {
			t.Errorf("peer %.40q is %v, trusted %v; want %v, false", remote, got, f.Trusted(r), want)
		}
		socket := want == "127.0.0.1"
		if got := sockets.FromRequest(r).String() == "198.51.100.1"; got != socket || sockets.Trusted(r) != socket {
			t.Errorf("peer %.40q with loopback trusted: header believed %v, want %v", remote, got, socket)
		}
	}
	half := finder(t, "", "0.0.0.0/1")
	if r := request("pipe", "X-Forwarded-For", "198.51.100.1"); half.Trusted(r) || half.FromRequest(r).String() != "0.0.0.0" {
		t.Error("a peer without address is trusted because of what it stands as")
	}
	for _, remote := range []string{"10.1.2.3:80", "[::ffff:10.1.2.3]:80", "[2001:db8:ff::1]:80"} {
		if got := f.FromRequest(request(remote, "X-Forwarded-For", "198.51.100.1")).String(); got != "198.51.100.1" {
			t.Errorf("behind %s: %v", remote, got)
		}
	}
}

const peer = "10.0.0.1"

func TestXForwardedFor(t *testing.T) {
	f := finder(t, "x-forwarded-for", "10.0.0.0/8", "2001:db8:ff::/48")
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"absent", nil, peer},
		{"empty", []string{""}, peer},
		{"one", []string{"192.0.2.1"}, "192.0.2.1"},
		{"spaces and tabs", []string{" \t192.0.2.1\t "}, "192.0.2.1"},
		{"forged to the left", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"rubbish to the left", []string{`<script>, "", 192.0.2.1`}, "192.0.2.1"},
		{"through two proxies", []string{"192.0.2.1,10.9.9.9"}, "192.0.2.1"},
		{"two lines", []string{"198.51.100.1", "192.0.2.1, 10.9.9.9"}, "192.0.2.1"},
		{"the client in the first line", []string{"198.51.100.1, 192.0.2.1", "10.9.9.9"}, "192.0.2.1"},
		{"an empty last line", []string{"192.0.2.1", ""}, peer},
		{"all trusted", []string{"10.7.7.7, 10.8.8.8", "10.9.9.9"}, "10.7.7.7"},
		{"port", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with port", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 with zone", []string{"fe80::1%eth0"}, "fe80::1"},
		{"mapped IPv4", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"mapped and trusted", []string{"192.0.2.1, ::ffff:10.9.9.9"}, "192.0.2.1"},
		{"unknown", []string{"unknown"}, peer},
		{"a host name", []string{"client.example"}, peer},
		{"malformed behind a trusted proxy", []string{"192.0.2.1, x, 10.9.9.9"}, peer},
		{"empty entry", []string{"192.0.2.1,,10.9.9.9"}, peer},
		{"trailing comma", []string{"192.0.2.1,"}, peer},
		{"leading zeros", []string{"192.0.2.01"}, peer},
		{"port out of range in digits", []string{"192.0.2.1:655351"}, peer},
		{"port missing", []string{"192.0.2.1:"}, peer},
		{"port of letters", []string{"192.0.2.1:http"}, peer},
		{"bracket left open", []string{"[2001:db8::1"}, peer},
		{"text after the bracket", []string{"[2001:db8::1]x"}, peer},
		{"IPv4 in brackets", []string{"[192.0.2.1]"}, peer},
		{"quoted", []string{`"192.0.2.1"`}, peer},
		{"space inside", []string{"192.0.2.1 198.51.100.1"}, peer},
		{"NUL", []string{"192.0.2.1\x00"}, peer},
		{"as many proxies as are followed", []string{"192.0.2.1" + strings.Repeat(",10.9.9.9", 63)}, "192.0.2.1"},
		{"too many proxies", []string{"192.0.2.1" + strings.Repeat(",10.9.9.9", 64)}, peer},
		{"1 MiB in front", []string{strings.Repeat("192.0.2.1,", 1<<20/10) + "198.51.100.1"}, "198.51.100.1"},
		{"1 MiB in one entry", []string{"192.0.2.1," + strings.Repeat("1", 1<<20)}, peer},
		{"padding beyond the limit", []string{"192.0.2.1," + strings.Repeat(" ", 600) + "198.51.100.1"}, peer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := f.FromRequest(request(peer+":80", "X-Forwarded-For", tt.lines...)).String(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestForwarded(t *testing.T) {
	f := finder(t, "forwarded", "10.0.0.0/8")
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"plain", []string{"for=192.0.2.1"}, "192.0.2.1"},
		{"upper case, all parameters", []string{"by=10.0.0.1;For=192.0.2.1;proto=https;host=login.example"}, "192.0.2.1"},
		{"spaces around semicolons", []string{"proto=https ; for=192.0.2.1 ; by=_x"}, "192.0.2.1"},
		{"quoted", []string{`for="192.0.2.1"`}, "192.0.2.1"},
		{"quoted IPv6", []string{`for="[2001:db8::1]"`}, "2001:db8::1"},
		{"quoted IPv6 with port", []string{`for="[2001:db8::1]:4711"`}, "2001:db8::1"},
		{"hidden port", []string{`for="192.0.2.1:_p-1.x"`}, "192.0.2.1"},
		{"unquoted port", []string{"for=192.0.2.1:4711"}, "192.0.2.1"},
		{"quoted pair", []string{`for="192.0.2\.1"`}, "192.0.2.1"},
		{"two entries", []string{"for=198.51.100.1, for=192.0.2.1;by=10.0.0.1"}, "192.0.2.1"},
		{"behind a trusted proxy", []string{`for=192.0.2.1, for="10.9.9.9:80"`}, "192.0.2.1"},
		{"comma in quotes", []string{`for=192.0.2.1;host="a,for=198.51.100.1"`}, "192.0.2.1"},
		{"comma and escaped quote in quotes", []string{`for=192.0.2.1;host="a\",for=198.51.100.1,\""`}, "192.0.2.1"},
		{"escaped backslash ends the string", []string{`for=192.0.2.1;host="a\\", for=198.51.100.1`}, "198.51.100.1"},
		{"quote left open by the client", []string{`for="`, "for=192.0.2.1"}, "192.0.2.1"},
		{"quote left open in the same line", []string{`for=", for=192.0.2.1`}, "192.0.2.1"},
		{"all trusted", []string{"for=10.7.7.7, for=10.8.8.8"}, "10.7.7.7"},
		{"unknown", []string{"for=unknown"}, peer},
		{"hidden", []string{"for=_hidden"}, peer},
		{"hidden behind a trusted proxy", []string{"for=192.0.2.1, for=_hidden, for=10.9.9.9"}, peer},
		{"for twice", []string{"for=192.0.2.1;for=198.51.100.1"}, peer},
		{"no for", []string{"proto=https"}, peer},
		{"a bare address", []string{"192.0.2.1"}, peer},
		{"IPv6 without brackets", []string{`for="2001:db8::1"`}, peer},
		{"no closing quote", []string{`for="192.0.2.1`}, peer},
		{"text after the quote", []string{`for="192.0.2.1"x`}, peer},
		{"empty value", []string{"for="}, peer},
		{"empty quoted value", []string{`for=""`}, peer},
		{"empty pair", []string{"for=192.0.2.1;"}, peer},
		{"space before the equals sign", []string{"for =192.0.2.1"}, peer},
		{"not the configured header's form", []string{"192.0.2.1, 198.51.100.1"}, peer},
		{"1 MiB of commas in quotes", []string{`for=192.0.2.1;x="` + strings.Repeat(",", 1<<20) + `"`}, peer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := f.FromRequest(request(peer+":80", "Forwarded", tt.lines...)).String(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestXRealIP(t *testing.T) {
	f := finder(t, "X-Real-IP", "10.0.0.0/8")
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{nil, peer},
		{[]string{" 192.0.2.1 "}, "192.0.2.1"},
		{[]string{"10.9.9.9"}, "10.9.9.9"},
		{[]string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{[]string{"192.0.2.1, 198.51.100.1"}, peer},
		{[]string{"192.0.2.1", "198.51.100.1"}, peer},
		{[]string{strings.Repeat("1", 1<<20)}, peer},
	} {
		if got := f.FromRequest(request(peer+":80", "X-Real-IP", tt.lines...)).String(); got != tt.want {
			t.Errorf("%.40q: got %v, want %v", tt.lines, got, tt.want)
		}
	}
}

func TestOnlyTheConfiguredHeaderIsRead(t *testing.T) {
	values := map[string]string{clientip.XForwardedFor: "192.0.2.1", clientip.XRealIP: "192.0.2.2", clientip.Forwarded: "for=192.0.2.3"}
	r := request(peer+":80", "X-Client-IP", "192.0.2.4")
	for h, v := range values {
		r.Header.Set(h, v)
	}
	for h, v := range values {
		if got := finder(t, h, "10.0.0.0/8").FromRequest(r).String(); got != strings.TrimPrefix(v, "for=") {
			t.Errorf("%s: got %v, want %v", h, got, v)
		}
		r.RemoteAddr = "203.0.113.1:80"
		if got := finder(t, h, "10.0.0.0/8").FromRequest(r).String(); got != "203.0.113.1" {
			t.Errorf("%s from an untrusted peer: %v", h, got)
		}
		r.RemoteAddr = peer + ":80"
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		opts clientip.Options
		want string
	}{
		{clientip.Options{Header: "X-Client-IP"}, "use X-Forwarded-For, X-Real-IP or Forwarded"},
		{clientip.Options{Trusted: []netip.Prefix{{}}}, "invalid network"},
		{clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "would trust everybody"},
		{clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("::/0")}}, "would trust everybody"},
		{clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("::ffff:0:0/96")}}, "would trust everybody"},
	} {
		if _, err := clientip.New(tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.opts, err, tt.want)
		}
	}
}

func TestParsePrefixes(t *testing.T) {
	got, err := clientip.ParsePrefixes([]string{"192.0.2.0/24", " 192.0.2.1 ", "2001:db8::/32", "2001:db8::1", "::ffff:192.0.2.0/120", "::ffff:192.0.2.1"})
	want := "[192.0.2.0/24 192.0.2.1/32 2001:db8::/32 2001:db8::1/128 192.0.2.0/24 192.0.2.1/32]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for in, want := range map[string]string{
		"":                  `network 2: "" is not a network: write`,
		"proxy.example":     "is not a network",
		"192.0.2.0/33":      "is not a network",
		"192.0.2.0/024":     "is not a network",
		"fe80::1%eth0":      "is not a network",
		"fe80::%eth0/64":    "is not a network",
		"192.0.2.1/24":      "write 192.0.2.0/24, or 192.0.2.1 for the one address",
		"::ffff:0:0/90":     "bits set",
		"::ffff:0.0.0.0/80": "bits set",
	} {
		if _, err := clientip.ParsePrefixes([]string{"192.0.2.1", in}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestCountingPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1/32",
		"::ffff:192.0.2.1": "192.0.2.1/32",
		"2001:db8:0:1::2":  "2001:db8:0:1::/64",
		"fe80::1%eth0":     "fe80::/64",
	} {
		if got := clientip.CountingPrefix(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if p := clientip.CountingPrefix(netip.Addr{}); p.IsValid() {
		t.Errorf("the zero address has the prefix %v", p)
	}
}

func TestUntrustedPeerDoesNotAllocate(t *testing.T) {
	f := finder(t, "", "10.0.0.0/8")
	r := request("203.0.113.1:80", "X-Forwarded-For", "192.0.2.1")
	if n := testing.AllocsPerRun(100, func() { f.FromRequest(r); f.Trusted(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
