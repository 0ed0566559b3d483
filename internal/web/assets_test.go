package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/web"
)

var names = map[string]string{ // to content types
	"web.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "theme.js": "text/javascript; charset=utf-8",
	"htmx.min.js": "text/javascript; charset=utf-8", "htmx-sse.min.js": "text/javascript; charset=utf-8",
	"echarts.min.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml", "licences.txt": "text/plain; charset=utf-8",
}

func ask(method, path string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path
	r.Header = header
	w := httptest.NewRecorder()
	web.Assets().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Content-Encoding") != "gzip" || len(data) == 0 {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAssetsAreServed(t *testing.T) {
	for name, contentType := range names {
		path := web.AssetPath(name)
		if !regexp.MustCompile(`^/assets/[a-z.-]+\.[0-9a-f]{16}\.(css|js|svg|txt)$`).MatchString(path) {
			t.Errorf("%s is at %s", name, path)
		}
		plain := ask("GET", path, http.Header{})
		zipped := ask("GET", path, http.Header{"Accept-Encoding": {"br, gzip"}})
		a, b := body(t, plain), body(t, zipped)
		if len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s: %d bytes plain, %d unzipped", name, len(a), len(b))
		}
		for _, r := range []*http.Response{plain, zipped} {
			h := r.Header
			if r.StatusCode != 200 || h.Get("Content-Type") != contentType || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: %d %v", name, r.StatusCode, h)
			}
		}
		if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.ContentLength >= plain.ContentLength {
			t.Errorf("%s: %d bytes zipped, %d plain", name, zipped.ContentLength, plain.ContentLength)
		}
		if zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
			t.Errorf("%s: both have the tag %s", name, plain.Header.Get("ETag"))
		}
		sum := sha256.Sum256(a)
		if !strings.Contains(path, hex.EncodeToString(sum[:8])) {
			t.Errorf("%s does not name the content of %s", path, name)
		}
	}
}

func TestAssetsOfHead(t *testing.T) {
	path := web.AssetPath("web.css")
	for _, encoding := range []string{"", "gzip"} {
		get, head := ask("GET", path, http.Header{"Accept-Encoding": {encoding}}), ask("HEAD", path, http.Header{"Accept-Encoding": {encoding}})
		if n := len(body(t, head)); n > 0 || head.StatusCode != 200 || head.ContentLength != get.ContentLength || head.Header.Get("ETag") != get.Header.Get("ETag") {
			t.Errorf("HEAD %q: %d, %d bytes, %v", encoding, head.StatusCode, n, head.Header)
		}
	}
}

func TestAssetsThatAreKnown(t *testing.T) {
	path := web.AssetPath("app.js")
	for _, encoding := range []string{"identity", "gzip"} {
		tag := ask("GET", path, http.Header{"Accept-Encoding": {encoding}}).Header.Get("ETag")
		for header, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200} {
			r := ask("GET", path, http.Header{"Accept-Encoding": {encoding}, "If-None-Match": {header}})
			if r.StatusCode != want || want == 304 && len(body(t, r)) > 0 {
				t.Errorf("%s, If-None-Match: %s: %d", encoding, header, r.StatusCode)
			}
		}
	}
}

func TestAssetsInParts(t *testing.T) {
	path := web.AssetPath("web.css")
	whole := body(t, ask("GET", path, http.Header{}))
	r := ask("GET", path, http.Header{"Range": {"bytes=10-19"}})
	if part := body(t, r); r.StatusCode != 206 || string(part) != string(whole[10:20]) {
		t.Errorf("%d %q", r.StatusCode, part)
	}
	if r := ask("GET", path, http.Header{"Range": {"bytes=99999999-"}}); r.StatusCode != 416 {
		t.Errorf("beyond the end: %d", r.StatusCode)
	}
}

func TestAssetsThatAreNot(t *testing.T) {
	path := web.AssetPath("web.css")
	for _, wrong := range []string{"/", "/assets/", "/assets", "/assets/web.css", "/assets/web.0000000000000000.css", path + "/", path + "\x00", "/assets/../assets/web.css",
		"/assets/doc.go", "/assets/vendored/README.md", "/assets/htmx.LICENSE", strings.ToUpper(path), strings.Repeat("/assets/x", 4000)} {
		if r := ask("GET", wrong, http.Header{}); r.StatusCode != 404 || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.60q: %d %v", wrong, r.StatusCode, r.Header)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", ""} {
		if r := ask(method+"X", path, http.Header{}); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a path for an asset that is not")
		}
	}()
	web.AssetPath("nothing.css")
}

