package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/web"
)

func TestCookie(t *testing.T) {
	c := web.Cookie{Name: "x", Age: time.Hour}
	for secure, header := range map[bool]string{
		false: "x=v; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
		true:  "__Host-x=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
	} {
		w := httptest.NewRecorder()
		c.Set(w, "v", secure)
		if got := w.Header().Get("Set-Cookie"); got != header {
			t.Errorf("secure %t: %s", secure, got)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if got := c.Get(r, secure); got != "v" {
			t.Errorf("secure %t: comes back as %q", secure, got)
		}
		if got := c.Get(r, !secure); got != "" {
			t.Errorf("what was set with secure %t is found without: %q", secure, got)
		}
		w = httptest.NewRecorder()
		c.Forget(w, secure)
		if gone := w.Result().Cookies()[0]; gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("forgotten: %v", gone)
		}
	}
}
