package accounts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2 holds the parameters of Argon2id (RFC 9106, section 3.1).
type Argon2 struct {
	Memory  uint32 // KiB; 19456, which is 19 MiB, by default
	Time    uint32 // passes over the memory; 2 by default
	Threads uint8  // lanes; 1 by default
}

// owasp are the parameters that the OWASP Password Storage Cheat Sheet
// recommends for Argon2id: 19 MiB, two passes, one lane.
var owasp = Argon2{Memory: 19 * 1024, Time: 2, Threads: 1}

// The bounds of what is computed. They keep a damaged record from taking the
// machine's memory.
const (
	maxMemory = 1 << 20 // KiB: 1 GiB
	maxTime   = 64
	saltLen   = 16
	keyLen    = 32
)

func (p Argon2) check() error {
	switch {
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("argon2: time %d is not within 1 to %d", p.Time, maxTime)
	case p.Threads < 1:
		return errors.New("argon2: threads must be at least 1")
	case p.Memory < 8*uint32(p.Threads) || p.Memory > maxMemory:
		return fmt.Errorf("argon2: memory %d KiB is not within %d (8 for each thread) to %d", p.Memory, 8*uint32(p.Threads), maxMemory)
	}
	return nil
}

// hash is a password hash as the PHC string format writes it:
// $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type hash struct {
	params    Argon2
	salt, key []byte
}

func (p Argon2) derive(password, salt []byte) []byte {
	return argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, keyLen)
}

var b64 = base64.RawStdEncoding.Strict()

func (h hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.Memory, h.params.Time, h.params.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// errHash says that a stored hash is none. It does not quote it.
var errHash = errors.New("stored password hash is not an Argon2id PHC string")

func parseHash(s string) (hash, error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return hash{}, errHash
	}
	var h hash
	names := [...]string{"m=", "t=", "p="}
	var n [3]uint64
	params := strings.Split(part[3], ",")
	if len(params) != len(names) {
		return hash{}, errHash
	}
	for i, name := range names {
		digits, ok := strings.CutPrefix(params[i], name)
		bits := 32
		if name == "p=" {
			bits = 8
		}
		v, err := strconv.ParseUint(digits, 10, bits)
		if !ok || err != nil {
			return hash{}, errHash
		}
		n[i] = v
	}
	h.params = Argon2{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	var err, err2 error
	h.salt, err = b64.DecodeString(part[4])
	h.key, err2 = b64.DecodeString(part[5])
	if err != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) != keyLen || h.params.check() != nil {
		return hash{}, errHash
	}
	if h.String() != s { // leading zeros, line breaks
		return hash{}, errHash
	}
	return h, nil
}
