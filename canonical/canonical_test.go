package canonical_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse/canonical"
)

func ExampleAccount() {
	fmt.Println(canonical.Account("  Ada@EXAMPLE.com "))
	fmt.Println(canonical.Account("ada@bücher.example"))
	// Output:
	// ada@example.com
	// ada@xn--bcher-kva.example
}

func ExampleEmail() {
	account, err := canonical.Email("Ada.Lovelace+studio@Example.com")
	fmt.Println(account, err)
	_, err = canonical.Email("ada@localhost")
	fmt.Println(err)
	// Output:
	// ada.lovelace+studio@example.com <nil>
	// not a usable e-mail address: the domain needs a dot, like example.com
}

func TestAccount(t *testing.T) {
	tests := map[string][2]string{
		"already canonical":        {"ada@example.com", "ada@example.com"},
		"user name":                {"ada", "ada"},
		"empty":                    {"", ""},
		"only space":               {" \t\r\n\u00a0\u2003", ""},
		"case":                     {"ADA@Example.COM", "ada@example.com"},
		"unicode space around":     {"\u2003ada@example.com\u3000", "ada@example.com"},
		"space inside":             {"Ada  Lovelace", "ada  lovelace"},
		"fullwidth":                {"ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"},
		"composed and decomposed":  {"Rene\u0301", "ren\u00e9"},
		"sharp s folds in a name":  {"Straße", "strasse"},
		"capital sharp s":          {"STRAẞE", "strasse"},
		"sharp s stays in domain":  {"a@faß.example", "a@xn--fa-hia.example"},
		"final sigma":              {"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
		"dotted capital i":         {"İ", "i\u0307"},
		"kelvin sign":              {"\u212a", "k"},
		"ligature":                 {"o\ufb03ce", "office"},
		"soft hyphen":              {"a\u00adda", "ada"},
		"zero width joiner":        {"a\u200dda\u200b\ufeff", "ada"},
		"bidi override":            {"\u202eada", "ada"},
		"variation selector":       {"ada\ufe0f", "ada"},
		"hangul filler":            {"ada\u3164", "ada"},
		"domain in punycode":       {"a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"},
		"ideographic full stop":    {"a@example。com", "a@example.com"},
		"not a domain":             {"a@B_C..", "a@b_c.."},
		"two at signs":             {"A@B@C.example", "a@b@c.example"},
		"control characters":       {"a\x00b\x1b[2Jc\r\nd", "a\ufffdb\ufffd[2jc\ufffd\ufffdd"},
		"line separator":           {"a\u2028b", "a\ufffdb"},
		"invalid UTF-8":            {"a\xff\xfeb", "a\ufffdb"},
		"space made by NFKC":       {"\u00a8@example.com", "\u0308@example.com"},
		"cherokee folds up":        {"\uab70", "\u13a0"},
		"plus and dots are kept":   {"A.B+c@Example.com", "a.b+c@example.com"},
		"mathematical letters":     {"\U0001d4d0\U0001d4ed\U0001d4ea", "ada"},
		"hyphen prefix not domain": {"xn--Foo", "xn--foo"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := canonical.Account(tt[0]); got != tt[1] {
				t.Errorf("Account(%+q) = %+q, want %+q", tt[0], got, tt[1])
			}
		})
	}
}

// Every character has a readable form, and both cases of it have one form.
func TestAccountFoldsEveryRune(t *testing.T) {
	for r := range rune(0x20000) { // beyond are ideographs and unassigned planes
		if unicode.In(r, unicode.Han, unicode.Hangul) {
			continue
		}
		got := canonical.Account("x" + string(r))
		if strings.HasPrefix(got, canonical.LongPrefix) || canonical.Account(got) != got {
			t.Errorf("%U becomes %+q", r, got)
		}
		if up := unicode.ToUpper(r); up != 'I' && unicode.ToLower(up) == r && canonical.Account("x"+string(up)) != got {
			t.Errorf("%U and %U differ", r, up)
		}
	}
}

func TestAccountBoundsLongNames(t *testing.T) {
	long := strings.Repeat("a", canonical.MaxAccount)
	if got := canonical.Account(long); got != long {
		t.Error("a name of exactly the limit is changed")
	}
	one, two := canonical.Account(long+"1"), canonical.Account(long+"2")
	if one == two {
		t.Error("two long names collide")
	}
	if !strings.HasPrefix(one, canonical.LongPrefix) || len(one) != len(canonical.LongPrefix)+64 {
		t.Errorf("long name is %q", one)
	}
	// U+FDFA is 3 bytes and becomes 33.
	if got := canonical.Account(strings.Repeat("\ufdfa", 300)); !strings.HasPrefix(got, canonical.LongPrefix) {
		t.Errorf("a name that grows beyond the limit is kept: %d bytes", len(got))
	}
	if got := canonical.Account(strings.Repeat(" ", 5000) + "ada"); got != "ada" {
		t.Errorf("space around counts towards the limit: %q", got)
	}
}

