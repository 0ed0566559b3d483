package gallery_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
	"github.com/fluxstudio/gatehouse/internal/web/gallery"
)

var shots = flag.String("shots", "", "a folder for pictures of the gallery")

// open shows a page of the gallery in a browser, with a finding every so often. The
// page fails the test for whatever the console or the CSP reports.
func open(t *testing.T, every time.Duration, path string) *browser.Page {
	t.Helper()
	handler, err := gallery.New(every)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	p := browser.Open(t, server.URL)
	p.TimeZone("Asia/Kolkata")
	p.Go(server.URL + path)
	return p
}

// drawn waits until all charts are.
func drawn(p *browser.Page) {
	for _, kind := range []string{"timeline", "distribution", "bars"} {
		p.Await(browser.CSS("figure.is-ready[data-chart=" + kind + "] canvas"))
	}
}

func TestLooks(t *testing.T) {
	for name, path := range map[string]string{"gallery": "/", "plain": "/plain"} {
		t.Run(name, func(t *testing.T) {
			p := open(t, 0, path)
			if name == "gallery" {
				drawn(p)
			}
			p.Unharmed()
			p.Fits(360, 768, 1280, 2560)
			p.Accessible()
			for _, width := range []int{360, 1280, 2560} {
				for _, scheme := range []string{"light", "dark"} {
					if *shots == "" {
						continue
					}
					p.Size(width, 1200)
					p.Dark(scheme == "dark")
					p.Run(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))`) // charts follow
					p.Save(filepath.Join(*shots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), 0)
				}
			}
		})
	}
}

// is compares what a script returns.
func is[T comparable](t *testing.T, p *browser.Page, script string, want T) {
	t.Helper()
	if got := browser.Eval[T](p, script); got != want {
		t.Errorf("%s is %v, want %v", script, got, want)
	}
}

func TestTimes(t *testing.T) {
	p := open(t, 0, "/")
	is(t, p, `document.cookie`, "tz=Asia/Calcutta")
	// The page was loaded once more for the zone, and says what the server says.
	p.Await(browser.CSS(`[data-zone="Asia/Calcutta"]`))
	is(t, p, `fetch("/").then(r => r.text()).then(html => {
		const times = d => [...d.querySelectorAll("time[data-relative]")].map(e => e.textContent).filter(s => !s.includes("second") && s !== "just now").join("; ");
		const said = times(document);
		return said.includes("2 hours ago") && said === times(new DOMParser().parseFromString(html, "text/html"));
	})`, true)
	is(t, p, `/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Asia\/Calcutta · \d\d:\d\d:\d\d UTC$/.test(document.querySelector("time[data-relative]").title)`, true)
	is(t, p, `(() => { const e = document.querySelector("time[data-exact]"), t = new Date(e.dateTime); return e.textContent.slice(14, 16) === String(t.getMinutes()).padStart(2, "0"); })()`, true)
	// What is left ticks.
	before := p.Text(browser.CSS("time[data-until]"))
	ticked := p.Expect("time[data-until]", "13 min")
	p.Run(`{ const e = document.querySelector("time[data-until]"); e.dateTime = new Date(Date.now() + 13.5 * 60e3).toISOString(); }`)
	ticked()
	if before == "" {
		t.Error("nothing is left")
	}
}

func TestTheme(t *testing.T) {
	p := open(t, 0, "/")
	drawn(p)
	ground := `getComputedStyle(document.body).backgroundColor`
	line := `(() => { const c = echarts.getInstanceByDom(document.querySelector(".chart-canvas")).getOption(); return c.color + c.series[0].color; })()`
	light, lightLine := browser.Eval[string](p, ground), browser.Eval[string](p, line)
	p.Click(browser.Button("Switch to dark"))
	dark, darkLine := browser.Eval[string](p, ground), browser.Eval[string](p, line)
	if light == dark || lightLine == darkLine {
		t.Errorf("ground %s and %s, line %s and %s", light, dark, lightLine, darkLine)
	}
	p.Follow(func() { p.Run(`location.reload()`) })
	is(t, p, ground, dark)
	drawn(p)
	p.Dark(true) // now it is what the system says anyway
	p.Click(browser.Button("Switch to light"))
	is(t, p, ground, light)
	p.Click(browser.Button("Switch to dark"))
	is(t, p, `localStorage.getItem("theme") === null`, true)
	p.Dark(false)
	is(t, p, ground, light)
}

func TestConfirm(t *testing.T) {
	p := open(t, 0, "/")
	p.Click(browser.CSS("#lift"))
	p.See("Lift the block of 192.0.2.7?")
	p.Press(browser.Escape)
	p.Gone(browser.CSS("dialog"))
	is(t, p, `location.pathname + location.search + (window.left || "")`, "/")
	p.Click(browser.CSS("#lift"))
	p.Follow(func() { p.Click(browser.Button("Lift block")) })
	p.Click(browser.CSS("#lock"))
	p.Await(browser.CSS("dialog .button--danger"))
	is(t, p, `document.activeElement.textContent`, "Cancel") // where a slip does no harm
	p.Click(browser.Button("Cancel").In(browser.CSS("dialog")))
	p.Gone(browser.CSS("dialog"))
}

func TestCharts(t *testing.T) {
	p := open(t, 0, "/")
	drawn(p)
	is(t, p, `[...document.querySelectorAll(".chart-canvas")].every(c => c.getAttribute("aria-hidden") === "true")`, true)
	is(t, p, `echarts.getInstanceByDom(document.querySelector(".chart-canvas")).getOption().series.map(s => s.name + " " + s.type + " " + s.data.length).join()`,
		"Logins line 24,Failed logins line 24,Findings bar 24")
	// The table is there for who asks for it.
	p.Click(browser.CSS(".chart-table > summary"))
	p.Await(browser.CSS(".chart-table[open] table"))
	// What the mouse shows breaks no policy: the page fails the test for that.
	p.Run(`{ const c = document.querySelector(".chart-canvas canvas"), r = c.getBoundingClientRect();
		for (const type of ["mousemove", "mousemove"]) c.dispatchEvent(new MouseEvent(type, {bubbles: true, clientX: r.x + r.width / 2, clientY: r.y + r.height / 2})); }`)
	p.Run(`new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))`)
	// The map's countries and the heat map's cells can be reached by keyboard.
	is(t, p, `document.querySelectorAll(".heat td a").length`, 7*24)
	is(t, p, `document.querySelector(".world a").getAttribute("aria-label")`, "Brazil: 1,204 failed logins")
	p.Run(`document.querySelector(".heat td a").focus()`)
	is(t, p, `[...document.querySelectorAll(".heat th.is-lit")].map(e => e.textContent).join()`, "00,Monday")
}

func TestFeed(t *testing.T) {
	p := open(t, 50*time.Millisecond, "/")
	p.See("Live")
	p.Await(browser.CSS("#live-3"))
	is(t, p, `document.querySelector("#feed").lastElementChild.id`, "f4") // the newest is on top
	p.Click(browser.Button("Pause"))
	stopped := browser.Eval[string](p, `document.querySelector("#feed").firstElementChild.id`)
	p.See("waiting")
	is(t, p, `document.querySelector("#feed").firstElementChild.id`, stopped)
	is(t, p, `document.querySelector("[data-feed-pause]").getAttribute("aria-pressed")`, "true")
	p.Click(browser.Button("Pause"))
	p.Await(browser.CSS("#feed > :not(#" + stopped + "):first-child"))
	p.Select(browser.Field("Severity"), "High and above")
	is(t, p, `[...document.querySelectorAll("#feed > :not([hidden])")].every(e => ["high", "critical"].includes(e.dataset.severity))`, true)
	p.Select(browser.Field("Rule"), "brute_force")
	is(t, p, `[...document.querySelectorAll("#feed > :not([hidden])")].every(e => e.dataset.rule === "brute_force")`, true)
	// A reader of the screen hears a sum.
	p.Await(browser.CSS("#feed > :nth-child(60)"))
	is(t, p, `/^\d+ new findings?, up to critical$/.test(document.querySelector("[data-feed-summary]").textContent)`, true)
}

// A storm neither fills the page nor stops it.
func TestFeedInAStorm(t *testing.T) {
	p := open(t, time.Millisecond, "/")
	p.Run(`new Promise(done => { const full = () => document.querySelectorAll("#feed > *").length >= 200 ? setTimeout(done, 500) : setTimeout(full, 20); full(); })`)
	is(t, p, `document.querySelector("#feed").children.length`, 200)
	p.Click(browser.Button("Pause"))
	p.See("200 or more waiting")
}

func TestWithoutScript(t *testing.T) {
	handler, err := gallery.New(0)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p := browser.Open(t, server.URL)
	p.NoScript()
	p.Size(360, 800)
	p.Go(server.URL + "/")
	p.Await(browser.CSS("figure[data-chart=timeline] > table"))
	if p.Has(browser.CSS(".chart-canvas")) {
		t.Error("a script ran")
	}
	// The navigation opens and leads on.
	p.Click(browser.Button("Menu"))
	p.Await(browser.Link("Blocks 3"))
	p.Press(browser.Escape)
	p.Fits(360)
}
