package dashboard

import (
	"net/http"
	"time"
)

// The device cookie is the one of the login server, whose device this is as well.
const (
	plainDevice  = "gatehouse_device"
	secureDevice = "__Host-gatehouse_device"
	deviceAge    = 365 * 24 * time.Hour
)

func deviceName(secure bool) string {
	if secure {
		return secureDevice
	}
	return plainDevice
}

func deviceCookie(r *http.Request, secure bool) string {
	c, err := r.Cookie(deviceName(secure))
	if err != nil {
		return ""
	}
	return c.Value
}

func setDeviceCookie(w http.ResponseWriter, value string, secure bool) {
	http.SetCookie(w, &http.Cookie{
		Name: deviceName(secure), Value: value, Path: "/",
		MaxAge: int(deviceAge / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	})
}
