package canonical

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrEmail is wrapped by every error of Email.
var ErrEmail = errors.New("not a usable e-mail address")

// The lengths that RFC 5321 allows, in bytes.
const (
	maxEmail = 254
	maxLocal = 64
	maxLabel = 63
)

// Email checks that s can be the address of a new account and returns its
// canonical form, which Account would also give. White space around it is
// ignored.
//
// It accepts what mail providers hand out: name@domain, at most 254 bytes, the
// name of letters and digits of any script and the signs of RFC 5322's
// dot-atom, the domain with at least one dot. Quoted names, comments and
// addresses in brackets are refused. Every error wraps ErrEmail and says what is
// allowed, without repeating the input. It does not ask whether the address
// exists.
func Email(s string) (account string, err error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", invalid("it is empty; write it like name@example.com")
	case len(s) > maxEmail:
		return "", invalid("it is longer than 254 bytes")
	case !utf8.ValidString(s):
		return "", invalid("it is not valid UTF-8")
	case strings.IndexFunc(s, unseen) >= 0:
		return "", invalid("it contains a space, control or invisible character")
	}
	account = Account(s)
	if len(account) > maxEmail {
		return "", invalid("its canonical form is longer than 254 bytes")
	}
	local, domain, found := strings.Cut(account, "@")
	if !found || strings.Contains(domain, "@") {
		return "", invalid("it needs exactly one @, like name@example.com")
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	if err := checkDomain(domain); err != nil {
		return "", err
	}
	return account, nil
}

func invalid(why string) error { return fmt.Errorf("%w: %s", ErrEmail, why) }

// unseen is true for spaces too: only the plain letters of an address may pass.
func unseen(r rune) bool {
	return r == ' ' || r == utf8.RuneError || r != clean(r) || unicode.IsSpace(r)
}

func checkLocal(local string) error {
	switch {
	case local == "":
		return invalid("there is no name before the @")
	case len(local) > maxLocal:
		return invalid("the name before the @ is longer than 64 bytes")
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return invalid("the name before the @ may not begin or end with a dot or have two in a row")
	}
	for _, r := range local {
		if !localRune(r) {
			return invalid("the name before the @ may hold letters, digits, dots and !#$%&'*+-/=?^_`{|}~ only")
		}
	}
	return nil
}

func localRune(r rune) bool {
	if r < utf8.RuneSelf {
		return alphanumeric(byte(r)) || strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// checkDomain takes the canonical form: what still has a character beyond ASCII
// could not be mapped to a domain name.
func checkDomain(domain string) error {
	last, labels := "", 0
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return invalid("each part of the domain has 1 to 63 characters and no hyphen at its ends")
		}
		for i := 0; i < len(label); i++ {
			if !alphanumeric(label[i]) && label[i] != '-' {
				return invalid("the domain may hold letters, digits, hyphens and dots only")
			}
		}
		last = label
		labels++
	}
	if labels < 2 {
		return invalid("the domain needs a dot, like example.com")
	}
	if strings.Trim(last, "0123456789") == "" {
		return invalid("the domain may not be an IP address")
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
}
