package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Page is a tab in a browser context of its own. Its methods fail the test they
// were made for, at once, and are for that test's goroutine.
type Page struct {
	t     testing.TB
	ctx   context.Context
	watch *watch
	// Waits are bounded by this. Default: 20 s.
	Patience time.Duration
}

// Open makes a tab that may ask the given sites for things, such as
// http://127.0.0.1:8081, and nobody else. It is closed when the test ends, and
// what it did wrong meanwhile fails the test.
func Open(t testing.TB, sites ...string) *Page {
	t.Helper()
	return open(t, browserFor(t).ctx, sites, chromedp.WithNewBrowserContext())
}

// Another opens another tab of the same person, with the same cookies, which may
// ask other sites.
func (p *Page) Another(sites ...string) *Page {
	p.t.Helper()
	return open(p.t, p.ctx, sites)
}

func open(t testing.TB, parent context.Context, sites []string, options ...chromedp.ContextOption) *Page {
	t.Helper()
	p := &Page{t: t, watch: newWatch(sites), Patience: patience}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(p.watch.event))...)
	p.ctx = ctx
	p.watch.dismiss = func() { go dismissDialog(ctx) }
	if err := within(patience, cancel, func() error { return chromedp.Do(ctx) }); err != nil {
		cancel()
		t.Fatalf("open a tab: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			p.describe()
		}
		cancel()
		p.Quiet()
	})
	must(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.Wear(Look{Width: 1280})
	return p
}

// Go opens an address, waits until it has loaded, and returns the status.
func (p *Page) Go(url string) int {
	p.t.Helper()
	ctx, cancel := p.bounded()
	defer cancel()
	resp, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		p.t.Fatalf("open %s: %v", url, err)
	}
	if resp == nil { // another place on the same page
		return 0
	}
	return int(resp.Status)
}

// Back is the browser's button.
func (p *Page) Back() {
	p.t.Helper()
	ctx, cancel := p.bounded()
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.NavigateBack()); err != nil {
		p.t.Fatalf("back: %v", err)
	}
}

// Follow does something that leads to another document, such as the press of a
// form's button, and waits until that has loaded.
func (p *Page) Follow(do func()) {
	p.t.Helper()
	p.Run(`window.gatehouseTestLeft = true`)
	do()
	p.until("another document loads", func() (bool, string) {
		var there bool
		err := p.eval(`document.readyState === "complete" && !window.gatehouseTestLeft`, &there)
		return err == nil && there, fmt.Sprint("the old one is still here; ", err)
	})
}

// URL returns where the page is.
func (p *Page) URL() string { return Eval[string](p, `location.href`) }

// Size makes the window so many CSS pixels wide and high. Below 600 it is a phone.
func (p *Page) Size(width, height int) {
	p.t.Helper()
	must(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: width < 600,
	})
}

// Dark has the reader prefer dark pages, or light ones. Pages in tests hold still.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	must(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// NoScript switches JavaScript off for what is opened from now on.
func (p *Page) NoScript() {
	p.t.Helper()
	must(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// TimeZone moves the reader, such as to Asia/Tokyo.
func (p *Page) TimeZone(name string) {
	p.t.Helper()
	must(p, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
}

// Run runs a script in the page, whatever the page's policy.
func (p *Page) Run(script string) {
	p.t.Helper()
	if err := p.eval(script, nil); err != nil {
		p.t.Fatalf("run %.200s: %v", script, err)
	}
}

// Eval returns the value of a script, or of the promise that it returns.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	var value T
	if err := p.eval(script, &value); err != nil {
		p.t.Fatalf("run %.200s: %v", script, err)
	}
	return value
}

// eval evaluates a script, waits for a promise, and decodes into value, if any.
func (p *Page) eval(script string, value any) error {
	ctx, cancel := p.bounded()
	defer cancel()
	if value == nil {
		return chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
	}
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](script, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, value)
}

// settle waits until nothing moves on the page any more.
func (p *Page) settle() {
	p.t.Helper()
	p.until("the page holds still", func() (bool, string) {
		var moving int
		err := p.eval(`document.getAnimations().filter(a => a.playState === "running").length`, &moving)
		return err == nil && moving == 0, fmt.Sprint(moving, " animations run; ", err)
	})
}

// must sends a command of the DevTools protocol.
func must[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := p.bounded()
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

func (p *Page) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, p.Patience)
}

// until tries until it is done, and fails the test with the last reason why not.
func (p *Page) until(what string, try func() (done bool, why string)) {
	p.t.Helper()
	var why string
	if !tries(p.Patience, func() (done bool) {
		done, why = try()
		return done
	}) {
		p.t.Fatalf("waited %s until %s: %s", p.Patience, what, why)
	}
}

// tries until it is done, and reports whether it was before the time was over.
func tries(patience time.Duration, try func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !try() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// describe logs where the page is and what it says.
func (p *Page) describe() {
	p.t.Helper()
	var is struct{ URL, Text string }
	if err := p.eval(`({URL: location.href, Text: document.body ? document.body.innerText : ""})`, &is); err != nil {
		p.t.Logf("the page does not answer: %v", err)
		return
	}
	p.t.Logf("the page is at %s and says:\n%.4000s", is.URL, is.Text)
}

// In is the same tab for a part of the test, which then fails for what is wrong.
func (p *Page) In(t testing.TB) *Page {
	part := *p
	part.t = t
	return &part
}
