package scrub

import "strings"

// class says what a name tells about the value under it.
type class uint8

const (
	public    class = iota
	queryOnly       // secret in queries, forms and cookies, such as "key"
	loose           // as "code": secret unless it looks harmless, see harmless
	plural          // as "tokens": secret unless it is a count
	session         // secret unless it is an ID of Gatehouse's sessions
	prose           // as "auth": secret, but also an ordinary word before a colon
	secret
)

// fragments make a name that contains one of them secret. The first eleven are
// Sentry's own ("auth" is below: "author" is none).
var fragments = []string{
	"password", "secret", "passwd", "apikey", "credential", "mysqlpwd", "privatekey", "token", "bearer", "csrf", "xsrf",
	"passphrase", "passcode", "passwort", "pword", "cookie", "authorization", "authorisation", "sessid", "sessionid", "sessionkey",
	"codeverifier", "jwt", "samlresponse", "assertion", "accesskey", "signingkey", "encryptionkey", "authkey", "authcode",
	"authheader", "authhash", "authinfo", "authdata", "basicauth", "httpauth", "connectionstring", "creditcard", "cardnumber",
	"recoverycode", "backupcode", "verificationcode", "onetimecode", "otpcode", "mnemonic", "seedphrase", "connectsid",
}

// wordClasses are of whole words in a name.
var wordClasses = map[string]class{
	"pwd": secret, "pass": secret, "psw": secret, "pw": secret, "passw": secret, "cred": secret, "creds": secret,
	"otp": secret, "totp": secret, "hotp": secret, "pin": secret, "pins": secret, "dsn": secret, "pepper": secret,
	"cvv": secret, "cvc": secret, "ssn": secret, "userpwd": secret, "userpass": secret,
	"auth": prose, "oauth": prose, "oauth2": prose, "authentication": prose, "sig": prose, "signature": prose, "hmac": prose,
	"session": session, "sessions": session, "sid": session,
}

// wholeClasses are of names that consist of one word.
var wholeClasses = map[string]class{
	"code": loose, "state": loose, "nonce": loose, "verifier": secret,
	"key": queryOnly, "ticket": queryOnly,
}

// Words that make a secret of the "code" or the "key" that they stand before.
var (
	codeWords = wordSet("authorization auth oauth oauth2 access verification verify otp totp mfa 2fa tfa sms backup recovery login" +
		" invite invitation time security pin reset confirm confirmation device activation magic")
	keyWords = wordSet("api access private secret signing sign encryption encrypt crypt master auth shared session account storage ssh" +
		" rsa hmac service deploy server client webhook license root admin token")
)

// aboutWords end the names of what is told about a secret.
var aboutWords = wordSet("type types count counts length len size ttl expiry expires expired expiration in at age status url uri" +
	" endpoint endpoints policy refresh refreshes refreshed reuse reused failed refused detected changed rotated created issued updated" +
	" used valid invalid error errors present enabled disabled required strength min max limit name names scheme method kind bytes file path" +
	" stdin ok window threshold interval days hours minutes seconds ms")

// notSecret are words that contain a fragment and mean something else.
var notSecret = wordSet("tokenizer tokenize tokenized tokenization secretary secretariat passwordless cookieless")

var pluralWords = wordSet("tokens sessions cookies secrets")

// nameHints are what a name must contain to be worth a closer look.
var nameHints = func() []string {
	hints := append([]string{"basic", "digest", "negotiate", "ntlm", "hawk", "dpop", "curl", "wget", "aws4"}, fragments...)
	for w := range wordClasses {
		hints = append(hints, w)
	}
	for w := range wholeClasses {
		hints = append(hints, w)
	}
	return hints
}()

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// maxName is the longest name that is taken apart. Nobody can see what a longer
// one says, so it is secret.
const maxName = 128

// spelling is a name taken apart.
type spelling struct {
	letters [maxName]byte // lower case, without separators
	n       int
	starts  [maxName + 1]uint8 // of words in letters
	words   int
	long    bool
}

// read takes a name apart at separators and, if camel is set, at humps.
func (p *spelling) read(name string, camel bool) {
	fresh, lower := true, false // a word begins; the last was lower case
	for i := 0; i < len(name); {
		g := glyphAt(name, i)
		next := i + g.w
		if g.c >= wide || symbolOf[g.c] == 0xff {
			fresh, i = true, next
			continue
		}
		upper := g.c >= 'A' && g.c <= 'Z'
		if camel && upper && (lower || p.n > 0 && next < len(name) && name[next] >= 'a' && name[next] <= 'z') {
			fresh = true
		}
		if p.n == maxName {
			p.long = true
			return
		}
		if fresh {
			p.starts[p.words] = uint8(p.n)
			p.words++
		}
		c := g.c
		if upper {
			c += 'a' - 'A'
		}
		p.letters[p.n] = c
		p.n++
		fresh, lower, i = false, !upper, next
	}
}

func (p *spelling) word(i int) []byte {
	end := p.n
	if i+1 < p.words {
		end = int(p.starts[i+1])
	}
	return p.letters[p.starts[i]:end]
}

func (p *spelling) all() []byte { return p.letters[:p.n] }

func squash(name string) string {
	var p spelling
	p.read(name, false)
	return string(p.all())
}

func (s *Scrubber) classify(name string) class {
	if !s.names.hints(name) {
		return public
	}
	var p spelling
	p.read(name, true)
	if p.n == 0 {
		return public
	}
	all := p.all()
	for _, x := range s.extra {
		if contains(all, x) {
			return secret
		}
	}
	if p.long {
		return secret
	}
	if len(s.safe) > 0 && s.safe[string(all)] {
		return public
	}
	last := p.word(p.words - 1)
	if aboutWords[string(last)] {
		return public
	}
	c := p.class()
	var q spelling
	q.read(name, false)
	if q.words != p.words {
		if aboutWords[string(q.word(q.words-1))] {
			return public
		}
		c = max(c, q.class())
	}
	return c
}

// class judges a name by its words.
func (p *spelling) class() class {
	last := string(p.word(p.words - 1))
	if pluralWords[last] {
		return plural
	}
	c, innocent := public, false
	for i := range p.words {
		w := p.word(i)
		if notSecret[string(w)] {
			innocent = true
			continue
		}
		for len(w) > 1 && w[len(w)-1] >= '0' && w[len(w)-1] <= '9' && wordClasses[string(w)] == public {
			w = w[:len(w)-1] // "pass1"
		}
		c = max(c, wordClasses[string(w)])
		if i+1 < p.words {
			if last == "code" && codeWords[string(w)] || last == "key" && keyWords[string(w)] {
				return secret
			}
		}
	}
	if p.words == 1 {
		c = max(c, wholeClasses[last])
	}
	c = max(c, wordClasses[string(p.all())])
	if c == session || c == secret {
		return c
	}
	if !innocent {
		return max(c, fragmentClass(p.all()))
	}
	for i := range p.words {
		if w := p.word(i); !notSecret[string(w)] {
			c = max(c, fragmentClass(w))
		}
	}
	return c
}

func fragmentClass(b []byte) class {
	c := public
	for _, f := range fragments {
		if !contains(b, f) {
			continue
		}
		if f != "sessionid" {
			return secret
		}
		c = session
	}
	return c
}

func contains(b []byte, s string) bool {
	for i := 0; i+len(s) <= len(b); i++ {
		if b[i] == s[0] && string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}
