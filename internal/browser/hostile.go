package browser

import "strings"

// Attack is a text that attacks who shows it.
type Attack struct {
	Name, Text string
	// Mark is a part of Text that is still there, as it is, after the text was
	// cleaned and shortened.
	Mark string
}

// Attacks returns texts for every field that a stranger can fill in. Each script
// in them would open a dialog, and each element ask for a picture that is not
// there, either of which a [Page] notices by itself. [Page.Unharmed] looks for the
// rest. None has a line break, so all may stand in a header.
func Attacks() []Attack {
	return []Attack{
		{"script", `<script>alert("script")</script>`, `<script>alert("script")</script>`},
		{"event handler", `"><img src=hostile onerror=alert("handler")>`, `<img src=hostile onerror=`},
		{"attribute", `' autofocus onfocus=alert("focus") hostile='`, `autofocus onfocus=alert`},
		{"end of everything", `</title></textarea></script></style>--><svg/onload=alert("svg")>`, `<svg/onload=alert`},
		{"address", `javascript:alert("address")`, `javascript:alert("address")`},
		{"template", `{{.Secret}}{{7 "x"}}${7*7}<%= 7*7 %>`, `{{.Secret}}`},
		{"htmx", `<b hx-get="/hostile" hx-trigger="load">hostile</b>`, `<b hx-get="/hostile"`},
		{"style", `<style>body{display:none}</style>`, `<style>body{display:none}`},
		{"bidi", "a\u202etxt.exe\u2066b\u200f", "txt.exe"},
		{"10 kB", "long-" + strings.Repeat("x", 10<<10), "long-xxxxxxxx"},
	}
}

// Unharmed fails the test where an attack got more than its text onto the page.
func (p *Page) Unharmed() {
	p.t.Helper()
	if found := Eval[string](p, unharmedScript); found != "" {
		p.t.Errorf("%s: an attack went through: %s", p.URL(), found)
	}
	p.Quiet()
}

const unharmedScript = `(() => {
	const made = document.querySelector("[onerror], [onload], [onfocus], [hostile], [src=hostile], [hx-get='/hostile'], [href^='javascript:' i]");
	if (made) return made.outerHTML.slice(0, 300);
	if (document.body.innerText.trim() === "") return "the page is blank";
	const turned = document.body.textContent.match(/.{0,20}[\u202a-\u202e\u2066-\u2069\u200e\u200f].{0,20}/);
	if (turned) return "text is turned round: " + turned[0];
	return "";
})()`