func TestAcceptEncoding(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZip": true, "x-gzip": true, "deflate, gzip;q=1.0, *;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip ; Q = 0.3": true,
		"*": true, "*;q=0": false, "gzip;q=0, *": false, "identity;q=1, *;q=0": false, "br": false, "gzipped": false, "gzip;q=x": false, "gzip;q=": false,
		"gzip;q=NaN": false, "gzip;q=-1": false, "gzip;q=2": false, "gzip;level=9": false, ",,;": false, "gzip;q=0.001": true,
	} {
		r := ask("HEAD", web.AssetPath("theme.js"), http.Header{"Accept-Encoding": {header}})
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: gzip %v, want %v", header, got, want)
		}
	}
	// A header may come in several lines.
	r := ask("HEAD", web.AssetPath("theme.js"), http.Header{"Accept-Encoding": {"br", "gzip"}})
	if r.Header.Get("Content-Encoding") != "gzip" {
		t.Error("the second line was not read")
	}
}

func TestAssetsAtOnce(t *testing.T) {
	want := body(t, ask("GET", web.AssetPath("htmx.min.js"), http.Header{}))
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			r := ask("GET", web.AssetPath("htmx.min.js"), http.Header{"Accept-Encoding": {"gzip"}})
			if got := body(t, r); !bytes.Equal(got, want) {
				t.Errorf("%d bytes", len(got))
			}
		})
	}
	all.Wait()
}

func FuzzAssets(f *testing.F) {
	f.Add("GET", web.AssetPath("web.css"), "gzip;q=0.5", "", "")
	f.Add("HEAD", "/assets/../x", "*;q=0", `"x"`, "bytes=0-")
	f.Add("POST", "", ";;q=", "W/", "bytes=-1,5-2")
	f.Fuzz(func(t *testing.T, method, path, encoding, tag, ranges string) {
		r := ask("GET", "/", http.Header{"Accept-Encoding": {encoding}})
		if r.StatusCode != 404 {
			t.Fatal("the root is an asset")
		}
		q := httptest.NewRequest("GET", "/", nil)
		q.Method, q.URL.Path = method, path
		q.Header = http.Header{"Accept-Encoding": {encoding}, "If-None-Match": {tag}, "Range": {ranges}}
		w := httptest.NewRecorder()
		web.Assets().ServeHTTP(w, q)
		known := false
		for name := range names {
			known = known || path == web.AssetPath(name)
		}
		switch {
		case method != "GET" && method != "HEAD":
			if w.Code != 405 {
				t.Errorf("%q: %d", method, w.Code)
			}
		case !known && w.Code != 404:
			t.Errorf("%q: %d", path, w.Code)
		case known && w.Code != 200 && w.Code != 304 && w.Code != 206 && w.Code != 416:
			t.Errorf("%q with %q, %q: %d", path, tag, ranges, w.Code)
		}
	})
}

func TestLicences(t *testing.T) {
	all := web.Licences()
	for _, want := range []string{"Apache License", "Apache ECharts", "BSD Zero Clause", "ISC License", "Cole Bemis", "UNICODE LICENSE", "Bostock", "MIT", "d3"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// What is from others is what the table says, and its licence is beside it.
func TestVendored(t *testing.T) {
	readme, err := os.ReadFile("vendored/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\| ([0-9.]+) \\| (.+) \\| `([0-9a-f]{64})` \\|$").FindAllStringSubmatch(string(readme), -1)
	listed := map[string]bool{"README.md": true}
	for _, row := range rows {
		data, err := os.ReadFile(filepath.Join("vendored", row[1]))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != row[5] {
			t.Errorf("%s is not what the table says: run scripts/refresh-web-vendored", row[1])
		}
		listed[row[1]] = true
		_, licences, _ := strings.Cut(row[4], ": ")
		for _, licence := range strings.Split(licences, ", ") {
			listed[licence] = true
			if text, err := os.ReadFile(filepath.Join("vendored", licence)); err != nil || len(text) < 100 {
				t.Errorf("%s: licence %s: %v", row[1], licence, err)
			}
		}
	}
	files, err := os.ReadDir("vendored")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !listed[file.Name()] {
			t.Errorf("%s is not in the table", file.Name())
		}
	}
	if len(rows) != 4 {
		t.Errorf("%d rows", len(rows))
	}
}
