package browser

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
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

// Look is how somebody sees a page.
type Look struct {
	Width int // CSS pixels
	Dark  bool
}

// Looks are a phone and a desk, light and dark.
func Looks() []Look {
	return []Look{{360, false}, {360, true}, {1280, false}, {1280, true}}
}

func (l Look) String() string {
	if l.Dark {
		return fmt.Sprintf("%d px, dark", l.Width)
	}
	return fmt.Sprintf("%d px, light", l.Width)
}

// Accessible fails the test for each fault that axe-core calls serious or critical
// in any of the looks, all of [Looks] if none is given. Afterwards the page is
// light and at a desk.
func (p *Page) Accessible(looks ...Look) {
	p.t.Helper()
	if len(looks) == 0 {
		looks = Looks()
	}
	for _, l := range looks {
		p.Wear(l)
		p.axe(fmt.Sprintf("%s at %s", p.URL(), l))
	}
	p.Wear(Look{Width: 1280})
}

// Wear gives the page a look.
func (p *Page) Wear(l Look) {
	p.t.Helper()
	p.Size(l.Width, 900)
	p.Dark(l.Dark)
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

// adjusting bounds how long a page may take to follow the window's size.
const adjusting = 2 * time.Second

// Fits fails the test when the page must be scrolled sideways, or hides what does
// not fit, at any of the widths.
func (p *Page) Fits(widths ...int) {
	p.t.Helper()
	for _, width := range widths {
		p.Size(width, 900)
		var too string
		if !tries(adjusting, func() bool { // charts follow the window a frame later
			too = Eval[string](p, fmt.Sprintf(fitsScript, width))
			return too == ""
		}) {
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
