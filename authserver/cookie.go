package authserver

import (
	"net/http"
	"time"
)

// The names of the cookies: which device this is, and who is signed in to the
// account pages. Over TLS securePrefix keeps other hosts of the domain from setting
// them (RFC 6265bis, section 4.1.3.2).
const (
	deviceName   = "gatehouse_device"
	sessionName  = "gatehouse_session"
	securePrefix = "__Host-"
)

// deviceCookieAge is how long a browser is asked to keep it. Each login renews
// it.
const deviceCookieAge = 365 * 24 * time.Hour

func deviceCookie(r *http.Request, secure bool) string { return cookie(r, deviceName, secure) }

func setDeviceCookie(w http.ResponseWriter, value string, secure bool) {
	setCookie(w, deviceName, value, deviceCookieAge, secure)
}

// sessionCookie is what says who is signed in, if it is good.
func sessionCookie(r *http.Request, secure bool) string { return cookie(r, sessionName, secure) }

// setSessionCookie is kept by the browser as long as it is open.
func setSessionCookie(w http.ResponseWriter, value string, secure bool) {
	setCookie(w, sessionName, value, 0, secure)
}

func forgetSession(w http.ResponseWriter, secure bool) {
	setCookie(w, sessionName, "", -time.Second, secure)
}

func nameOf(cookie string, secure bool) string {
	if secure {
		return securePrefix + cookie
	}
	return cookie
}

func cookie(r *http.Request, name string, secure bool) string {
	c, err := r.Cookie(nameOf(name, secure))
	if err != nil {
		return ""
	}
	return c.Value
}

func setCookie(w http.ResponseWriter, name, value string, age time.Duration, secure bool) {
	http.SetCookie(w, &http.Cookie{
		Name: nameOf(name, secure), Value: value, Path: "/",
		MaxAge: int(age / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	})
}
