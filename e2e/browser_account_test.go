package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/browser"
)

// checkForm is checkPage for a page whose first field has the focus from the
// beginning.
func checkForm(t *testing.T, p *browser.Page) {
	t.Helper()
	p.Accessible()
	p.Fits(360, 1280, 2560)
	p.Quiet()
}

// Somebody signs up in a browser, sees who is signed in, sends a stranger away and
// changes the password.
func TestBrowserAccount(t *testing.T) {
	s := start(t, cheapHash+proxied+"geoip: {networks: {198.51.100.0/24: {country: AU, city: Sydney}, 127.0.0.0/8: {country: NL, city: Utrecht}}}\n")
	const email, next = "ada@example.com", "nine loud magpies"
	p := browser.Open(t, s.url)
	for _, path := range []string{"/account/login", "/account/signup", "/account/forgot"} {
		if status := p.Go(s.url + path); status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		checkForm(t, p)
		photograph(p, "account-"+strings.TrimPrefix(path, "/account/"))
	}
	p.Go(s.url + "/account") // which leads to the login
	p.Follow(func() { p.Click(browser.Link("Create an account")) })
	p.Fill(browser.Field("E-mail address"), email)
	p.Fill(browser.Field("Name (optional)"), "Ada Lovelace")
	p.Fill(browser.Field("Password"), "password")
	p.Allow("status of 422")
	p.Follow(func() { p.Click(browser.Button("Create the account")) })
	p.Await(browser.Role("alert", ""))
	if got := p.Value(browser.Field("E-mail address")); got != email {
		t.Errorf("the address is %q after a mistake", got)
	}
	p.Fill(browser.Field("Password"), password)
	p.Follow(func() { p.Click(browser.Button("Create the account")) })
	p.Await(browser.Role("heading", "Ada Lovelace"))
	p.See("Welcome.")

	thief := loginCall(email, password, "198.51.100.1")
	stolen := s.do(thief).tokens(t)
	s.login(email, "wrong", "198.51.100.2")
	p.Go(s.url + "/account")
	checkPage(t, p)
	photograph(p, "account")
	for _, text := range []string{"Sydney, Australia", "this browser", "application", "Wrong password", "Attempts that failed", "IP Geolocation by DB-IP"} {
		p.See(text)
	}
	p.Follow(func() { p.Click(browser.Link("That was not me")) })
	checkForm(t, p)
	photograph(p, "account-password")
	p.Fill(browser.Field("Current password"), password)
	p.Fill(browser.Field("New password"), next)
	p.Follow(func() { p.Click(browser.Button("Change the password")) })
	p.See("You have a new password.")
	if a := s.do(call{method: "POST", path: "/api/auth/refresh", from: "198.51.100.1", body: map[string]string{"refresh_token": stolen.Refresh}}); a.status != http.StatusUnauthorized {
		t.Errorf("the stranger's refresh: %d %s", a.status, a.body)
	}

	// One session is ended, and then the others, with JavaScript and without.
	for _, c := range []struct{ button, text string }{
		{"Sign out everywhere else", "Everybody but this browser is signed out."}, {"Sign out", "That session is signed out."},
	} {
		other := s.login(email, next, "198.51.100.1").tokens(t)
		p.Go(s.url + "/account")
		if c.button == "Sign out" {
			p.Follow(func() { p.Click(browser.CSS("td.actions button")) })
		} else {
			p.Click(browser.Button(c.button))
			p.Follow(func() { p.Click(browser.Button("Sign out the others")) })
		}
		p.See(c.text)
		if a := s.do(call{method: "POST", path: "/api/auth/refresh", from: "198.51.100.1", body: map[string]string{"refresh_token": other.Refresh}}); a.status != http.StatusUnauthorized {
			t.Errorf("%s: the refresh of the ended session: %d", c.button, a.status)
		}
	}
	p.Follow(func() { p.Click(browser.Button("Sign out")) })
	p.See("You are signed out.")

	p.NoScript()
	p.Fill(browser.Field("E-mail address"), email)
	p.Fill(browser.Field("Password"), "wrong")
	p.Allow("status of 401")
	p.Follow(func() { p.Click(browser.Button("Sign in")) })
	p.See("Wrong e-mail address or password.")
	p.Fill(browser.Field("Password"), next)
	p.Follow(func() { p.Press("\r") })
	p.Await(browser.Role("heading", "Ada Lovelace"))
	p.Quiet()
}

// What strangers sent, and what people call themselves, is text on the page of the
// account.
func TestBrowserAccountOfAHostileName(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {bot_activity: {enabled: false}, rapid_signup: {enabled: false}, suspicious_user_agent: {enabled: false}}\n")
	for _, a := range browser.Attacks() {
		t.Run(a.Name, func(t *testing.T) {
			email := strings.ReplaceAll(a.Name, " ", "-") + "@example.com"
			name := a.Text
			if len(name) > 200 || a.Name == "bidi" {
				name = "long" // those are not taken
			}
			s := s.in(t)
			if got := s.do(call{method: "POST", path: "/api/auth/signup", from: "192.0.2.1", body: map[string]string{"email": email, "password": password, "name": name}}); got.status != http.StatusCreated {
				t.Fatalf("signup: %d %s", got.status, got.body)
			}
			login := loginCall(email, password, "192.0.2.1")
			login.agent = a.Text
			if len(login.agent) > 4096 {
				login.agent = login.agent[:4096]
			}
			if a.Name == "bidi" {
				login.agent = "bidi"
			}
			s.do(login).tokens(t)
			p := browser.Open(t, s.url)
			p.Go(s.url + "/account/login")
			p.Fill(browser.Field("E-mail address"), email)
			p.Fill(browser.Field("Password"), password)
			p.Follow(func() { p.Click(browser.Button("Sign in")) })
			p.Await(browser.Button("Sign out everywhere else"))
			p.Unharmed()
			p.Go(s.url + "/account/login?done=" + a.Name)
			p.Unharmed()
		})
	}
}

// Who is blocked reads that on a page, with its style.
func TestBrowserBlocked(t *testing.T) {
	s := start(t, cheapHash)
	s.signup("ada@example.com")
	p := browser.Open(t, s.url)
	p.Allow("status of 4")
	for range 6 {
		p.Go(s.url + "/account/login")
		if !p.Has(browser.Field("Password")) {
			break
		}
		p.Fill(browser.Field("E-mail address"), "ada@example.com")
		p.Fill(browser.Field("Password"), "wrong")
		p.Follow(func() { p.Click(browser.Button("Sign in")) })
	}
	p.See("Too many requests. Try again later.")
	p.Accessible()
	if n := s.count(gatehouse.IPAddressBlocked); n != 1 {
		t.Errorf("%d blocks", n)
	}
	if status := p.Go(s.url + "/account/login"); status != http.StatusTooManyRequests {
		t.Errorf("the login page: %d", status)
	}
	p.Await(browser.Role("alert", ""))
	p.Fits(360, 1280)
}
