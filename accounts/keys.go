package accounts

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Keys are the secrets of one login server, or of several nodes that stand for
// one. They are not changed after they are made, and safe for concurrent use.
type Keys struct {
	// Signing signs access tokens.
	Signing ed25519.PrivateKey
	// Secret is what all other keys are derived from; see Derive.
	Secret [32]byte
}

// GenerateKeys returns new random keys.
func GenerateKeys() Keys {
	var k Keys
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:]) // never fails (crypto/rand)
	rand.Read(k.Secret[:])
	k.Signing = ed25519.NewKeyFromSeed(seed[:])
	return k
}

// Derive returns a key of 32 bytes for one purpose, made with HKDF-SHA256 (RFC
// 5869). The keys of two purposes tell nothing about each other or the secret.
func (k Keys) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.Secret[:], nil, "gatehouse "+purpose, 32)
	if err != nil {
		// Only for a length that SHA-256 cannot give, or a secret that FIPS 140
		// forbids; ours are constant.
		panic("accounts: " + err.Error())
	}
	return key
}

// String keeps keys out of logs.
func (Keys) String() string { return "keys (not shown)" }

// GoString keeps keys out of logs.
func (k Keys) GoString() string { return k.String() }

func (k Keys) check() error {
	if len(k.Signing) != ed25519.PrivateKeySize {
		return errors.New("the signing key is not an Ed25519 private key")
	}
	if k.Secret == [32]byte{} {
		return errors.New("the secret is all zero")
	}
	return nil
}

// The blocks of a key file.
const (
	pemSigning = "PRIVATE KEY" // PKCS #8 (RFC 5958), so that other tools read it
	pemSecret  = "GATEHOUSE SECRET"
)

// MarshalText writes the keys in PEM: the signing key as PKCS #8, which OpenSSL
// reads, and the secret.
func (k Keys) MarshalText() ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.Signing)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: pemSigning, Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: pemSecret, Bytes: k.Secret[:]})...), nil
}

// UnmarshalText reads what MarshalText writes. Its errors quote nothing of the
// text. Blocks of other types are left alone.
func (k *Keys) UnmarshalText(text []byte) error {
	var read Keys
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case pemSigning:
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			signing, ok := key.(ed25519.PrivateKey)
			if err != nil || !ok {
				return fmt.Errorf("the %s block is not an Ed25519 key in PKCS #8", pemSigning)
			}
			read.Signing = signing
		case pemSecret:
			if len(block.Bytes) != len(read.Secret) {
				return fmt.Errorf("the %s block has %d bytes, not %d", pemSecret, len(block.Bytes), len(read.Secret))
			}
			copy(read.Secret[:], block.Bytes)
		}
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("missing or damaged: %w", err)
	}
	*k = read
	return nil
}
