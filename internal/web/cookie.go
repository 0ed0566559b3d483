package web

import (
	"net/http"
	"time"
)

// Cookie is a cookie that a server of ours sets: for nobody's scripts, and for pages
// of other sites only where they lead somebody here. Over TLS its name has a prefix
// that keeps other hosts of the domain from setting it (RFC 6265bis, section 4.1.3.2).
type Cookie struct {
	Name string
	// Age is how long a browser is asked to keep it; 0: as long as it is open.
	Age time.Duration
}

// DeviceCookie tells which device it is, whichever door it comes to. Each login
// renews it.
var DeviceCookie = Cookie{Name: "gatehouse_device", Age: 365 * 24 * time.Hour}

// Get returns the value of the cookie in a request, empty where there is none.
func (c Cookie) Get(r *http.Request, secure bool) string {
	found, err := r.Cookie(c.name(secure))
	if err != nil {
		return ""
	}
	return found.Value
}

// Set has the browser keep a value.
func (c Cookie) Set(w http.ResponseWriter, value string, secure bool) {
	c.set(w, value, int(c.Age/time.Second), secure)
}

// Forget has the browser forget it.
func (c Cookie) Forget(w http.ResponseWriter, secure bool) { c.set(w, "", -1, secure) }

func (c Cookie) set(w http.ResponseWriter, value string, age int, secure bool) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name(secure), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	})
}

func (c Cookie) name(secure bool) string {
	if secure {
		return "__Host-" + c.Name
	}
	return c.Name
}
