package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys for Press.
const (
	Tab    = kb.Tab
	Enter  = kb.Enter
	Escape = kb.Escape
)

// Fill waits for a text field and replaces what is in it by typing.
func (p *Page) Fill(e Element, text string) {
	p.t.Helper()
	p.with(e, "one can fill in", func(ctx context.Context, id runtime.RemoteObjectID) error {
		if _, err := chromedp.Call(ctx, dom.Focus, dom.FocusParams{ObjectID: id}); err != nil {
			return err
		}
		ready, err := p.call(ctx, id, `function() { this.select(); return !this.disabled && !this.readOnly }`, true)
		if err == nil && string(ready.Value) != "true" {
			err = errors.New("it is read-only")
		}
		return err
	})
	if text == "" {
		p.Press(kb.Delete)
		return
	}
	must(p, input.InsertText, input.InsertTextParams{Text: text})
}

// Select waits for a list of choices and takes the first that begins with the given
// text.
func (p *Page) Select(e Element, choice string) {
	p.t.Helper()
	p.with(e, "one can choose from", func(ctx context.Context, id runtime.RemoteObjectID) error {
		r, err := p.call(ctx, id, `function(choice) {
			const i = [...this.options].findIndex(o => o.text.trim().startsWith(choice));
			if (i < 0) return [...this.options].map(o => o.text.trim()).join(", ");
			this.selectedIndex = i;
			this.dispatchEvent(new Event("input", {bubbles: true}));
			this.dispatchEvent(new Event("change", {bubbles: true}));
			return "";
		}`, true, choice)
		if err != nil {
			return err
		}
		var others string
		if err := json.Unmarshal(r.Value, &others); err != nil {
			return err
		}
		if others != "" {
			return fmt.Errorf("no choice %q among %s", choice, others)
		}
		return nil
	})
}

// Press types keys to what has the focus.
func (p *Page) Press(keys string) {
	p.t.Helper()
	ctx, cancel := p.bounded()
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		p.t.Fatalf("press %q: %v", keys, err)
	}
}

// Stop is where the focus was during a walk by keyboard.
type Stop struct {
	Tag, Name string // Name as far as the element itself tells: its label or text
	// Visible reports that it can be seen, and that it looks different with the
	// focus than without.
	Visible bool
}

// Walk presses Tab from the beginning of the page until the focus leaves it or
// comes round, and returns where it stopped.
func (p *Page) Walk() []Stop {
	p.t.Helper()
	const most = 1000
	p.Run(walkScript)
	var stops []Stop
	for range most {
		p.Press(Tab)
		p.settle() // what the focus brings into view
		var s struct {
			Stop
			Same bool // still there: a field of several parts, such as a date
			Left bool // the stop before this one looks otherwise now
		}
		if err := p.eval(`gatehouseTestStep()`, &s); err != nil {
			p.t.Fatalf("walk by keyboard: %v", err)
		}
		if s.Same {
			continue
		}
		if n := len(stops); n > 0 {
			stops[n-1].Visible = stops[n-1].Visible && s.Left
		}
		if s.Tag == "" {
			return stops
		}
		stops = append(stops, s.Stop)
	}
	p.t.Fatalf("no end of the page after %d stops: a trap for the keyboard?", most)
	return nil
}

// Unreached returns what can be operated with a mouse and was not a stop of the
// last walk.
func (p *Page) Unreached() []string {
	p.t.Helper()
	return Eval[[]string](p, unreachedScript)
}

// unreachedScript compares texts, as parts of a page may be renewed meanwhile. Of
// radio buttons one is a stop, from which the arrows lead to the others.
const unreachedScript = `(() => {
	const walk = [...gatehouseTestWalk], seen = new Set(walk.map(e => e.outerHTML));
	return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
		.filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.type !== "hidden" && e.tabIndex >= 0)
		.filter(e => !seen.has(e.outerHTML) && !(e.type === "radio" && walk.some(o => o.type === "radio" && o.name === e.name)))
		.map(e => e.outerHTML.slice(0, 200));
})()`

// walkScript defines a step, which tells what has the focus, or nothing once it
// has been there before.
const walkScript = `
getSelection().removeAllRanges();
document.activeElement.blur();
window.gatehouseTestWalk = new Set();
window.gatehouseTestBefore = undefined;
window.gatehouseTestLooks = e => {
	const parts = [e, e.parentElement, e.parentElement?.parentElement, ...[...e.querySelectorAll("*")].slice(0, 9)].filter(Boolean);
	return parts.flatMap(e => [undefined, "::before", "::after"].map(pseudo => {
		const s = getComputedStyle(e, pseudo);
		return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor, s.borderColor, s.textDecoration, s.stroke, s.strokeWidth].join();
	})).join(";");
};
window.gatehouseTestStep = () => {
	const e = document.activeElement, before = window.gatehouseTestBefore;
	if (before && e === before.e) return {Tag: e.localName, Name: "", Visible: true, Same: true, Left: false};
	const left = !!before && (!before.e.isConnected || gatehouseTestLooks(before.e) !== before.looks);
	if (!e || e === document.body || e === document.documentElement || gatehouseTestWalk.has(e))
		return {Tag: "", Name: "", Visible: false, Left: left};
	gatehouseTestWalk.add(e);
	window.gatehouseTestBefore = {e, looks: gatehouseTestLooks(e)};
	const box = e.getBoundingClientRect();
	return {
		Tag: e.localName,
		Name: (e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || e.textContent || e.value || "").trim(),
		Visible: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth &&
			e.checkVisibility({visibilityProperty: true, opacityProperty: true}),
		Left: left,
	};
};0`
