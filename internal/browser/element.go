package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Element says how to find something on a page. What it finds may change as the
// page does.
type Element struct {
	css   string
	roles []string
	name  string
	in    *Element
}

// CSS finds the first element of a selector.
func CSS(selector string) Element { return Element{css: selector} }

// Button finds a button by the name that a screen reader says.
func Button(name string) Element { return Element{roles: []string{"button"}, name: name} }

// Link finds a link by its name.
func Link(name string) Element { return Element{roles: []string{"link"}, name: name} }

// Field finds what can be filled in by its name, which is its label's text.
func Field(name string) Element {
	return Element{name: name, roles: []string{
		"textbox", "searchbox", "combobox", "spinbutton", "listbox", "checkbox", "radio", "switch",
		"Date", "DateTime", "InputTime", "MenuListPopup",
	}}
}

// Role finds the first element with a role and a name.
func Role(role, name string) Element { return Element{roles: []string{role}, name: name} }

// In looks within another element only.
func (e Element) In(outer Element) Element {
	e.in = &outer
	return e
}

func (e Element) String() string {
	s := e.css
	if s == "" {
		s = fmt.Sprintf("%s %q", e.roles[0], e.name)
	}
	if e.in != nil {
		s += " in " + e.in.String()
	}
	return s
}

// errNothing says that an element is not there.
var errNothing = errors.New("there is none")

// find returns the element as it is now.
func (p *Page) find(ctx context.Context, e Element) (runtime.RemoteObjectID, error) {
	root, err := p.root(ctx, e)
	if err != nil {
		return "", err
	}
	if e.css != "" {
		found, err := p.call(ctx, root, `function(s) { return this.querySelector(s) }`, false, e.css)
		if err != nil {
			return "", err
		}
		if found.ObjectID == "" {
			return "", errNothing
		}
		return found.ObjectID, nil
	}
	tree, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root, AccessibleName: e.name})
	if err != nil {
		return "", err
	}
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		if role := strings.Trim(string(n.Role.Value), `"`); slices.Contains(e.roles, role) {
			resolved, err := chromedp.Call(ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: n.BackendDOMNodeID})
			if err != nil {
				return "", err
			}
			return resolved.Object.ObjectID, nil
		}
	}
	return "", errNothing
}

func (p *Page) root(ctx context.Context, e Element) (runtime.RemoteObjectID, error) {
	if e.in != nil {
		return p.find(ctx, *e.in)
	}
	doc, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: "document"})
	if err != nil {
		return "", err
	}
	return doc.Result.ObjectID, nil
}

// call calls a function with the object as this.
func (p *Page) call(ctx context.Context, on runtime.RemoteObjectID, function string, byValue bool, args ...any) (*runtime.RemoteObject, error) {
	params := runtime.CallFunctionOnParams{FunctionDeclaration: function, ObjectID: on, ReturnByValue: &byValue}
	for _, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		params.Arguments = append(params.Arguments, &runtime.CallArgument{Value: text})
	}
	r, err := chromedp.Call(ctx, runtime.CallFunctionOn, params)
	if err != nil {
		return nil, err
	}
	if r.ExceptionDetails != nil {
		return nil, fmt.Errorf("%s %s", r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	return r.Result, nil
}

// with waits for an element and does something with it. What fails is tried
// again, as the page may be on the move.
func (p *Page) with(e Element, what string, do func(ctx context.Context, id runtime.RemoteObjectID) error) {
	p.t.Helper()
	p.until(what+" "+e.String(), func() (bool, string) {
		ctx, cancel := p.bounded()
		defer cancel()
		id, err := p.find(ctx, e)
		if err == nil {
			err = do(ctx, id)
		}
		return err == nil, fmt.Sprint(err)
	})
}

// Await waits until an element is there and can be seen.
func (p *Page) Await(e Element) {
	p.t.Helper()
	p.with(e, "there is", func(ctx context.Context, id runtime.RemoteObjectID) error {
		seen, err := p.call(ctx, id, `function() { return this.checkVisibility({visibilityProperty: true}) }`, true)
		if err == nil && string(seen.Value) != "true" {
			err = errors.New("it is hidden")
		}
		return err
	})
}

// Gone waits until an element is not there.
func (p *Page) Gone(e Element) {
	p.t.Helper()
	p.until("there is no "+e.String(), func() (bool, string) {
		ctx, cancel := p.bounded()
		defer cancel()
		_, err := p.find(ctx, e)
		return errors.Is(err, errNothing), fmt.Sprint("it is there; ", err)
	})
}

// Has reports whether an element is there now.
func (p *Page) Has(e Element) bool {
	p.t.Helper()
	ctx, cancel := p.bounded()
	defer cancel()
	_, err := p.find(ctx, e)
	if err != nil && !errors.Is(err, errNothing) {
		p.t.Fatalf("look for %s: %v", e, err)
	}
	return err == nil
}

// Text waits for an element and returns its text as a reader sees it.
func (p *Page) Text(e Element) string {
	p.t.Helper()
	return p.property(e, "innerText")
}

// Value waits for a field and returns what is filled in.
func (p *Page) Value(e Element) string {
	p.t.Helper()
	return p.property(e, "value")
}

func (p *Page) property(e Element, name string) string {
	p.t.Helper()
	var text string
	p.with(e, "there is", func(ctx context.Context, id runtime.RemoteObjectID) error {
		r, err := p.call(ctx, id, `function(name) { return this[name] }`, true, name)
		if err != nil {
			return err
		}
		return json.Unmarshal(r.Value, &text)
	})
	return text
}

// See waits until the page shows a text somewhere.
func (p *Page) See(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("the page says %.200q", text), func() (bool, string) {
		var said string
		err := p.eval(`document.body.innerText`, &said)
		return strings.Contains(said, text), fmt.Sprint("it does not; ", err)
	})
}

// Click waits for an element and clicks in its middle, where nothing may cover it.
func (p *Page) Click(e Element) {
	p.t.Helper()
	var x, y float64
	p.with(e, "one can click", func(ctx context.Context, id runtime.RemoteObjectID) (err error) {
		x, y, err = p.middle(ctx, id)
		return err
	})
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved,
		input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		params := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			params.Button, params.ClickCount = input.MouseButtonLeft, 1
		}
		must(p, input.DispatchMouseEvent, params)
	}
}

// middle scrolls to an element and returns where to click it.
func (p *Page) middle(ctx context.Context, id runtime.RemoteObjectID) (x, y float64, err error) {
	if _, err := chromedp.Call(ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{ObjectID: id}); err != nil {
		return 0, 0, err
	}
	got, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{ObjectID: id})
	if err != nil {
		return 0, 0, err
	}
	if len(got.Quads) == 0 || len(got.Quads[0]) != 8 {
		return 0, 0, errors.New("it has no size")
	}
	q := got.Quads[0]
	x, y = (q[0]+q[2]+q[4]+q[6])/4, (q[1]+q[3]+q[5]+q[7])/4
	// The label of a checkbox passes a click on to it.
	covered, err := p.call(ctx, id, `function(x, y) {
		const top = document.elementFromPoint(x, y);
		if (this.disabled) return "it is disabled";
		if (top && (this.contains(top) || top.closest("label")?.control === this)) return "";
		return "covered by " + (top ? top.outerHTML.slice(0, 200) : "nothing: outside the window");
	}`, true, x, y)
	if err != nil {
		return 0, 0, err
	}
	var by string
	if err := json.Unmarshal(covered.Value, &by); err != nil {
		return 0, 0, err
	}
	if by != "" {
		return 0, 0, errors.New(by)
	}
	return x, y, nil
}