func TestEmail(t *testing.T) {
	label63 := strings.Repeat("d", 63)
	good := map[string]string{
		"ada@example.com":                        "ada@example.com",
		"  Ada@Example.COM\n":                    "ada@example.com",
		"o'neil+tag@example.co.uk":               "o'neil+tag@example.co.uk",
		"x@a.b":                                  "x@a.b",
		"用户@例え.example":                          "用户@xn--r8jz45g.example",
		"a@" + label63 + ".example":              "a@" + label63 + ".example",
		strings.Repeat("a", 64) + "@example.com": strings.Repeat("a", 64) + "@example.com",
		"ａda＠example.com":                        "ada@example.com",
		"!#$%&'*+-/=?^_`{|}~@example.com":        "!#$%&'*+-/=?^_`{|}~@example.com",
		"first.last@sub-domain.9.example":        "first.last@sub-domain.9.example",
	}
	for in, want := range good {
		got, err := canonical.Email(in)
		if err != nil || got != want {
			t.Errorf("Email(%+q) = %+q, %v; want %+q", in, got, err, want)
		}
		if got != canonical.Account(in) {
			t.Errorf("Email(%+q) differs from Account: %+q", in, canonical.Account(in))
		}
	}
	bad := map[string]string{
		"":                                       "empty",
		" ":                                      "empty",
		"ada":                                    "exactly one @",
		"a@b@example.com":                        "exactly one @",
		"a＠b@example.com":                        "exactly one @",
		"@example.com":                           "no name before",
		"ada@":                                   "1 to 63",
		"ada@localhost":                          "needs a dot",
		"ada@.com":                               "1 to 63",
		"ada@example.com.":                       "1 to 63",
		"ada@example..com":                       "1 to 63",
		"ada@-example.com":                       "no hyphen",
		"ada@example-.com":                       "no hyphen",
		"ada@exa_mple.com":                       "letters, digits, hyphens",
		"ada@" + label63 + "d.example":           "1 to 63",
		"ada@192.0.2.1":                          "IP address",
		"ada@[192.0.2.1]":                        "letters, digits, hyphens",
		".ada@example.com":                       "dot",
		"ada.@example.com":                       "dot",
		"a..b@example.com":                       "two in a row",
		`"a b"@example.com`:                      "space",
		`"ab"@example.com`:                       "may hold",
		"a,b@example.com":                        "may hold",
		"a<b>@example.com":                       "may hold",
		"a b@example.com":                        "space",
		"a\u00a0b@example.com":                   "space",
		"a\u200db@example.com":                   "invisible",
		"a\x00b@example.com":                     "control",
		"a\r\nBcc:x@example.com":                 "control",
		"a\xff@example.com":                      "UTF-8",
		"a\ufffd@example.com":                    "invisible",
		"a😀@example.com":                         "may hold",
		strings.Repeat("a", 65) + "@example.com": "64 bytes",
		"a@" + strings.Repeat("d.", 130) + "com": "254 bytes",
		"a@" + strings.Repeat("ü.", 60) + "com":  "its canonical form",
	}
	for in, want := range bad {
		got, err := canonical.Email(in)
		if !errors.Is(err, canonical.ErrEmail) || !strings.Contains(err.Error(), want) || got != "" {
			t.Errorf("Email(%+q) = %q, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestPlainNamesDoNotAllocate(t *testing.T) {
	for _, name := range []string{"ada", "ada.lovelace+studio@mail.example.com"} {
		if n := testing.AllocsPerRun(100, func() { canonical.Account(name) }); n != 0 {
			t.Errorf("Account(%q) allocates %v times", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { canonical.Email("ada@example.com") }); n != 0 {
		t.Errorf("Email allocates %v times", n)
	}
}

func FuzzAccount(f *testing.F) {
	for _, s := range []string{"Ada@Example.com", "a\u0345\u0301", "\u00a8@\u00a8", "x@faß.example", "x@xn--", "x@xn--a", "ﷺ", "\u1e9e\u0345",
		strings.Repeat("\u0301", 40), "ᾳ\u0301@ǰ.example", "a@\u200c.example", "İ@İ", "K@K", "@ @"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := canonical.Account(s)
		if again := canonical.Account(got); again != got {
			t.Errorf("not stable: %+q -> %+q -> %+q", s, got, again)
		}
		if len(got) > canonical.MaxAccount || !utf8.ValidString(got) || got != strings.TrimSpace(got) {
			t.Errorf("Account(%+q) = %+q", s, got)
		}
		for _, r := range got {
			if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u202e' || 'A' <= r && r <= 'Z' {
				t.Errorf("Account(%+q) = %+q has %+q", s, got, r)
			}
		}
		if canonical.Plain(s) && canonical.Once(s) != s {
			t.Errorf("the fast path takes %+q, which becomes %+q", s, canonical.Once(s))
		}
		if upper := asciiUpper(s); len(s) <= canonical.MaxAccount && canonical.Account(upper) != got {
			t.Errorf("%+q and %+q differ: %+q, %+q", s, upper, got, canonical.Account(upper))
		}
	})
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"Ada@Example.com", "a@b", "a@bücher.example", "\u00a8@a.b", "a@xn--80ak6aa92e.example", "a@1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := canonical.Email(s)
		if err != nil {
			if got != "" || !errors.Is(err, canonical.ErrEmail) || !utf8.ValidString(err.Error()) {
				t.Errorf("Email(%+q) = %q, %v", s, got, err)
			}
			return
		}
		if got != canonical.Account(s) {
			t.Errorf("Email(%+q) = %+q, Account = %+q", s, got, canonical.Account(s))
		}
		if strings.Count(got, "@") != 1 || len(got) > 254 || strings.ContainsAny(got, " \t\r\n\x00<>\"\\,;") {
			t.Errorf("Email(%+q) = %+q", s, got)
		}
		if again, err := canonical.Email(got); again != got || err != nil {
			t.Errorf("Email(%+q) = %+q, then %+q, %v", s, got, again, err)
		}
	})
}

func BenchmarkAccount(b *testing.B) {
	for name, s := range map[string]string{
		"plain":         "ada.lovelace@example.com",
		"upper":         "Ada.Lovelace@Example.com",
		"international": "用户@例え.example",
		"worst 1 KiB":   strings.Repeat("\u1e9e\u0345", 170) + "@" + strings.Repeat("\u4e00\u4e01", 40),
		"1 MiB":         strings.Repeat("\u1e9e", 1<<20/3),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				canonical.Account(s)
			}
		})
	}
}
