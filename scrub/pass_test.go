package scrub

import "testing"

// settle hides panics; here they show.
func FuzzPass(f *testing.F) {
	for _, x := range []string{`{"\`, `{"name":"pin","value":[1,{}]}`, "password=[{(\"'`", `a\`, "%", "&#", "-----END", "//", "$2a$", "Bearer ", "curl -u"} {
		f.Add(x)
	}
	s := New(Options{MaxDepth: 3})
	f.Fuzz(func(_ *testing.T, x string) {
		s.pass(x)
		s.json(x)
		s.classify(x)
		for _, part := range []func(string) string{s.parameter, s.cookie, s.reference, s.part} {
			part(x)
		}
	})
}

func TestSettleSurvivesPanics(t *testing.T) {
	s := New(Options{})
	if got := s.settle("x", func(string) string { panic("no") }); got != Scrubbed {
		t.Error(got)
	}
	n := 0
	if got := s.settle("x", func(x string) string { n++; return x + "x" }); got != Scrubbed || n > maxPasses {
		t.Error(got, n)
	}
}
