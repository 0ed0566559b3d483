package scrub

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON returns a JSON document, or several in a row, with the values under secret
// names replaced by a string, whatever their type, and the texts in it scrubbed.
// Order, spelling and white space stay. What is not JSON is scrubbed as text; a
// document beyond MaxBytes is replaced as a whole, a value beyond MaxDepth too.
func (s *Scrubber) JSON(doc []byte) []byte {
	if len(doc) == 0 {
		return nil
	}
	if len(doc) > s.o.MaxBytes && looksLikeJSON(doc) {
		return []byte(scrubbedJSON)
	}
	return []byte(s.settle(string(doc), func(doc string) string {
		clean, ok := s.json(doc)
		switch {
		case !ok:
			return s.pass(doc)
		case len(clean) > s.o.MaxBytes:
			return scrubbedJSON
		}
		return clean
	}))
}

const scrubbedJSON = `"` + Scrubbed + `"`

// json scrubs a document once, or reports that it is none.
func (s *Scrubber) json(doc string) (clean string, ok bool) {
	d := document{sc: s, s: doc, out: make([]byte, 0, len(doc)+64)}
	d.space()
	for d.i < len(doc) {
		if !d.value(0, false) {
			return "", false
		}
		d.space()
	}
	return string(d.out), true
}

func looksLikeJSON(doc []byte) bool {
	doc = bytes.TrimLeft(doc[:min(len(doc), 64)], " \t\r\n")
	return len(doc) > 0 && strings.IndexByte(`{["`, doc[0]) >= 0
}

// document is copied from s to out. Its methods report whether it is well-formed
// so far.
type document struct {
	sc  *Scrubber
	s   string
	i   int
	out []byte
}

func (d *document) space() {
	from := d.i
	for d.i < len(d.s) && strings.IndexByte(" \t\r\n", d.s[d.i]) >= 0 {
		d.i++
	}
	d.out = append(d.out, d.s[from:d.i]...)
}

// take copies c if it comes next.
func (d *document) take(c byte) bool {
	if d.i < len(d.s) && d.s[d.i] == c {
		d.out = append(d.out, c)
		d.i++
		return true
	}
	return false
}

// value copies one value. pair says that a list of two is a name and a value.
func (d *document) value(depth int, pair bool) bool {
	if d.i >= len(d.s) {
		return false
	}
	c := d.s[d.i]
	if (c == '{' || c == '[') && depth >= d.sc.o.MaxDepth {
		return d.replace()
	}
	switch c {
	case '{':
		return d.object(depth + 1)
	case '[':
		return d.array(depth+1, pair)
	case '"':
		_, ok := d.text()
		return ok
	}
	raw := d.scalar()
	d.out = append(d.out, raw...)
	return validScalar(raw)
}

// scalar reads a number or a word.
func (d *document) scalar() string {
	from := d.i
	for d.i < len(d.s) && strings.IndexByte(" \t\r\n,:]}[{\"", d.s[d.i]) < 0 {
		d.i++
	}
	return d.s[from:d.i]
}

func validScalar(raw string) bool {
	if raw == "true" || raw == "false" || raw == "null" {
		return true
	}
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; (c < '0' || c > '9') && strings.IndexByte("+-.eE", c) < 0 {
			return false
		}
	}
	return raw != "" && len(raw) < 400
}

// raw reads a string with its quotation marks.
func (d *document) raw() (raw string, ok bool) {
	from := d.i
	for d.i++; d.i < len(d.s); d.i++ {
		switch c := d.s[d.i]; {
		case c == '\\':
			d.i++
		case c == '"':
			d.i++
			return d.s[from:d.i], true
		case c < 0x20:
			return "", false
		}
	}
	d.i = len(d.s)
	return "", false
}

// text copies a string, scrubbed, and returns what it said.
func (d *document) text() (plain string, ok bool) {
	raw, ok := d.raw()
	if !ok {
		return "", false
	}
	if plain, ok = decodeString(raw); !ok {
		return "", false
	}
	if clean := d.sc.Text(plain); clean != plain {
		raw = quote(clean)
	}
	d.out = append(d.out, raw...)
	return plain, true
}

