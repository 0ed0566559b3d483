package authserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

type deviceList struct {
	Devices []struct {
		ID, Name, IP, Country, City string
		Created, LastUsed           string `json:"-"`
		Current                     bool
	}
}

func (s *site) devices(access string) deviceList {
	s.t.Helper()
	a := s.expect(call{method: "GET", path: "/devices", bearer: access}, http.StatusOK)
	var list deviceList
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"id", "name", "ip", "country", "city", "last_used", "created", "current"} {
		if !strings.Contains(a.body, `"`+name+`"`) {
			s.t.Errorf("no %q in %s", name, a.body)
		}
	}
	return list
}

func TestDevices(t *testing.T) {
	s := newSite(t).member()
	laptop := s.tokens(loginCall(alice, password))
	onPhone := loginCall(alice, password)
	onPhone.header = map[string]string{"User-Agent": safari, "X-Forwarded-For": "198.51.100.9"}
	phone := s.tokens(onPhone)

	list := s.devices(laptop.Access).Devices
	if len(list) != 2 || list[0].Current || !list[1].Current || list[0].Country != "NL" || list[0].City != "Utrecht" ||
		list[0].IP != "198.51.100.9" || list[1].IP != "192.0.2.1" || list[0].Name == "" || list[0].Name == list[1].Name {
		t.Fatalf("devices %+v", list)
	}
	end := func(id string) call { return call{method: "DELETE", path: "/devices/" + id, bearer: laptop.Access} }
	s.expect(end("nothing"), http.StatusNotFound)
	s.expect(end(list[0].ID), http.StatusNoContent)
	s.expect(end(list[0].ID), http.StatusNotFound)
	s.expect(call{method: "GET", path: "/me", bearer: phone.Access}, http.StatusUnauthorized)
	s.expect(refreshCall(phone.Refresh), http.StatusUnauthorized)

	// Somebody else's device does not exist.
	s.signup("bob@example.com", password)
	bob := s.tokens(loginCall("bob@example.com", password))
	bobs := s.devices(bob.Access).Devices[0]
	if bobs.ID == list[1].ID {
		t.Error("two people on one browser share a device ID")
	}
	s.expect(end(bobs.ID), http.StatusNotFound)
	s.expect(call{method: "GET", path: "/me", bearer: bob.Access}, http.StatusOK)

	ended := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.DeviceEnded}})
	if len(ended) != 1 || ended[0].Device.ID != list[0].ID || ended[0].Device.Name != list[0].Name {
		t.Errorf("records %+v", ended)
	}
	s.expect(end(list[1].ID), http.StatusNoContent) // one's own
	s.expect(call{method: "GET", path: "/me", bearer: laptop.Access}, http.StatusUnauthorized)
}

func TestDeviceCookie(t *testing.T) {
	s := newSite(t).member()
	login := func(userAgent, cookie, proto string) *http.Cookie {
		c := loginCall(alice, password)
		c.header = map[string]string{"User-Agent": userAgent}
		if cookie != "" {
			c.header["Cookie"] = cookie
		}
		if proto != "" {
			c.header["X-Forwarded-Proto"] = proto
		}
		a := s.expect(c, http.StatusOK)
		res := http.Response{Header: a.header}
		if len(res.Cookies()) != 1 {
			t.Fatalf("cookies %v", res.Cookies())
		}
		return res.Cookies()[0]
	}
	count := func(want int) {
		t.Helper()
		k := s.tokens(loginCall(alice, password))
		if list := s.devices(k.Access).Devices; len(list) != want {
			t.Errorf("%d devices, want %d: %+v", len(list), want, list)
		}
	}
	var c *http.Cookie
	for range 3 { // a client that keeps no cookies
		c = login(firefox, "", "")
	}
	if c.Name != "gatehouse_device" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 365*24*3600 {
		t.Errorf("cookie %v", c)
	}
	count(1)
	updated := strings.ReplaceAll(firefox, "140", "141")
	login(updated, "gatehouse_device="+c.Value, "")
	count(1)
	login(safari, "gatehouse_device="+c.Value+"x", "") // damaged
	count(2)
	login(updated, "", "")
	count(3)

	secure := login(firefox, "", "https")
	if secure.Name != "__Host-gatehouse_device" || !secure.Secure || secure.Path != "/" || secure.Domain != "" {
		t.Errorf("cookie over TLS %v", secure)
	}
	a := s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized)
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a failed login sets a cookie")
	}
}

func TestThreeUserAgentsAreThreeDevices(t *testing.T) {
	s := newSite(t).member()
	for i, userAgent := range []string{firefox, safari, strings.ReplaceAll(safari, "Macintosh", "iPad")} {
		if n := s.count(gatehouse.MultipleDeviceLogin); n != 0 {
			t.Fatalf("found after %d devices", i)
		}
		c := loginCall(alice, password)
		c.header = map[string]string{"User-Agent": userAgent}
		s.tokens(c)
	}
	if n := s.count(gatehouse.MultipleDeviceLogin); n != 1 {
		t.Errorf("%d findings, want 1", n)
	}
}
