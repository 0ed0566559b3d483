package accounts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/agent"
)

// Browser is what a device is known by, whoever uses it.
type Browser [16]byte

// Devices tells the devices of users apart. It is safe for concurrent use.
//
// A browser that logs in for the first time is known by its user agent, so that a
// client that keeps no cookies is one device however often it comes. The cookie
// that it is given then holds the same Browser, and goes on holding it when
// the user agent changes with the next update. The ID of a device is derived from
// user and browser: two people at one computer have a device each, and their
// IDs do not show that it is one computer.
//
// None of this proves anything. Two computers with the same user agent are one
// device until one of them changes, and a thief can send the victim's user agent.
type Devices struct {
	cookie, agent, device []byte // keys
}

// NewDevices returns Devices for these keys. All nodes that share the keys agree.
func NewDevices(k Keys) *Devices {
	return &Devices{cookie: k.Derive("device cookie"), agent: k.Derive("browser of user agent"), device: k.Derive("device of user")}
}

// cookieVersion begins the value of a device cookie.
const cookieVersion = "1."

var cookieEncoding = base64.RawURLEncoding.Strict()

// Browser returns the browser that a cookie was made for, or if it is empty,
// forged or damaged, the one of the user agent.
func (d *Devices) Browser(cookie, userAgent string) Browser {
	if b, ok := d.open(cookie); ok {
		return b
	}
	return Browser(mac(d.agent, userAgent)[:16])
}

// Cookie returns the value of the signed cookie for a browser.
func (d *Devices) Cookie(b Browser) string {
	signed := append(b[:], mac(d.cookie, string(b[:]))[:16]...)
	return cookieVersion + cookieEncoding.EncodeToString(signed)
}

func (d *Devices) open(cookie string) (b Browser, ok bool) {
	text, ok := strings.CutPrefix(cookie, cookieVersion)
	if !ok || len(text) != cookieEncoding.EncodedLen(32) {
		return b, false
	}
	signed, err := cookieEncoding.DecodeString(text)
	if err != nil || len(signed) != 32 {
		return b, false
	}
	copy(b[:], signed)
	return b, hmac.Equal(signed[16:], mac(d.cookie, string(b[:]))[:16])
}

// Of returns a user's device: a browser, named after its user agent.
func (d *Devices) Of(user string, b Browser, userAgent string) gatehouse.Device {
	return gatehouse.Device{
		ID:   hex.EncodeToString(mac(d.device, user, string(b[:]))[:16]),
		Name: agent.DeviceName(userAgent),
	}
}

// mac is HMAC-SHA256 over parts, each after its length.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
