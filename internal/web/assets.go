package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

//go:embed static vendored/*.js
var files embed.FS

//go:embed vendored/*.LICENSE* vendored/*.NOTICE
var licences embed.FS

// assetRoot is where assets are on every listener.
const assetRoot = "/assets/"

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

type asset struct {
	path        string // with the fingerprint
	contentType string
	tag         string // hex, without quotes
	plain       []byte
	zipped      func() []byte // made at first use
}

type assetTable struct{ byName, byPath map[string]*asset }

// assets reads what is embedded once, when it is needed first.
var assets = sync.OnceValue(func() assetTable {
	t := assetTable{map[string]*asset{}, map[string]*asset{}}
	for _, directory := range []string{"static", "vendored"} {
		if err := t.read(directory); err != nil {
			panic("web: " + err.Error()) // what is embedded is wrong; the tests see it
		}
	}
	if err := t.add("licences.txt", []byte(Licences())); err != nil {
		panic("web: " + err.Error())
	}
	return t
})

// Licences returns the licences and notices of all that pages are made of and that
// is from others. They are served as the asset "licences.txt", too.
func Licences() string { return worldmap.Licences() + notices(licences, "vendored") }

// notices joins the texts of a directory, each below its name.
func notices(fsys fs.FS, directory string) string {
	var b strings.Builder
	entries, err := fs.ReadDir(fsys, directory)
	if err != nil {
		panic("web: " + err.Error())
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(fsys, path.Join(directory, entry.Name()))
		if err != nil {
			panic("web: " + err.Error())
		}
		fmt.Fprintf(&b, "==== %s ====\n\n%s\n\n", entry.Name(), bytes.TrimSpace(text))
	}
	return b.String()
}

// read adds what is in a directory. A directory in it is one asset, made of its
// files in the order of their names.
func (t assetTable) read(directory string) error {
	entries, err := files.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		parts := []string{path.Join(directory, entry.Name())}
		if entry.IsDir() {
			if parts, err = fs.Glob(files, path.Join(parts[0], "*")); err != nil {
				return err
			}
		}
		var data []byte
		for _, part := range parts {
			text, err := files.ReadFile(part)
			if err != nil {
				return err
			}
			data = append(data, text...)
		}
		if err := t.add(entry.Name(), data); err != nil {
			return err
		}
	}
	return nil
}

func (t assetTable) add(name string, data []byte) error {
	a, err := newAsset(name, data)
	if err != nil {
		return err
	}
	t.byName[name], t.byPath[a.path] = a, a
	return nil
}

func newAsset(name string, data []byte) (*asset, error) {
	extension := path.Ext(name)
	contentType, ok := contentTypes[extension]
	if !ok {
		return nil, fmt.Errorf("%s: no content type is known for %q", name, extension)
	}
	sum := sha256.Sum256(data)
	tag := hex.EncodeToString(sum[:8])
	return &asset{
		path:        assetRoot + strings.TrimSuffix(name, extension) + "." + tag + extension,
		contentType: contentType,
		tag:         tag,
		plain:       data,
		zipped: sync.OnceValue(func() []byte {
			var b bytes.Buffer
			z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails for unknown levels only
			z.Write(data)                                         // a buffer takes everything
			z.Close()
			return b.Bytes()
		}),
	}, nil
}

// AssetPath returns the path of an asset, such as "/assets/web.4f3c0a….css" for
// "web.css". The path changes with the content. It panics if there is none of that
// name, since names are constants.
func AssetPath(name string) string {
	p, err := assetPath(name)
	if err != nil {
		panic("web: " + err.Error())
	}
	return p
}

func assetPath(name string) (string, error) {
	if a := assets().byName[name]; a != nil {
		return a.path, nil
	}
	return "", fmt.Errorf("there is no asset %q", name)
}

// Assets serves the stylesheet, the scripts and the images of all pages, at the
// paths that AssetPath returns. They may be kept for ever, since another content has
// another path; any other path is not found. It is safe for concurrent use and needs
// no session.
func Assets() http.Handler { return http.HandlerFunc(serveAsset) }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	a := assets().byPath[r.URL.Path]
	if a == nil {
		h.Set("Cache-Control", "no-store") // another node may know it in a moment
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	data, tag := a.plain, a.tag
	if acceptsGzip(strings.Join(r.Header.Values("Accept-Encoding"), ",")) {
		data, tag = a.zipped(), a.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(data))) // ServeContent leaves it out for an encoded content
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3): gzip is
// accepted if it is named, or else if "*" is, with a weight above zero. What cannot
// be understood accepts nothing.
func acceptsGzip(header string) bool {
	named, any := -1.0, -1.0
	for item := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			named = max(named, weight(parameters))
		case "*":
			any = max(any, weight(parameters))
		}
	}
	if named >= 0 {
		return named > 0
	}
	return any > 0
}

// weight reads "q=0.5". Without a weight it is 1, with one that is none 0.
func weight(parameters string) float64 {
	parameters = strings.TrimSpace(parameters)
	if parameters == "" {
		return 1
	}
	name, value, _ := strings.Cut(parameters, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
