package browser

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed testdata/axe-core/axe.min.js
var axeScript string

// fault is a rule of axe-core that a page breaks.
type fault struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// widths and schemes in which a page must be accessible and fit: a phone and a
// desk, light and dark.
var widths = []int{360, 1280}

// Accessible fails the test for each fault that axe-core calls serious or
// critical, on a phone and on a desk, light and dark. Afterwards the page is light
// and at a desk.
func (p *Page) Accessible() {
	p.t.Helper()
	for _, width := range widths {
		for _, dark := range []bool{false, true} {
			p.Size(width, 900)
			p.Dark(dark)
			p.axe(fmt.Sprintf("%s at %d px, dark %t", p.URL(), width, dark))
		}
	}
	p.Dark(false)
}

func (p *Page) axe(where string) {
	p.t.Helper()
	if !Eval[bool](p, `!!window.axe`) {
		p.Run(axeScript + ";0")
	}
	p.settle()
	faults := Eval[[]fault](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
		ID: v.id, Impact: v.impact, Help: v.help,
		Nodes: v.nodes.slice(0, 3).map(n => ({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary})),
	})))`)
	for _, f := range faults {
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %s: %s (%s)", where, f.Impact, f.Help, f.ID)
		for _, n := range f.Nodes {
			fmt.Fprintf(&b, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
		}
		if f.Impact == "serious" || f.Impact == "critical" {
			p.t.Error(b.String())
		} else {
			p.t.Log(b.String())
		}
	}
}

// Fits fails the test when the page must be scrolled sideways, or hides what does
// not fit, at any of the widths.
func (p *Page) Fits(widths ...int) {
	p.t.Helper()
	for _, width := range widths {
		p.Size(width, 900)
		if too := Eval[string](p, fmt.Sprintf(fitsScript, width)); too != "" {
			p.t.Errorf("%s does not fit %d px: %s", p.URL(), width, too)
		}
	}
	p.Size(1280, 900)
}

const fitsScript = `(width => {
	const root = document.documentElement;
	for (const e of [root, document.body])
		if (["hidden", "clip"].includes(getComputedStyle(e).overflowX)) return e.localName + " hides what does not fit";
	if (root.scrollWidth <= width && document.body.scrollWidth <= width) return "";
	const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 0.5)
		.slice(0, 5).map(e => e.outerHTML.slice(0, 150));
	return root.scrollWidth + " px; beyond the edge: " + wide.join("\n");
})(%d)`
