package iplist

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// nft reads the elements of all sets in a file of nft(8). The rest of the file
// is passed over, so that what "nft list ruleset" prints can be read.
func (d *reader) nft() error {
	known := false
	for {
		word, err := d.word()
		switch {
		case err != nil:
			return err
		case word == "set":
			known = true
		case word == "element": // add element inet gatehouse blocked4 { ... }
			known, err = true, d.open("element", 3)
		case word == "elements": // elements = { ... }
			known, err = true, d.open("elements", 1)
		case word == "" && !known:
			return d.errorf("there is neither a set nor an element: write elements = { 192.0.2.0/24, 198.51.100.1-198.51.100.9 }")
		case word == "":
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// open reads elements, before which some more words may stand.
func (d *reader) open(after string, most int) error {
	for range most + 1 {
		word, err := d.word()
		switch {
		case err != nil:
			return err
		case word == "{":
			return d.elements()
		case word == "":
			return d.errorf("it ends after %s", after)
		}
	}
	return d.errorf("there is no { after %s: write elements = { 192.0.2.0/24 } or add element inet gatehouse blocked4 { 192.0.2.0/24 }", after)
}

// elements reads up to the closing brace.
func (d *reader) elements() error {
	var element []string
	for {
		word, err := d.word()
		switch {
		case err != nil:
			return err
		case word == "":
			return d.errorf("it ends within elements: close them with }")
		case word == "{" || word == "=":
			return d.errorf("%s within elements: %s", shown(word), allowedHere)
		case word != "," && word != "}":
			if element = append(element, word); len(element) > maxElement {
				return d.errorf("an element of more than %d words: put commas between elements", maxElement)
			}
			continue
		}
		if len(element) > 0 {
			if err := d.element(element); err != nil {
				return err
			}
			element = element[:0]
		}
		if word == "}" {
			return nil
		}
	}
}

// maxElement is how many words an element may have.
const maxElement = 32

// element reads a network and what may stand behind it.
func (d *reader) element(words []string) error {
	text, words := words[0], words[1:]
	if len(words) >= 2 && words[0] == "-" { // nft takes ranges with spaces too
		text, words = text+"-"+words[1], words[2:]
	}
	var until time.Time
	var reason string
	for len(words) > 0 {
		if words[0] == "counter" { // counter packets 0 bytes 0
			for words = words[1:]; len(words) >= 2 && (words[0] == "packets" || words[0] == "bytes"); words = words[2:] {
			}
			continue
		}
		if len(words) < 2 {
			return d.invalid(fmt.Errorf("%s after %s: after a network there may be timeout, expires, comment and counter", shown(words[0]), shown(text)))
		}
		value := words[1]
		switch words[0] {
		case "timeout", "expires": // expires comes second, and is what is left
			left, err := nftDuration(value)
			if err != nil {
				return d.invalid(err)
			}
			until = d.Now().Add(left)
		case "comment":
			reason = strings.Trim(value, `"`)
		default:
			return d.invalid(fmt.Errorf("%s after %s: after a network there may be timeout, expires, comment and counter", shown(words[0]), shown(text)))
		}
		words = words[2:]
	}
	return d.add(text, reason, until)
}

var nftTime = regexp.MustCompile(`^(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$`)

// nftDuration reads 1d2h3m4s5ms, or whole seconds.
func nftDuration(s string) (time.Duration, error) {
	parts := nftTime.FindStringSubmatch(s)
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if parts == nil || s == "" {
		return 0, fmt.Errorf("%s is no time: write one such as 1d2h30m", shown(s))
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond} {
		if parts[i+1] != "" {
			n, _ := strconv.Atoi(parts[i+1]) // nothing but digits, few enough
			d += time.Duration(n) * unit
		}
	}
	return d, nil
}

// word returns the next word, text in quotes, or one of the signs { } = and
// comma; "" at the end. Line ends and semicolons part words, and what follows
// "#" is a comment.
func (d *reader) word() (string, error) {
	for len(d.data) > 0 {
		switch c := d.data[0]; c {
		case '\n':
			d.line++
			fallthrough
		case ' ', '\t', '\r', ';', '\\':
			d.data = d.data[1:]
		case '#':
			for len(d.data) > 0 && d.data[0] != '\n' {
				d.data = d.data[1:]
			}
		case '{', '}', '=', ',':
			d.data = d.data[1:]
			return string(c), nil
		case '"':
			return d.quoted()
		default:
			return d.cut(1, " \t\r\n;#{}=,\"\\")
		}
	}
	return "", nil
}

func (d *reader) quoted() (string, error) {
	word, err := d.cut(1, "\"\n")
	if err == nil && (len(d.data) == 0 || d.data[0] != '"') {
		err = d.errorf("text in quotes does not end on its line: close it with %q", '"')
	}
	if err != nil {
		return "", err
	}
	d.data = d.data[1:]
	return word + `"`, nil
}

// cut takes the first n bytes of what is left, and all up to one of ends.
func (d *reader) cut(n int, ends string) (string, error) {
	for n < len(d.data) && strings.IndexByte(ends, d.data[n]) < 0 {
		if n++; n > maxWord {
			return "", d.errorf("%w", errors.New("a word is longer than "+strconv.Itoa(maxWord)+" bytes"))
		}
	}
	word := string(d.data[:n])
	d.data = d.data[n:]
	return word, nil
}
