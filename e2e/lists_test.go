package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/iplist"
)

// write puts text into a file as one should: renamed into place.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until an address is answered with a status.
func (s *server) becomes(from string, status int) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		if last = s.do(call{method: "GET", path: "/api/auth/me", from: from}).status; last == status {
			return
		}
	}
	s.t.Fatalf("%s is answered %d, want %d", from, last, status)
}

const (
	open   = http.StatusUnauthorized    // nobody is logged in
	closed = http.StatusTooManyRequests // blocked
)

// Files with lists keep out and let in, are read again at SIGHUP and when they
// change, and a broken one changes nothing.
func TestListsOfAddresses(t *testing.T) {
	dir := t.TempDir()
	bad, office := filepath.Join(dir, "bad.txt"), filepath.Join(dir, "office.nft")
	write(t, bad, "192.0.2.0/24 # seen last night\n")
	write(t, office, "elements = { 192.0.2.7 }\n")
	s := start(t, cheapHash+proxied+fmt.Sprintf("lists: {block_files: [%s], allow_files: [%s], allow: [198.51.100.0/28]}\n", bad, office))
	s.becomes("192.0.2.1", closed)
	s.becomes("192.0.2.7", open)
	s.becomes("203.0.113.1", open)
	r := s.log("--type", string(gatehouse.RequestRefused))
	if len(r) == 0 || r[0].IP != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("the refusal is not on record: %+v", r)
	}

	write(t, bad, "203.0.113.0/24\n")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.becomes("192.0.2.1", open)
	s.becomes("203.0.113.1", closed)

	write(t, bad, "203.0.113.0/24\nnonsense\n")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.says("bad.txt:2:")
	s.becomes("203.0.113.1", closed)

	write(t, bad, "192.0.2.0/25\n") // seen within seconds, without a signal
	s.becomes("203.0.113.1", open)
	s.becomes("192.0.2.1", closed)
}

// says waits until the server's own log has a text.
func (s *server) says(text string) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.stderr.String(), text); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not say %q", text)
		}
	}
}

// An allowed address is never blocked, whatever it does, and yet does not get
// more guesses than others.
func TestAllowedAddressesAreNotBlockedAndDoNotGuessMore(t *testing.T) {
	s := start(t, cheapHash+proxied+"lists: {allow: [198.51.100.0/28]}\nrules:\n  brute_force: {respond: [block_ip: 10m]}\n")
	s.signup("ada@example.com")
	got := s.inParallel(64, loginCall("ada@example.com", "wrong", "198.51.100.1"))
	if got[http.StatusUnauthorized] != 5 || got[closed] != 59 {
		t.Errorf("64 guesses: %v", got)
	}
	s.becomes("198.51.100.1", open)
	found := s.log("--type", string(gatehouse.BruteForceDetected))
	if len(found) != 1 || !strings.Contains(fmt.Sprint(found[0].Finding.Actions), "on the allow list") {
		t.Errorf("found %+v", found)
	}
	for i := range 120 { // far beyond the rule for bots
		if a := s.do(call{method: "GET", path: "/api/auth/me", from: "198.51.100.1"}); a.status != open {
			t.Fatalf("request %d: %d", i+1, a.status)
		}
	}
	if n := s.count(gatehouse.BotActivityDetected); n == 0 {
		t.Error("what an allowed address does is not found")
	}
	if out, code := s.command("blocks", "add", "198.51.100.1"); code != 2 || !strings.Contains(out, "allow list") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// Blocks are imported through the running server, once, and exported in every
// form.
func TestBlocksImportAndExport(t *testing.T) {
	s := start(t, cheapHash+proxied+"lists: {allow: [198.51.100.7]}\n")
	path := filepath.Join(t.TempDir(), "bad.txt")
	write(t, path, "192.0.2.0-192.0.2.3\n192.0.2.4/30\nnonsense\n198.51.100.7\n2001:db8::1\n192.0.2.4/30\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--dry-run"}, "nothing is changed; it would be: added 3, extended 0, kept 0, on the allow list 1, over 0, invalid 1\n"},
		{nil, "added 3, extended 0, kept 0, on the allow list 1, over 0, invalid 1\n"},
		{nil, "added 0, extended 0, kept 3, on the allow list 1, over 0, invalid 1\n"},
		{[]string{"--for", "7d"}, "added 0, extended 3, kept 0, on the allow list 1, over 0, invalid 1\n"},
		{[]string{"--for", "0"}, "added 0, extended 3, kept 0, on the allow list 1, over 0, invalid 1\n"},
	} {
		out, code := s.command(append([]string{"blocks", "import", path}, c.args...)...)
		if code != 1 || !strings.HasPrefix(out, c.want) || !strings.Contains(out, path+":3:") {
			t.Errorf("%v: exit %d: %s", c.args, code, out)
		}
	}
	s.becomes("192.0.2.1", closed)
	s.becomes("2001:db8::2", closed)
	s.becomes("198.51.100.7", open)
	for format, want := range map[string]string{
		"plain": "192.0.2.0/29\n2001:db8::/64\n",
		"nft":   "add element inet gatehouse blocked4 {\n\t192.0.2.0/29\n}\n",
		"json":  `{"prefix":"192.0.2.4/30","reason":"imported from bad.txt"}`,
	} {
		out, code := s.command("blocks", "export", "--format", format)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d: %s", format, code, out)
		}
		again := filepath.Join(t.TempDir(), "again")
		write(t, again, out)
		if out, code := s.command("blocks", "import", again, "--format", format, "--dry-run"); code != 0 || strings.Contains(out, "invalid 1") {
			t.Errorf("%s, read back: exit %d: %s", format, code, out)
		}
	}
}

