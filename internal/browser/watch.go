package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch collects what a page does wrong. Its event runs on the goroutine that
// reads the browser's messages.
type watch struct {
	sites   []string
	dismiss func() // a dialog, which holds up everything

	mu       sync.Mutex
	problems []string
	allowed  []string
	streams  int // of server-sent events that were answered
}

func newWatch(sites []string) *watch {
	w := &watch{}
	for _, s := range sites {
		w.sites = append(w.sites, strings.TrimSuffix(s, "/"))
	}
	return w
}

func (w *watch) event(ev any) {
	switch ev := ev.(type) {
	case *log.EventEntryAdded: // broken policies and failed requests, among others
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Source == log.EntrySourceSecurity {
			w.add("%s error: %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeAssert {
			w.add("console.%s: %s", ev.Type, words(ev.Args))
		}
	case *runtime.EventExceptionThrown:
		d := ev.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		w.add("exception: %s at %s:%d", text, d.URL, d.LineNumber+1)
	case *page.EventJavascriptDialogOpening:
		w.add("%s: %s", ev.Type, ev.Message)
		w.dismiss()
	case *network.EventRequestWillBeSent:
		if !w.knows(ev.Request.URL) {
			w.add("request to another host: %s", ev.Request.URL)
		}
	case *network.EventResponseReceived:
		if ev.Type == network.ResourceTypeEventSource {
			w.mu.Lock()
			w.streams++
			w.mu.Unlock()
		}
	case *network.EventWebSocketCreated:
		w.add("web socket: %s", ev.URL)
	}
}

func words(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		if a.Description != "" {
			fmt.Fprintf(&b, "%s ", a.Description)
		} else {
			fmt.Fprintf(&b, "%s ", a.Value)
		}
	}
	return b.String()
}

// knows reports whether an address leads to one of the sites, or nowhere.
func (w *watch) knows(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "data", "about", "blob":
		return true
	}
	return slices.Contains(w.sites, u.Scheme+"://"+u.Host)
}

func (w *watch) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	problem := fmt.Sprintf(format, args...)
	for _, part := range w.allowed {
		if strings.Contains(problem, part) {
			return
		}
	}
	w.problems = append(w.problems, problem)
}

// take returns the problems since the last call.
func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.problems
	w.problems = nil
	return taken
}

// Listening waits until a stream of server-sent events was answered, ever.
func (p *Page) Listening() {
	p.t.Helper()
	p.until("it listens to events", func() (bool, string) {
		p.watch.mu.Lock()
		defer p.watch.mu.Unlock()
		return p.watch.streams > 0, "no stream was answered"
	})
}

// Quiet fails the test if the page did anything wrong since it was last asked. It
// is asked by itself when the test ends; ask it earlier to learn in what step.
func (p *Page) Quiet() {
	p.t.Helper()
	for _, problem := range p.watch.take() {
		p.t.Errorf("%.1000s", problem)
	}
}

// Allow lets pass, from now on, what would be wrong elsewhere: problems that
// contain the text, such as "status of 403" where a refusal is expected.
func (p *Page) Allow(text string) {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.watch.allowed = append(p.watch.allowed, text)
}

// dismissDialog answers a dialog with "no". That it has gone meanwhile, with its
// page, is no matter.
func dismissDialog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
}
