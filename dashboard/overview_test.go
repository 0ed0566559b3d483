package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestOverview(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	empty := b.get("/")
	if empty.status != http.StatusOK || !strings.Contains(empty.body, "Nothing was found") {
		t.Fatalf("on an empty system: %d %s", empty.status, empty.body)
	}
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	s.observe(gatehouse.LoginSucceeded, "bob@example.com", "203.0.113.9")
	full := b.get("/?span=7d")
	for _, want := range []string{"Brute force", "5 failed logins within 5 minutes; the limit is 5", "ada@example.com", "198.51.100.7", "Utrecht"} {
		if !strings.Contains(full.body, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(full.body)
	}
}
