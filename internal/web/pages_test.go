package web_test

import (
	"errors"
	"fmt"
	"html/template"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fluxstudio/gatehouse/internal/web"
)

var now = time.Date(2026, 11, 23, 18, 30, 0, 0, time.UTC)

func clock() time.Time { return now }

// site makes templates of pairs of name and text.
func site(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func ExamplePages_Render() {
	pages, err := web.Parse(site(
		"layout.html", `{{define "layout"}}<title>{{.Title}}</title>{{template "main" .}}{{end}}`,
		"blocks.html", `{{define "main"}}<h1>{{plural .N "block" "blocks"}}</h1>{{end}}`,
	), web.Funcs(time.Now), "layout.html")
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	if err := pages.Render(w, 200, "blocks", map[string]any{"Title": "<Blocks>", "N": 1200}); err != nil {
		panic(err)
	}
	fmt.Println(w.Code, w.Body)
	// Output: 200 <title>&lt;Blocks&gt;</title><h1>1,200 blocks</h1>
}

func TestPagesAreApart(t *testing.T) {
	pages, err := web.Parse(site(
		"shared/layout.html", `{{define "layout"}}[{{template "main" .}}{{block "aside" .}}-{{end}}]{{end}}`,
		"a.html", `{{define "main"}}A{{end}}{{define "aside"}}own{{end}}`,
		"deep/b.html", `{{define "main"}}B{{template "row" .}}{{end}}{{define "row"}}<i>{{.}}</i>{{end}}`,
		"readme.txt", `{{broken`,
	), web.Funcs(clock), "layout.html")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "[Aown]", "b": "[B<i>&lt;x&gt;</i>-]"} {
		w := httptest.NewRecorder()
		if err := pages.Render(w, 418, name, "<x>"); err != nil || w.Body.String() != want || w.Code != 418 {
			t.Errorf("%s: %d %q %v", name, w.Code, w.Body, err)
		}
		if w.Header().Get("Content-Length") != fmt.Sprint(len(want)) || w.Header().Get("Content-Type") != "text/html; charset=utf-8" ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	if part, err := pages.Part("b", "row", "&"); err != nil || string(part) != "<i>&amp;</i>" {
		t.Errorf("%q %v", part, err)
	}
	if names := fmt.Sprint(pages.Names()); names != "[a b]" {
		t.Error(names)
	}
}

func TestPagesWithoutLayout(t *testing.T) {
	pages, err := web.Parse(site("a.html", "plain {{.}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := pages.Render(w, 200, "a", 1); err != nil || w.Body.String() != "plain 1" {
		t.Errorf("%q %v", w.Body, err)
	}
}

// A page that fails half way sends nothing, so that an error page can be sent.
func TestPagesFailWhole(t *testing.T) {
	funcs := template.FuncMap{"fail": func() (string, error) { return "", errors.New("store down") }}
	pages, err := web.Parse(site("a.html", "<h1>half</h1>{{fail}}", "b.html", "{{.Missing}}"), funcs)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "store down", "b": "Missing", "nothing": "no page"} {
		w := httptest.NewRecorder()
		err := pages.Render(w, 200, name, map[string]any{})
		if err == nil || !strings.Contains(err.Error(), want) || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s: %v, sent %q %v", name, err, w.Body, w.Header())
		}
	}
}

func TestPagesThatAreWrong(t *testing.T) {
	for want, test := range map[string]struct {
		fs     fstest.MapFS
		shared []string
	}{
		"is missing":    {site("a.html", ""), []string{"layout.html"}},
		"two templates": {site("a.html", "", "b/a.html", ""), nil},
		"unclosed":      {site("a.html", "{{if"), nil},
		"not defined":   {site("a.html", "{{nothing}}"), nil},
		"layout.html":   {site("layout.html", "{{end}}"), []string{"layout.html"}},
	} {
		if _, err := web.Parse(test.fs, nil, test.shared...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := web.Parse(os.DirFS("/nonexistent"), nil); err == nil {
		t.Error("no directory, no error")
	}
}

func TestHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	web.SetHeaders(w.Header())
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s is not in %s", want, policy)
		}
	}
	for _, never := range []string{"unsafe", "*", "http:", "https:"} {
		if strings.Contains(policy, never) {
			t.Errorf("%s is in %s", never, policy)
		}
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestLocation(t *testing.T) {
	for cookie, want := range map[string]string{
		"": "UTC", "tz=Europe/Lisbon": "Europe/Lisbon", "tz=Asia/Calcutta": "Asia/Calcutta", "tz=America/Argentina/Buenos_Aires": "America/Argentina/Buenos_Aires",
		"tz=UTC": "UTC", "tz=": "UTC", "tz=Local": "UTC", "tz=Nowhere/At_All": "UTC", "tz=../../etc/passwd": "UTC", "tz=/etc/localtime": "UTC", "tz=Europe": "UTC",
		`tz=..\x`: "UTC", "tz=%2e%2e": "UTC", "tz=" + strings.Repeat("x", 5000): "UTC", "other=Europe/Lisbon": "UTC",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookie)
		for range 2 { // the second time from memory
			if got := web.Location(r).String(); got != want {
				t.Errorf("%.60s: %s, want %s", cookie, got, want)
			}
		}
	}
}
