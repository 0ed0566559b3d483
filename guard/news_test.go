package guard_test

import (
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// What a login says of device and country is news only to somebody who was seen
// before.
func TestNewDeviceAndCountry(t *testing.T) {
	type login struct{ device, country string }
	for _, c := range []struct {
		before          []login
		now             login
		device, country bool
	}{
		{nil, login{"a", "NL"}, false, false},
		{[]login{{"a", "NL"}}, login{"a", "NL"}, false, false},
		{[]login{{"a", "NL"}}, login{"b", "NL"}, true, false},
		{[]login{{"a", "NL"}}, login{"a", "DE"}, false, true},
		{[]login{{"a", "NL"}}, login{"b", "DE"}, true, true},
		{[]login{{"a", "NL"}, {"b", "DE"}}, login{"a", "DE"}, false, false},
		{[]login{{"a", "NL"}}, login{"a", ""}, false, false},
		{[]login{{"a", ""}}, login{"a", "NL"}, false, false}, // nobody knows where that was
		{[]login{{"a", ""}, {"b", "DE"}}, login{"a", "NL"}, false, true},
	} {
		d := newDesk(t, nil)
		log := func(l login) gatehouse.Decision {
			e := d.event("ada@example.com", away)
			e.Place = gatehouse.Place{Country: l.country}
			a, decision := d.Begin(t.Context(), e)
			if a == nil {
				t.Fatalf("refused: %+v", decision)
			}
			decision, err := a.Succeed(t.Context(), d.now, gatehouse.Subject{User: "ada"}, gatehouse.Device{ID: l.device})
			if err != nil {
				t.Fatal(err)
			}
			d.now = d.now.Add(100 * time.Hour)
			return decision
		}
		for _, l := range c.before {
			log(l)
		}
		if d := log(c.now); d.NewDevice != c.device || d.NewCountry != c.country {
			t.Errorf("%v after %v: new device %t, new country %t", c.now, c.before, d.NewDevice, d.NewCountry)
		}
	}
}

// A limit of a request's own is exact, is of its address and endpoint, and blocks
// nobody.
func TestAdmitWithin(t *testing.T) {
	d := newDesk(t, nil)
	limit := gatehouse.Limit{Threshold: 3, Window: time.Hour}
	ask := func(endpoint string) gatehouse.Decision {
		e := d.event("", home)
		e.Kind, e.Endpoint = gatehouse.PasswordResetRefused, endpoint
		return d.AdmitWithin(t.Context(), e, limit)
	}
	for i := range 3 {
		if got := ask("POST /forgot"); !got.Allowed() {
			t.Fatalf("request %d: %+v", i+1, got)
		}
	}
	if got := ask("POST /forgot"); got.Verdict != gatehouse.Limited || got.RetryAfter != time.Hour {
		t.Errorf("the fourth: %+v", got)
	}
	if got := ask("POST /other"); !got.Allowed() {
		t.Errorf("another endpoint: %+v", got)
	}
	if d.count(gatehouse.PasswordResetRefused) != 1 || d.count(gatehouse.IPAddressBlocked) != 0 {
		t.Errorf("%d refusals, %d blocks on record", d.count(gatehouse.PasswordResetRefused), d.count(gatehouse.IPAddressBlocked))
	}
	d.now = d.now.Add(time.Hour)
	if got := ask("POST /forgot"); !got.Allowed() {
		t.Errorf("an hour later: %+v", got)
	}
}
