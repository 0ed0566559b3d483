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

// Select waits for a list of choices and takes the one with the given text.
func (p *Page) Select(e Element, choice string) {
	p.t.Helper()
	p.with(e, "one can choose from", func(ctx context.Context, id runtime.RemoteObjectID) error {
		r, err := p.call(ctx, id, `function(choice) {
			const i = [...this.options].findIndex(o => o.text.trim() === choice);
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
	Visible   bool   // it can be seen, and so can it be seen that it has the focus
}

// Walk presses Tab from the beginning of the page until the focus leaves it or
// comes round, and returns where it stopped.
func (p *Page) Walk() []Stop {
	p.t.Helper()
	const most = 1000
	p.Run(`getSelection().removeAllRanges(); document.activeElement.blur(); window.gatehouseTestWalk = new Set()`)
	var stops []Stop
	for range most {
		p.Press(Tab)
		var s Stop
		if err := p.eval(walkScript, &s); err != nil {
			p.t.Fatalf("walk by keyboard: %v", err)
		}
		if s.Tag == "" {
			return stops
		}
		stops = append(stops, s)
	}
	p.t.Fatalf("no end of the page after %d stops: a trap for the keyboard?", most)
	return nil
}

// walkScript tells what has the focus, or nothing once it has been there before.
const walkScript = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement || window.gatehouseTestWalk.has(e))
		return {Tag: "", Name: "", Visible: false};
	window.gatehouseTestWalk.add(e);
	const style = getComputedStyle(e), box = e.getBoundingClientRect();
	const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
	const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
	return {
		Tag: e.localName,
		Name: (e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || e.value || "").trim(),
		Visible: ring && inside && e.checkVisibility({visibilityProperty: true, opacityProperty: true}),
	};
})()`
