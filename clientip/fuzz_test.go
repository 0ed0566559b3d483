package clientip_test

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// naive is the rule for X-Forwarded-For told in another way: with the joined
// list, a regular expression and package net.
func naive(lines []string, trusted func(string) bool) string {
	list := strings.Split(strings.Join(lines, ","), ",")
	if len(lines) == 0 {
		return peer
	}
	last := peer
	for i := len(list) - 1; i >= 0; i-- {
		ip := naiveAddr(strings.Trim(list[i], " \t"))
		if ip == "" {
			return peer
		}
		if last = ip; !trusted(ip) {
			return ip
		}
	}
	return last
}

var naiveForm = regexp.MustCompile(`^(?:\[([^\]]*:[^\]]*)\](?::.+)?|([^:\[]+)(?::[^:]+)?|([^\[]*:.*:.*))$`)
var naivePort = regexp.MustCompile(`(?:^\[[^\]]*\]|^[^:]*):(?:[0-9]{1,5}|_[A-Za-z0-9!#$%&'*+.^_|~\x60-]+)$`)

func naiveAddr(s string) string {
	m := naiveForm.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	host := m[1] + m[2] + m[3]
	if hasPort := m[3] == "" && s != host && s != "["+host+"]"; hasPort && !naivePort.MatchString(s) {
		return ""
	}
	host, zone, zoned := strings.Cut(host, "%")
	ip := net.ParseIP(host)
	if ip == nil || zoned && (zone == "" || ip.To4() != nil && !strings.Contains(host, ":")) {
		return ""
	}
	return ip.String() // unmaps by itself
}

func FuzzXForwardedFor(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1, 10.0.0.2", "[2001:db8::1]:80\n10.1.1.1", "::ffff:10.0.0.1,", "10.0.0.1:_x", "fe80::1%a, 1.2.3.4",
		"unknown\n", "\"", "[::1", "1.2.3.4:99999", "[::1]:", "::1%", "[fe80::1%25eth0]:1"} {
		f.Add(s)
	}
	own := netip.MustParsePrefix("10.0.0.0/8")
	finder := finder(f, "", own.String())
	f.Fuzz(func(t *testing.T, header string) {
		lines := strings.Split(header, "\n")
		if len(header) > 300 || strings.Count(header, ",")+len(lines) > 60 {
			return // beyond the documented limits, which the model does not have
		}
		r := &http.Request{RemoteAddr: peer + ":80", Header: http.Header{"X-Forwarded-For": lines}}
		got := finder.FromRequest(r)
		want := naive(lines, func(ip string) bool { return own.Contains(netip.MustParseAddr(ip)) })
		if got.String() != want {
			t.Errorf("%q: got %v, the model says %v", lines, got, want)
		}
	})
}

// Whatever a client sends, the entry that a trusted proxy appends decides.
func FuzzAppendedEntryDecides(f *testing.F) {
	for _, s := range []string{"", "for=192.0.2.1", `for="`, `for="\`, `,",\",`, "192.0.2.1", "for=\"[2001:db8::1]\"\nfor=x", strings.Repeat(`",`, 400)} {
		f.Add(s)
	}
	xff, fwd := finder(f, "X-Forwarded-For", "10.0.0.0/8"), finder(f, "Forwarded", "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, sent string) {
		lines := strings.Split(sent, "\n")
		last := len(lines) - 1
		for _, tt := range []struct {
			header, entry string
			from          func(*http.Request) netip.Addr
		}{
			{"X-Forwarded-For", "198.51.100.7", xff.FromRequest},
			{"Forwarded", `for="198.51.100.7:1"`, fwd.FromRequest},
		} {
			own := append(lines[:len(lines):len(lines)], tt.entry)
			same := append(lines[:last:last], lines[last]+", "+tt.entry)
			for _, l := range [][]string{own, same} {
				r := &http.Request{RemoteAddr: peer + ":80", Header: http.Header{tt.header: l}}
				if got := tt.from(r); got.String() != "198.51.100.7" {
					t.Errorf("%s %q: %v", tt.header, l, got)
				}
			}
			r := &http.Request{RemoteAddr: peer + ":80", Header: http.Header{tt.header: lines}}
			if got := tt.from(r); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
				t.Errorf("%s %q: %v", tt.header, lines, got)
			}
		}
	})
}

func FuzzRemoteAddr(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "@", "", "[::1%x]:1", "[::ffff:1.2.3.4%x]:1", "[", "]:", ":"} {
		f.Add(s)
	}
	finder := finder(f, "", "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, remote string) {
		got := finder.FromRequest(&http.Request{RemoteAddr: remote})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q: %v", remote, got)
		}
	})
}

func BenchmarkFromRequest(b *testing.B) {
	for _, tt := range []struct {
		name, remote, header string
		value                string
	}{
		{"untrusted peer", "203.0.113.1:80", "X-Forwarded-For", "192.0.2.1"},
		{"untrusted peer IPv6", "[2001:db8::1]:80", "X-Forwarded-For", "192.0.2.1"},
		{"trusted peer", peer + ":80", "X-Forwarded-For", "192.0.2.1"},
		{"three proxies", peer + ":80", "X-Forwarded-For", "192.0.2.1, 10.1.1.1, 10.2.2.2"},
		{"forwarded", peer + ":80", "Forwarded", `for="[2001:db8::1]:80";proto=https, for=10.1.1.1`},
		{"hostile 1 MiB", peer + ":80", "X-Forwarded-For", strings.Repeat("10.1.1.1,", 1<<20/9) + "10.1.1.1"},
		{"hostile 1 MiB quoted", peer + ":80", "Forwarded", `"` + strings.Repeat(`,`, 1<<20) + `"`},
	} {
		b.Run(tt.name, func(b *testing.B) {
			f := finder(b, tt.header, "10.0.0.0/8", "2001:db8:ff::/48")
			r := request(tt.remote, tt.header, tt.value)
			b.ReportAllocs()
			for b.Loop() {
				f.FromRequest(r)
			}
		})
	}
}
