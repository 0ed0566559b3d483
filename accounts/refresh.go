package accounts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// refreshPrefix marks refresh tokens, so that scanners for leaked secrets know
// them.
const refreshPrefix = "ghr_"

// refreshToken is the secret part of a refresh token.
type refreshToken [32]byte

var refreshEncoding = base64.RawURLEncoding.Strict()

func newRefreshToken() (t refreshToken) {
	rand.Read(t[:]) // never fails (crypto/rand)
	return t
}

// parseRefreshToken accepts exactly what String writes, so that one token has one
// spelling.
func parseRefreshToken(s string) (t refreshToken, ok bool) {
	s, ok = strings.CutPrefix(s, refreshPrefix)
	if !ok || len(s) != refreshEncoding.EncodedLen(len(t)) {
		return t, false
	}
	n, err := refreshEncoding.Decode(t[:], []byte(s))
	return t, err == nil && n == len(t)
}

func (t refreshToken) String() string {
	return refreshPrefix + refreshEncoding.EncodeToString(t[:])
}

func (t refreshToken) hash() TokenHash { return sha256.Sum256(t[:]) }

// successor is the token that t is exchanged for. Both inputs have a fixed length.
func (t refreshToken) successor(key []byte, salt [16]byte) (next refreshToken) {
	mac := hmac.New(sha256.New, key)
	mac.Write(t[:])
	mac.Write(salt[:])
	mac.Sum(next[:0])
	return next
}
