package accounts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/text/unicode/norm"
)

// Policy says which passwords may be chosen. It follows NIST SP 800-63B: length
// and a look at what attackers try first, no rules about kinds of characters. The
// zero value has the defaults. It is safe for concurrent use.
type Policy struct {
	MinLength int // in characters; 0: 8, which is also the least
	// MinScore is the least strength on the scale of zxcvbn, 1 to 4; 0: 2, which
	// is more than a million guesses. A negative one switches the look at
	// strength off.
	MinScore int
}

// PolicyError says what is wrong with a password, an e-mail address or a name
// that a person chose. It repeats none of what they typed.
type PolicyError struct {
	Field  string // password, email or name
	Reason string // one word, for the security log
	Detail string // a sentence, for the person
}

// Error returns the sentence with the field.
func (e *PolicyError) Error() string { return e.Field + ": " + e.Detail }

var (
	errTooLong = &PolicyError{"password", "password_too_long", fmt.Sprintf("The password is too long: at most %d bytes.", MaxPassword)}
	errCommon  = &PolicyError{"password", "password_common", "The password is too easy to guess. Use a longer or less common one, for example a few unrelated words."}
	errOwn     = &PolicyError{"password", "password_personal", "The password is too easy to guess from your e-mail address or name."}
)

// judged is how much of a password zxcvbn looks at, in characters. Its time grows
// with the cube of the length in the worst case (25 ms here, 440 ms for 128).
const judged = 32

func (p Policy) least() int { return max(p.MinLength, 8) }

// Check returns a *PolicyError if password may not be chosen by the person with
// this e-mail address and name.
func (p Policy) Check(password, email, name string) error {
	least := p.least()
	if len(password) > MaxPassword {
		return errTooLong
	}
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return &PolicyError{"password", "password_characters", "The password contains characters that cannot be typed."}
	}
	password = norm.NFKC.String(password)
	if utf8.RuneCountInString(password) < least {
		return &PolicyError{"password", "password_too_short", fmt.Sprintf("The password is too short: at least %d characters.", least)}
	}
	score := p.MinScore
	if score == 0 {
		score = 2
	}
	if score < 0 || strength(password, personal(email, name)) >= score {
		return nil
	}
	if strength(password, nil) >= score {
		return errOwn
	}
	return errCommon
}

// strength is the better score of the password's two ends: no part of a password
// is harder to guess than the whole.
func strength(password string, known []string) int {
	r := []rune(password)
	if len(r) <= judged {
		return zxcvbn.PasswordStrength(password, known).Score
	}
	head := zxcvbn.PasswordStrength(string(r[:judged]), known).Score
	tail := zxcvbn.PasswordStrength(string(r[len(r)-judged:]), known).Score
	return max(head, tail)
}

// personal lists the words that somebody who knows the person tries first.
func personal(email, name string) []string {
	email = clip(strings.ToLower(email))
	name = clip(strings.ToLower(name))
	words := []string{email, name, "gatehouse"}
	words = append(words, strings.FieldsFunc(email+" "+name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})...)
	known := words[:0]
	for _, w := range words {
		if utf8.RuneCountInString(w) >= 3 {
			known = append(known, w)
		}
	}
	return known
}

// clip bounds what is compared with a password to the length that matters.
func clip(s string) string {
	if r := []rune(s); len(r) > 4*judged {
		return string(r[:4*judged])
	}
	return s
}
