package accounts_test

import (
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/accounts"
)

func TestDeviceIsToldByCookieElseUserAgent(t *testing.T) {
	d := accounts.NewDevices(accounts.GenerateKeys())
	plain := d.Browser("", firefox)
	cookie := d.Cookie(plain)
	updated := strings.Replace(firefox, "140", "141", 1)

	same := func(name string, a, b accounts.Browser, want bool) {
		t.Helper()
		if (d.Of("alice", a, firefox).ID == d.Of("alice", b, firefox).ID) != want {
			t.Errorf("%s: same device is not %v", name, want)
		}
	}
	same("no cookie, same user agent", plain, d.Browser("", firefox), true)
	same("no cookie, other user agent", plain, d.Browser("", safari), false)
	same("first login and the next with the cookie", plain, d.Browser(cookie, firefox), true)
	same("cookie through an update", plain, d.Browser(cookie, updated), true)
	same("no cookie after an update", plain, d.Browser("", updated), false)
	if a, b := d.Of("alice", plain, firefox), d.Of("bob", plain, firefox); a.ID == b.ID || a.Name != b.Name || a.Name == "" {
		t.Errorf("one browser of two people: %v and %v", a, b)
	}
}

func TestForgedCookieIsNone(t *testing.T) {
	d := accounts.NewDevices(accounts.GenerateKeys())
	byAgent := d.Browser("", firefox)
	cookie := d.Cookie(d.Browser("", safari))
	other := accounts.NewDevices(accounts.GenerateKeys())
	forged := []string{
		"", "1.", "x", cookie[2:], "2" + cookie[1:], cookie + "A", cookie[:len(cookie)-1], cookie + "=",
		" " + cookie, cookie[:10] + "\n" + cookie[10:], strings.Repeat("1.", 1<<20),
		other.Cookie(d.Browser("", safari)), "1." + strings.Repeat("A", 43),
	}
	for i := 2; i < len(cookie); i++ {
		swap := byte('A')
		if cookie[i] == 'A' {
			swap = 'B'
		}
		forged = append(forged, cookie[:i]+string(swap)+cookie[i+1:])
	}
	for _, c := range forged {
		if d.Browser(c, firefox) != byAgent {
			t.Errorf("cookie %.60q is accepted", c)
		}
	}
	if d.Browser(cookie, firefox) == byAgent {
		t.Error("the genuine cookie is not accepted")
	}
}
