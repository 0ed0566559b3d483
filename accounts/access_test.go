package accounts_test

import (
	"crypto/ed25519"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/golang-jwt/jwt/v5"
)

// forge signs what a service with these keys would accept, after a change.
func forge(t *testing.T, genuine string, method jwt.SigningMethod, key any, change func(header, claims map[string]any)) string {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(genuine, claims)
	if err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(method, claims)
	for name, value := range parsed.Header {
		if name != "alg" {
			token.Header[name] = value
		}
	}
	change(token.Header, claims)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAccessTokenForgeries(t *testing.T) {
	clock := newClock()
	keys := accounts.GenerateKeys()
	s := newService(t, accounts.Options{Keys: keys, Now: clock.now})
	signup(t, s)
	genuine := login(t, s, firefox).AccessToken
	second := login(t, s, safari)

	nothing := func(map[string]any, map[string]any) {}
	set := func(name string, value any) func(map[string]any, map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	header := func(name string, value any) func(map[string]any, map[string]any) {
		return func(h, _ map[string]any) { h[name] = value }
	}
	drop := func(name string) func(map[string]any, map[string]any) {
		return func(_, claims map[string]any) { delete(claims, name) }
	}
	eddsa := func(change func(map[string]any, map[string]any)) string {
		return forge(t, genuine, jwt.SigningMethodEdDSA, keys.Signing, change)
	}
	if _, _, err := s.VerifyAccess(t.Context(), eddsa(nothing)); err != nil {
		t.Fatalf("the test's own signing is not accepted: %v", err)
	}
	public := keys.Signing.Public().(ed25519.PublicKey)
	parts := strings.Split(genuine, ".")
	tests := map[string]string{
		"empty":               "",
		"garbage":             "x.y.z",
		"huge":                strings.Repeat("a", 1<<20),
		"no signature":        parts[0] + "." + parts[1] + ".",
		"alg none":            forge(t, genuine, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nothing),
		"HMAC by public key":  forge(t, genuine, jwt.SigningMethodHS256, []byte(public), nothing),
		"another key":         forge(t, genuine, jwt.SigningMethodEdDSA, accounts.GenerateKeys().Signing, nothing),
		"plain JWT":           eddsa(header("typ", "JWT")),
		"another key ID":      eddsa(header("kid", "x")),
		"another issuer":      eddsa(set("iss", "x")),
		"another audience":    eddsa(set("aud", "x")),
		"no expiry":           eddsa(drop("exp")),
		"expired":             eddsa(set("exp", clock.now().Add(-time.Second).Unix())),
		"not yet":             eddsa(set("nbf", clock.now().Add(time.Hour).Unix())),
		"no session":          eddsa(drop("sid")),
		"unknown session":     eddsa(set("sid", "x")),
		"another's session":   eddsa(set("sub", "x")),
		"a refresh token":     second.RefreshToken,
		"trailing characters": genuine + "AA",
	}
	for name, token := range tests {
		if _, _, err := s.VerifyAccess(t.Context(), token); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("%s: %v, want ErrSignedOut", name, err)
		}
	}
}

func TestAccessTokenClaims(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now, Issuer: "https://login.example.com", Audience: "studio"})
	u := signup(t, s)
	g := login(t, s, firefox)
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(g.AccessToken, claims)
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["typ"] != "at+jwt" || token.Header["alg"] != "EdDSA" || token.Header["kid"] == "" {
		t.Errorf("header %v", token.Header)
	}
	at := float64(clock.now().Unix())
	jti, _ := claims["jti"].(string)
	delete(claims, "jti")
	want := jwt.MapClaims{
		"iss": "https://login.example.com", "aud": []any{"studio"}, "client_id": "studio", "sub": u.ID,
		"sid": g.Session.ID, "iat": at, "exp": at + 900,
	}
	if jti == "" || !maps.EqualFunc(claims, want, func(a, b any) bool {
		l, ok := a.([]any)
		return ok && len(l) == 1 && l[0] == "studio" || !ok && a == b
	}) {
		t.Errorf("claims %v, want %v", claims, want)
	}
}

func TestAccessTokenExpires(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now, AccessTTL: time.Minute})
	signup(t, s)
	g := login(t, s, firefox)
	for _, step := range []struct {
		after time.Duration
		want  error
	}{{0, nil}, {59 * time.Second, nil}, {time.Second, accounts.ErrSignedOut}} {
		clock.advance(step.after)
		if _, _, err := s.VerifyAccess(t.Context(), g.AccessToken); !errors.Is(err, step.want) {
			t.Errorf("%s later: %v, want %v", step.after, err, step.want)
		}
	}
}
