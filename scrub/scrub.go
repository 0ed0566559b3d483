package scrub

import "strings"

// Scrubbed stands in place of what was taken out.
const Scrubbed = "[scrubbed]"

// Options change what is taken for a secret and how much is looked at. The zero
// value is useful.
type Options struct {
	// ExtraNames are further names of secrets, in any spelling. A name that
	// contains one of them is secret.
	ExtraNames []string
	// SafeNames are whole names, in any spelling, whose values are not secret,
	// whatever the built-in list says. They are still scrubbed as text.
	SafeNames []string
	// MaxBytes is how much of one text, document or value is looked at and kept.
	// Default: 256 KiB; at least 64.
	MaxBytes int
	// MaxDepth is how deep JSON and Go values are followed. Default: 32.
	MaxDepth int
	// MaxItems is how many elements of one list or map are kept, and a hundredth of
	// how many parts of one Go value. Default: 1000.
	MaxItems int
}

// Scrubber takes secrets out. It is safe for concurrent use.
type Scrubber struct {
	o     Options
	names *matcher // parts of names that call for a closer look
	extra []string // squashed
	safe  map[string]bool
}

// New returns a Scrubber.
func New(o Options) *Scrubber {
	o.MaxBytes = max(orDefault(o.MaxBytes, 256<<10), 64)
	o.MaxDepth = orDefault(o.MaxDepth, 32)
	o.MaxItems = max(orDefault(o.MaxItems, 1000), 2)
	s := &Scrubber{o: o, safe: map[string]bool{}}
	hints := append([]string(nil), nameHints...)
	for _, n := range o.ExtraNames {
		if n = squash(n); n != "" {
			s.extra = append(s.extra, n)
			hints = append(hints, n)
		}
	}
	for _, n := range o.SafeNames {
		s.safe[squash(n)] = true
	}
	s.names = newMatcher(hints)
	return s
}

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

// Name reports whether what stands under the name is taken for a secret, in a
// structured place and whatever its value. Case, separators, camel case,
// percent-encoding and escapes make no difference.
func (s *Scrubber) Name(name string) bool {
	c := s.classify(name)
	return c != public && c != queryOnly
}

// Text returns text without the secrets in it. What is beyond MaxBytes is
// replaced, from the last white space before it.
func (s *Scrubber) Text(text string) string {
	return s.settle(text, s.pass)
}

// pass scrubs once.
func (s *Scrubber) pass(text string) string {
	t := scan{sc: s, s: text, nextAt: -1, nextSpace: -1}
	return t.run()
}

// maxPasses is how often a text is scrubbed until it no longer changes.
const maxPasses = 6

// settle applies f until nothing changes, within the size limit, so that the
// result is a fixed point. What does not settle is replaced, and so would be what
// f panics on: a mistake in here must not end a login.
func (s *Scrubber) settle(text string, f func(string) string) (clean string) {
	defer func() {
		if recover() != nil {
			clean = Scrubbed
		}
	}()
	for range maxPasses {
		next := f(s.cut(text))
		if next == text {
			return text
		}
		text = next
	}
	return Scrubbed
}

// cut bounds a text. Half a word might be half a secret that nobody recognises,
// so it goes too.
func (s *Scrubber) cut(text string) string {
	if len(text) <= s.o.MaxBytes {
		return text
	}
	text = text[:s.o.MaxBytes-len(Scrubbed)]
	if i := strings.LastIndexAny(text, " \t\r\n"); i >= 0 {
		return text[:i+1] + Scrubbed
	}
	return Scrubbed
}
