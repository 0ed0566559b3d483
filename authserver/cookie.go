package authserver

import (
	"net/http"
	"time"
)

// The names of the device cookie. Over TLS the prefix keeps other hosts of the
// domain from setting it (RFC 6265bis, section 4.1.3.2).
const (
	plainCookie  = "gatehouse_device"
	secureCookie = "__Host-gatehouse_device"
)

// deviceCookieAge is how long a browser is asked to keep it. Each login renews
// it.
const deviceCookieAge = 365 * 24 * time.Hour

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return plainCookie
}

func deviceCookie(r *http.Request, secure bool) string {
	c, err := r.Cookie(cookieName(secure))
	if err != nil {
		return ""
	}
	return c.Value
}

func setDeviceCookie(w http.ResponseWriter, value string, secure bool) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(secure), Value: value, Path: "/",
		MaxAge: int(deviceCookieAge / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	})
}