func decodeString(raw string) (string, bool) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	var plain string
	err := json.Unmarshal([]byte(raw), &plain)
	return plain, err == nil
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return scrubbedJSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (d *document) object(depth int) bool {
	d.take('{')
	var named bool    // a member has said that "value" is secret
	value := [2]int{} // where that was written
	d.space()
	if d.take('}') {
		return true
	}
	for {
		if d.i >= len(d.s) || d.s[d.i] != '"' {
			return false
		}
		name, ok := d.text()
		d.space()
		if !ok || !d.take(':') {
			return false
		}
		d.space()
		from := len(d.out)
		says, ok := d.member(name, depth)
		if !ok {
			return false
		}
		switch {
		case d.sc.saysName(says):
			named = true
		case isValueWord(name) && value[1] == 0:
			value = [2]int{from, len(d.out)}
		case isValueWord(name):
			value[1] = len(d.out) // everything from the first to the last
		}
		d.space()
		if d.take('}') {
			break
		}
		if !d.take(',') {
			return false
		}
		d.space()
	}
	if named && value[1] > 0 {
		tail := string(d.out[value[1]:])
		d.out = append(append(d.out[:value[0]], scrubbedJSON...), tail...)
	}
	return true
}

// member copies the value of a member and returns it if it is a string.
func (d *document) member(name string, depth int) (says string, ok bool) {
	c := d.sc.classify(name)
	if c == public || c == queryOnly {
		if d.i < len(d.s) && d.s[d.i] == '"' {
			return d.text()
		}
		return "", d.value(depth, false)
	}
	from := d.i
	if !d.skip() {
		return "", false
	}
	raw := d.s[from:d.i]
	plain := raw
	if raw[0] == '"' {
		if plain, ok = decodeString(raw); !ok {
			return "", false
		}
	} else if raw[0] != '{' && raw[0] != '[' && !validScalar(raw) {
		return "", false
	}
	if c.hides(plain, inJSON) {
		raw = scrubbedJSON
	}
	d.out = append(d.out, raw...)
	return "", true
}

// saysName reports whether a text is the name of a secret and nothing else.
func (s *Scrubber) saysName(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsAny(text, " \t\n=:") && s.Name(text)
}

func (d *document) array(depth int, pair bool) bool {
	d.take('[')
	d.space()
	if d.take(']') {
		return true
	}
	secretNext := false
	for n := 0; ; n++ {
		switch {
		case secretNext:
			if secretNext = false; !d.replace() {
				return false
			}
		case pair && n == 0 && d.i < len(d.s) && d.s[d.i] == '"':
			name, ok := d.text()
			if !ok {
				return false
			}
			secretNext = d.sc.Name(name)
		case d.i < len(d.s) && d.s[d.i] == '"':
			argument, ok := d.text()
			if !ok {
				return false
			}
			secretNext = d.sc.isOption(argument)
			d.space()
			if next := strings.TrimLeft(d.s[d.i:min(len(d.s), d.i+16)], ", \t\r\n"); strings.HasPrefix(next, `"--`) {
				secretNext = false
			}
		default:
			if !d.value(depth, true) {
				return false
			}
		}
		d.space()
		if d.take(']') {
			return true
		}
		if !d.take(',') {
			return false
		}
		d.space()
	}
}

// replace puts the replacement in place of the next value.
func (d *document) replace() bool {
	if !d.skip() {
		return false
	}
	d.out = append(d.out, scrubbedJSON...)
	return true
}

// skip goes over one value, however deep.
func (d *document) skip() bool {
	for depth := 0; d.i < len(d.s); {
		switch d.s[d.i] {
		case '{', '[':
			depth++
			d.i++
		case '}', ']':
			if depth == 0 {
				return false
			}
			depth--
			d.i++
		case '"':
			if _, ok := d.raw(); !ok {
				return false
			}
		case ' ', '\t', '\r', '\n', ',', ':':
			if depth == 0 {
				return false
			}
			d.i++
			continue
		default:
			d.scalar()
		}
		if depth == 0 {
			return true
		}
	}
	return false
}
