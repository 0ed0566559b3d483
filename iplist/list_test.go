package iplist_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/iplist"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func entries(texts ...string) (list []iplist.Entry) {
	for _, s := range texts {
		list = append(list, iplist.Entry{Prefix: netip.MustParsePrefix(s)})
	}
	return list
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		format iplist.Format
		text   string
		want   []iplist.Entry
	}{
		"empty":          {iplist.Plain, "", nil},
		"comments":       {iplist.Plain, "# a\n; b\n\n192.0.2.1 # c\n  192.0.2.0/24\t;d", entries("192.0.2.1/32", "192.0.2.0/24")},
		"windows":        {iplist.Plain, "\ufeff192.0.2.1\r\n2001:db8::/32\r\n", entries("192.0.2.1/32", "2001:db8::/32")},
		"mapped":         {iplist.Plain, "::ffff:192.0.2.1\n::ffff:192.0.2.0/120", entries("192.0.2.1/32", "192.0.2.0/24")},
		"range":          {iplist.Plain, "192.0.2.1-192.0.2.9", entries("192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/30", "192.0.2.8/31")},
		"range of one":   {iplist.Plain, "192.0.2.1 - 192.0.2.1", entries("192.0.2.1/32")},
		"range to end":   {iplist.Plain, "255.255.255.254-255.255.255.255", entries("255.255.255.254/31")},
		"range IPv6":     {iplist.Plain, "2001:db8::-2001:db8::ffff", entries("2001:db8::/112")},
		"nft list":       {iplist.NFT, "table inet filter {\n\tset bad {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 192.0.2.0/24, 198.51.100.1-198.51.100.2,\n\t\t\t     203.0.113.1 }\n\t}\n}\n", entries("192.0.2.0/24", "198.51.100.1/32", "198.51.100.2/32", "203.0.113.1/32")},
		"nft command":    {iplist.NFT, "#!/usr/sbin/nft -f\nadd element inet filter bad { 2001:db8::/32, }\nadd element filter bad {192.0.2.1}", entries("2001:db8::/32", "192.0.2.1/32")},
		"nft empty set":  {iplist.NFT, "add set inet filter bad { type ipv4_addr; flags interval; }", nil},
		"nft rules":      {iplist.NFT, "table inet x {\n set s { type ipv4_addr; elements = { 192.0.2.1 } }\n chain c { ip saddr { 198.51.100.1 } drop } }", entries("192.0.2.1/32")},
		"nft attributes": {iplist.NFT, `elements = { 192.0.2.1 timeout 1d2h expires 1h30m comment "so, {it} is" counter packets 1 bytes 2, 192.0.2.2 counter }`, []iplist.Entry{{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Reason: "so, {it} is", Until: noon.Add(90 * time.Minute)}, entries("192.0.2.2/32")[0]}},
		"json texts":     {iplist.JSON, `["192.0.2.1", "192.0.2.4-192.0.2.5"]`, entries("192.0.2.1/32", "192.0.2.4/31")},
		"json empty":     {iplist.JSON, `[]`, nil},
		"json objects":   {iplist.JSON, `[{"prefix": "192.0.2.0/24", "reason": "a\nb", "until": "2026-03-01T12:00:00Z", "by": "ada"}, "192.0.2.1"]`, []iplist.Entry{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Reason: "a\ufffdb", Until: noon}, entries("192.0.2.1/32")[0]}},
		"json lines":     {iplist.JSON, "{\"prefix\":\"192.0.2.0/24\"}\n{\"prefix\":\"2001:db8::/64\"}\n", entries("192.0.2.0/24", "2001:db8::/64")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := iplist.Read(strings.NewReader(c.text), iplist.Options{Format: c.format, Now: func() time.Time { return noon }})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, c.want)
			}
		})
	}
}

func TestReadTellsLineAndWhatIsAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		format  iplist.Format
		text    string
		line    string
		allowed string
	}{
		"word":            {iplist.Plain, "192.0.2.1\n\nbad", ":3:", "write an address such as"},
		"hostile":         {iplist.Plain, "\x1b[31m\u202e", ":1:", "write an address"},
		"host bits":       {iplist.Plain, "192.0.2.1/24", ":1:", "write 192.0.2.0/24 for the network or 192.0.2.1 for the address"},
		"zone":            {iplist.Plain, "fe80::1%eth0", ":1:", "write an address"},
		"everybody":       {iplist.Plain, "#\n0.0.0.0/0", ":2:", "leave it out"},
		"everybody, IPv6": {iplist.Plain, "::/0", ":1:", "leave it out"},
		"mapped":          {iplist.Plain, "::ffff:0.0.0.0/96", ":1:", "leave it out"},
		"more than IPv4":  {iplist.Plain, "::ffff:0.0.0.0/95", ":1:", "bits set beyond its length"},
		"range of all":    {iplist.Plain, "0.0.0.0-255.255.255.255", ":1:", "leave it out"},
		"halves":          {iplist.Plain, "0.0.0.0/1\n128.0.0.0/1", "list:", "every address there is"},
		"all but nothing": {iplist.Plain, "0.0.0.0-203.0.113.0\n203.0.113.1-255.255.255.255", "list:", "every address there is"},
		"all of IPv6":     {iplist.Plain, "::-2001:db8::\n2001:db8::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "list:", "every address there is"},
		"backwards":       {iplist.Plain, "192.0.2.9-192.0.2.1", ":1:", "lower address first"},
		"two families":    {iplist.Plain, "192.0.2.9-2001:db8::1", ":1:", "both ends alike"},
		"long":            {iplist.Plain, strings.Repeat("1", 5000), ":1:", "longer than 4096"},
		"many":            {iplist.Plain, strings.Repeat("192.0.2.1\n", 11), ":11:", "more than 10 networks"},
		"big":             {iplist.Plain, strings.Repeat("#", 2000), "list:", "longer than 1000 bytes"},
		"nft nothing":     {iplist.NFT, "192.0.2.1\n", ":2:", "write elements = {"},
		"nft open":        {iplist.NFT, "elements = { 192.0.2.1,\n", ":2:", "close them with }"},
		"nft no comma":    {iplist.NFT, "elements = {\n192.0.2.1 192.0.2.2 }", ":2:", "timeout, expires"},
		"nft ports":       {iplist.NFT, "elements = { 192.0.2.1 . 80 }", ":1:", "timeout, expires"},
		"nft time":        {iplist.NFT, "elements = { 192.0.2.1 timeout soon }", ":1:", "1d2h30m"},
		"nft nested":      {iplist.NFT, "elements = { { 192.0.2.1 } }", ":1:", "write an address"},
		"nft quotes":      {iplist.NFT, "elements = { 192.0.2.1 comment \"a\n }", ":1:", "close it with"},
		"nft variable":    {iplist.NFT, "add element inet filter bad $x\nadd rule", ":1:", "add element inet gatehouse"},
		"nft cut":         {iplist.NFT, "add element inet", ":1:", "ends after element"},
		"json syntax":     {iplist.JSON, "[\n\"192.0.2.1\",\n}", ":3:", "invalid character"},
		"json cut":        {iplist.JSON, "[\n\"192.0.2.1\"", ":2:", "ends too early"},
		"json number":     {iplist.JSON, "[\n\n7]", ":3:", `write "192.0.2.0/24"`},
		"json nested":     {iplist.JSON, `[["192.0.2.1"]]`, ":1:", `write "192.0.2.0/24"`},
		"json no prefix":  {iplist.JSON, "[{}]", ":1:", "no prefix"},
		"json until":      {iplist.JSON, `{"prefix":"192.0.2.1","until":"soon"}`, ":1:", "2026-03-01T12:00:00Z"},
		"json everybody":  {iplist.JSON, "[\"192.0.2.1\",\n\n \"::/0\"]", ":3:", "leave it out"},
		"no format":       {"xml", "", "", "use plain, nft or json"},
	} {
		t.Run(name, func(t *testing.T) {
			o := iplist.Options{Format: c.format, MaxEntries: 400}
			switch name {
			case "many":
				o.MaxEntries = 10
			case "big":
				o.MaxBytes = 1000
			}
			got, err := iplist.Read(strings.NewReader(c.text), o)
			if err == nil || got != nil || !strings.Contains(err.Error(), c.line) || !strings.Contains(err.Error(), c.allowed) {
				t.Errorf("got %v, %v", got, err)
			}
			if err != nil && (strings.ContainsAny(err.Error(), "\x1b\u202e") || c.line != "" && !errors.Is(err, iplist.ErrInvalid)) {
				t.Errorf("error %q", err)
			}
		})
	}
}

func TestEverybodyOnRequest(t *testing.T) {
	got, err := iplist.Read(strings.NewReader("0.0.0.0/0\n::/0"), iplist.Options{Everybody: true})
	if err != nil || !slices.Equal(got, entries("0.0.0.0/0", "::/0")) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOnInvalidReadsTheRest(t *testing.T) {
	for format, text := range map[iplist.Format]string{
		iplist.Plain: "192.0.2.1\nbad\n192.0.2.0/0\n192.0.2.2",
		iplist.NFT:   "elements = { 192.0.2.1, bad,\n 192.0.2.9 x, 192.0.2.2 }",
		iplist.JSON:  `["192.0.2.1", 7, "0.0.0.0/0", "192.0.2.2"]`,
	} {
		var told []error
		got, err := iplist.Read(strings.NewReader(text), iplist.Options{Format: format, OnInvalid: func(err error) { told = append(told, err) }})
		if err != nil || len(told) != 2 || !slices.Equal(got, entries("192.0.2.1/32", "192.0.2.2/32")) {
			t.Errorf("%s: %v, %v, told %v", format, got, err, told)
		}
	}
}

// prefixes draws networks that lie close together, so that they overlap, adjoin
// and contain one another.
func prefixes() *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		low := rapid.Byte().Draw(t, "address")
		if rapid.Bool().Draw(t, "IPv6") {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[15] = low
			return netip.PrefixFrom(netip.AddrFrom16(a), rapid.IntRange(121, 128).Draw(t, "bits")).Masked()
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, low}), rapid.IntRange(25, 32).Draw(t, "bits")).Masked()
	})
}

