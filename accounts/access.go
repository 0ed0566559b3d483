package accounts

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/golang-jwt/jwt/v5"
)

// accessType is the "typ" of an access token (RFC 9068, section 2.1), which keeps
// other tokens of the same key from being taken for one.
const accessType = "at+jwt"

// maxAccessToken bounds what is parsed before the signature is checked. Ours have
// about 500 bytes.
const maxAccessToken = 2048

// signer makes and reads access tokens.
type signer struct {
	keys     Keys
	keyID    string
	issuer   string
	audience string
	parser   *jwt.Parser
}

// claims are those that RFC 9068 requires, and the session ("sid", OpenID Connect
// Front-Channel Logout, section 3).
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Session  string `json:"sid"`
}

func newSigner(keys Keys, issuer, audience string, now func() time.Time) *signer {
	return &signer{
		keys: keys, keyID: keyID(keys), issuer: issuer, audience: audience,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithIssuer(issuer),
			jwt.WithAudience(audience),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		),
	}
}

// keyID is the JWK thumbprint (RFC 7638, RFC 8037) of the public key.
func keyID(keys Keys) string {
	public := keys.Signing[len(keys.Signing)-32:]
	jwk := fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":%q}`, base64.RawURLEncoding.EncodeToString(public))
	sum := sha256.Sum256([]byte(jwk))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *signer) sign(user, session string, at time.Time, ttl time.Duration) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.issuer,
			Subject:   user,
			Audience:  jwt.ClaimStrings{s.audience},
			ExpiresAt: jwt.NewNumericDate(at.Add(ttl)),
			IssuedAt:  jwt.NewNumericDate(at),
			ID:        gatehouse.NewID(at),
		},
		ClientID: s.audience, // the login server's own application
		Session:  session,
	})
	t.Header["typ"] = accessType
	t.Header["kid"] = s.keyID
	return t.SignedString(s.keys.Signing)
}

// errToken is all that is told about an access token that is not good.
var errToken = errors.New("access token is not valid")

// verify returns the user and the session of a token with a good signature that
// has not expired.
func (s *signer) verify(token string) (user, session string, err error) {
	if len(token) > maxAccessToken {
		return "", "", errToken
	}
	var c claims
	_, err = s.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != accessType || t.Header["kid"] != s.keyID {
			return nil, errToken
		}
		return s.keys.Signing.Public(), nil
	})
	if err != nil || c.Subject == "" || c.Session == "" {
		return "", "", errToken
	}
	return c.Subject, c.Session, nil
}
