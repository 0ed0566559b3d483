package browser_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; form-action 'self'"

// form is a page as good as a page can be.
const form = `<!doctype html><html lang="en"><head><title>Form</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"></head><body><main><h1>Form</h1><form method="post" action="/form">
<label for="name">Your name</label> <input id="name" name="name">
<label for="role">Role</label> <select id="role" name="role"><option>viewer</option><option>analyst</option></select>
<button>Send</button></form></main></body></html>`

// site answers each path with a page.
func site(t *testing.T, pages map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		if r.Method == http.MethodPost {
			text = fmt.Sprintf(`<!doctype html><title>Sent</title><link rel="icon" href="data:,"><p>%s is %s`,
				html.EscapeString(r.FormValue("name")), html.EscapeString(r.FormValue("role")))
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestFormByMouse(t *testing.T) {
	url := site(t, map[string]string{"/form": form})
	p := browser.Open(t, url)
	if status := p.Go(url + "/form"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	p.Fill(browser.Field("Your name"), "Nobody")
	p.Fill(browser.Field("Your name"), "Ada <b>")
	p.Select(browser.Field("Role"), "analyst")
	p.Follow(func() { p.Click(browser.Button("Send")) })
	if text := p.Text(browser.CSS("p")); text != "Ada <b> is analyst" {
		t.Errorf("sent %q", text)
	}
}

func TestFormByKeyboardWithoutScript(t *testing.T) {
	url := site(t, map[string]string{"/form": strings.Replace(form, "<h1>", `<noscript>No script</noscript><h1>`, 1)})
	p := browser.Open(t, url)
	p.NoScript()
	p.Go(url + "/form")
	p.See("No script")
	stops := p.Walk()
	if names := []string{stops[0].Name, stops[1].Name, stops[2].Name}; !slices.Equal(names, []string{"Your name", "Role", "Send"}) || len(stops) != 3 {
		t.Errorf("the keyboard walks %+v", stops)
	}
	for _, s := range stops {
		if !s.Visible {
			t.Errorf("%s does not show the focus", s.Name)
		}
	}
	p.Fill(browser.Field("Your name"), "Eve")
	p.Follow(func() { p.Press(browser.Enter) })
	p.See("Eve is viewer")
}

func TestGoodPage(t *testing.T) {
	url := site(t, map[string]string{"/form": form})
	p := browser.Open(t, url)
	p.Go(url + "/form")
	p.Accessible()
	p.Fits(360, 1280, 2560)
	if picture := p.Picture(0); len(picture) < 1000 {
		t.Errorf("a picture of %d bytes", len(picture))
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (r *recorder) Helper()                      {}
func (r *recorder) Error(args ...any)            { r.said = append(r.said, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any) { r.said = append(r.said, fmt.Sprintf(f, args...)) }
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }

// finish runs what was to run at the test's end, and returns what it failed with.
func (r *recorder) finish() string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return strings.Join(r.said, "\n")
}

func TestFaultsAreFound(t *testing.T) {
	const head = `<!doctype html><html lang="en"><title>Bad</title><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><main><h1>Bad</h1>`
	elsewhere := site(t, map[string]string{"/x": "x"})
	bad := map[string]struct {
		page, script, want string
		check              func(p *browser.Page)
	}{
		"console":     {script: `console.error("oh", 7)`, want: "console.error"},
		"exception":   {script: `null.x`, want: "exception: Uncaught TypeError"},
		"rejection":   {script: `Promise.reject(new Error("no"))`, want: "exception"},
		"dialog":      {script: `alert("ran")`, want: "alert: ran"},
		"inline":      {page: `<script>1</script>`, want: "Content Security Policy"},
		"handler":     {page: `<img alt="" src="data:,x" onerror="alert(1)">`, want: "Content Security Policy"},
		"style":       {page: `<p style="color:red">`, want: "Content Security Policy"},
		"other host":  {page: `<a href="` + elsewhere + `/x">There</a>`, want: "another host", check: follow("There")},
		"not there":   {page: `<script src="/missing.js"></script>`, want: "404"},
		"no label":    {page: `<input>`, want: "critical", check: accessible},
		"too wide":    {page: strings.Repeat("x", 500), want: "does not fit 360 px", check: fits},
		"an attack":   {page: `<i hostile></i>x`, want: "went through", check: (*browser.Page).Unharmed},
		"turned text": {page: "<p>\u202ex", want: "turned round", check: (*browser.Page).Unharmed},
	}
	for name, test := range bad {
		t.Run(name, func(t *testing.T) {
			text := head + test.page
			if test.script != "" {
				text += `<script src="/bad.js"></script>`
			}
			url := site(t, map[string]string{"/": text, "/bad.js": test.script})
			r := &recorder{TB: t}
			p := browser.Open(r, url)
			p.Go(url)
			if test.check != nil {
				test.check(p)
			}
			if said := r.finish(); !strings.Contains(said, test.want) {
				t.Errorf("said %q, want %q", said, test.want)
			}
		})
	}
}

func follow(link string) func(*browser.Page) {
	return func(p *browser.Page) { p.Follow(func() { p.Click(browser.Link(link)) }) }
}

func accessible(p *browser.Page) { p.Accessible() }

func fits(p *browser.Page) { p.Fits(360) }

func TestAttacksDoNothingToAGoodPage(t *testing.T) {
	var rows strings.Builder
	for _, a := range browser.Attacks() {
		fmt.Fprintf(&rows, "<p>%s</p>", html.EscapeString(strings.NewReplacer("\u202e", "", "\u2066", "", "\u200f", "").Replace(a.Text)))
	}
	url := site(t, map[string]string{"/": strings.Replace(form, "</main>", rows.String()+"</main>", 1)})
	p := browser.Open(t, url)
	p.Go(url)
	for _, a := range browser.Attacks() {
		p.See(a.Mark)
	}
	p.Unharmed()
}

func TestArrival(t *testing.T) {
	url := site(t, map[string]string{"/form": form})
	p := browser.Open(t, url)
	p.Go(url + "/form")
	arrived := p.Expect("p", "hello")
	began := time.Now()
	p.Run(`setTimeout(() => { const e = document.createElement("p"); e.textContent = "say hello"; document.body.append(e) }, 300)`)
	if took := arrived().Sub(began); took < 250*time.Millisecond || took > 5*time.Second {
		t.Errorf("it came after %s, not 300 ms", took)
	}
}

func TestWalkByKeyboard(t *testing.T) {
	const css = `a:focus { outline: none } .covered { position: fixed; top: -9em }`
	page := strings.Replace(form, "<h1>", `<link rel="stylesheet" href="/x.css"><a href="/1">no ring</a><a href="/2" class="covered">outside</a><label>Day <input type="date"></label><h1>`, 1)
	page = strings.Replace(page, "</main>", `<button disabled>off</button><a href="/3" tabindex="-1">not meant</a><span onclick="1">no stop</span></main>`, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x.css" {
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, css)
			return
		}
		fmt.Fprint(w, page)
	}))
	defer s.Close()
	p := browser.Open(t, s.URL)
	p.Go(s.URL)
	want := []browser.Stop{{"a", "no ring", false}, {"a", "outside", false}, {"input", "Day", true}, {"input", "Your name", true}, {"select", "Role", true}, {"button", "Send", true}}
	if got := p.Walk(); !slices.Equal(got, want) {
		t.Errorf("the walk is\n%v, want\n%v", got, want)
	}
	if left := p.Unreached(); len(left) > 0 {
		t.Errorf("not reached: %q", left)
	}
	p.Run(`document.querySelector("main").insertAdjacentHTML("beforeend", "<button>late</button>")`)
	if left := p.Unreached(); len(left) != 1 || left[0] != "<button>late</button>" {
		t.Errorf("not reached: %q, want the button that came late", left)
	}
}