// The model of a set is to ask each network in turn.
func TestSetIsWhatItIsMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(prefixes(), 0, 40).Draw(t, "list")
		s := iplist.Of(list...)
		in := func(ip netip.Addr) bool {
			return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
		}
		for i := range 256 {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[15] = byte(i)
			for _, ip := range []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.AddrFrom16(a)} {
				network, found := s.Network(ip)
				if s.Contains(ip) != in(ip) || found != in(ip) || found && !network.Contains(ip) {
					t.Fatalf("%v: %v, %v; want %v", ip, s.Contains(ip), network, in(ip))
				}
			}
		}
		for _, p := range list {
			if !s.Covers(p) {
				t.Fatalf("%v is not covered", p)
			}
		}
		all := slices.Collect(s.All())
		if len(all) != s.Len() || !slices.IsSortedFunc(all, netip.Prefix.Compare) {
			t.Fatalf("not sorted, or not %d: %v", s.Len(), all)
		}
		for i, p := range all { // as few as can be: disjoint, and no two make up a wider one
			for _, q := range all[:i] {
				if q.Overlaps(p) || q.Bits() == p.Bits() && netip.PrefixFrom(q.Addr(), q.Bits()-1).Masked() == netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked() {
					t.Fatalf("%v and %v", q, p)
				}
			}
		}
	})
}

func TestRoundTrip(t *testing.T) {
	for _, format := range []iplist.Format{iplist.Plain, iplist.NFT, iplist.JSON} {
		t.Run(string(format), rapid.MakeCheck(func(t *rapid.T) {
			var list []iplist.Entry
			for _, p := range rapid.SliceOfN(prefixes(), 0, 40).Draw(t, "list") {
				e := iplist.Entry{Prefix: p}
				if format == iplist.JSON {
					e.Reason = gatehouse.CleanText(rapid.String().Draw(t, "reason"), gatehouse.MaxText)
					e.Until = noon.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "until")) * time.Microsecond)
				}
				list = append(list, e)
			}
			var text, again bytes.Buffer
			if err := iplist.Write(&text, format, list); err != nil {
				t.Fatal(err)
			}
			written := text.String()
			got, err := iplist.Read(&text, iplist.Options{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			if format == iplist.JSON && !slices.Equal(got, list) {
				t.Fatalf("got %v, want %v", got, list)
			}
			if err := iplist.Write(&again, format, got); err != nil || again.String() != written {
				t.Fatalf("%v: wrote\n%s\nthen\n%s", err, written, again.String())
			}
		}))
	}
}

func TestAMappedAndAZonedAddressAreFound(t *testing.T) {
	s := iplist.Of(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fe80::/64"), netip.Prefix{})
	for _, ip := range []string{"::ffff:192.0.2.1", "fe80::1%eth0"} {
		if !s.Contains(netip.MustParseAddr(ip)) {
			t.Errorf("%s is not found", ip)
		}
	}
	if s.Contains(netip.Addr{}) || s.Covers(netip.Prefix{}) || s.Covers(netip.MustParsePrefix("192.0.0.0/16")) || new(iplist.List).Contains(netip.MustParseAddr("192.0.2.1")) {
		t.Error("more is found than there is")
	}
}

func TestReadFileKnowsTheFormat(t *testing.T) {
	for name, text := range map[string]string{"a.txt": "192.0.2.1", "a.nft": "elements = { 192.0.2.1 }", "a.json": `["192.0.2.1"]`} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := iplist.ReadFile(path, iplist.Options{}); err != nil || !slices.Equal(got, entries("192.0.2.1/32")) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Readers see one whole set while it is swapped.
func TestListSwapsAsAWhole(t *testing.T) {
	a, b := iplist.Of(netip.MustParsePrefix("192.0.2.0/24")), iplist.Of(netip.MustParsePrefix("198.51.100.0/24"))
	l := iplist.NewList(a)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10_000 {
			l.Swap([]*iplist.Set{a, b}[i%2])
		}
	}()
	for range 10_000 {
		s := l.Load()
		if s.Contains(netip.MustParseAddr("192.0.2.1")) == s.Contains(netip.MustParseAddr("198.51.100.1")) {
			t.Fatal("half a set")
		}
	}
	<-done
}

// What is written for nft is what nft takes. Where it is not installed, or may
// not ask the kernel, there is nothing to find out.
func TestNFTTakesWhatIsWritten(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Log("nft is not installed")
		return
	}
	path := filepath.Join(t.TempDir(), "list.nft")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := iplist.Write(f, iplist.NFT, entries("192.0.2.0/25", "192.0.2.128/25", "198.51.100.7/32", "198.51.100.0/28", "2001:db8::/33", "2001:db8::1/128")); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out, err := exec.Command(nft, "-c", "-f", path).CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("Operation not permitted")) || bytes.Contains(out, []byte("cache initialization failed")) {
			t.Logf("nft cannot ask the kernel here: %s", out)
			return
		}
		t.Errorf("%v: %s", err, out)
	}
}
