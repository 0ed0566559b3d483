package accounts_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse/accounts"
)

// A stored hash that is read is written back the same, so that there is one
// spelling of each, and whatever is damaged is an error.
func FuzzStoredHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Add("$argon2id$v=19$m=064,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("")
	f.Fuzz(func(t *testing.T, stored string) {
		if again, err := accounts.ReparseHash(stored); err == nil && again != stored {
			t.Errorf("%q is read as %q", stored, again)
		}
	})
}

// A cookie that was not made here never names another browser.
func FuzzDeviceCookie(f *testing.F) {
	d := accounts.NewDevices(accounts.Keys{Secret: [32]byte{1}})
	genuine := d.Cookie(accounts.Browser{1})
	f.Add(genuine)
	f.Add("1.")
	f.Fuzz(func(t *testing.T, cookie string) {
		if cookie != genuine && d.Browser(cookie, firefox) != d.Browser("", firefox) {
			t.Errorf("%q is accepted", cookie)
		}
	})
}

// A session is entered by the one spelling of its cookie.
func FuzzSessionCookie(f *testing.F) {
	s, err := accounts.New(accounts.Options{Store: deadStore{}, Keys: accounts.Keys{Secret: [32]byte{1}, Signing: accounts.GenerateKeys().Signing}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.SessionCookie("01a209d1-8f7a-7394-b9a1-e14bf3abc4f7"))
	f.Add("1..")
	f.Fuzz(func(t *testing.T, cookie string) {
		if id, ok := s.OpenSessionCookie(cookie); ok && s.SessionCookie(id) != cookie {
			t.Errorf("%q is accepted for %q", cookie, id)
		}
	})
}