// Many import one list at the same time: each network is blocked once.
func TestImportsAtTheSameTime(t *testing.T) {
	s := start(t, cheapHash+proxied)
	path := filepath.Join(t.TempDir(), "bad.txt")
	write(t, path, "192.0.2.0/25\n192.0.2.128/25\n198.51.100.1\n")
	codes := make(chan int)
	for range 16 {
		go func() {
			_, code := s.command("blocks", "import", path, "--for", "0")
			codes <- code
		}()
	}
	for range 16 {
		if code := <-codes; code != 0 {
			t.Errorf("exit %d", code)
		}
	}
	out, _ := s.command("blocks", "list", "--json")
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("%d blocks: %s", n, out)
	}
}

// Without a server the data directory is written to, and the next one holds what
// was imported. A long list takes seconds.
func TestImportOfALongList(t *testing.T) {
	s := start(t, cheapHash+proxied)
	n := rounds(100_000, 10_000)
	var list []iplist.Entry
	for i := range n {
		a := netip.AddrFrom4([4]byte{198, 18 + byte(i>>16), byte(i >> 8), byte(i)}) // RFC 2544
		list = append(list, iplist.Entry{Prefix: netip.PrefixFrom(a, 32), Reason: "long", Until: time.Now().Add(time.Hour)})
	}
	var text bytes.Buffer
	if err := iplist.Write(&text, iplist.JSON, list); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "long.json")
	write(t, path, text.String())
	for _, want := range []string{"added", "kept"} {
		began := time.Now()
		out, code := s.command("blocks", "import", path)
		if code != 0 || !strings.Contains(out, fmt.Sprintf("%s %d,", want, n)) {
			t.Fatalf("exit %d: %s", code, out)
		}
		t.Logf("%d entries %s in %v", n, want, time.Since(began).Round(time.Millisecond))
	}
	s.becomes("198.18.0.1", closed)
	if got := s.count(gatehouse.IPAddressBlocked); got != n {
		t.Errorf("%d blocks on record", got)
	}

	s.stop(syscall.SIGTERM)
	short := filepath.Join(t.TempDir(), "short.txt")
	write(t, short, "192.0.2.1\n198.18.0.1\n")
	if out, code := s.command("blocks", "import", short, "--for", "5m"); code != 0 || !strings.HasPrefix(out, "added 1, extended 0, kept 1,") {
		t.Errorf("without a server: exit %d: %s", code, out)
	}
	s.run()
	s.becomes("192.0.2.1", closed)
	out, _ := s.command("blocks", "list", "--json")
	var b gatehouse.Block
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &b); err != nil || b.Reason != "imported from short.txt" {
		t.Errorf("%+v, %v", b, err)
	}
}
