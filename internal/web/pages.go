package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Pages are the templates of a door. They are safe for concurrent use.
type Pages struct{ byName map[string]*template.Template }

// Parse reads every .html file of fsys, wherever it is in there. Those whose base
// names are in shared belong to all pages; each other one is a page, named by its
// file without the extension, that may define the templates of the shared files
// anew. If a shared file defines "layout", pages are rendered by it, otherwise by
// themselves. A key that a map has not is an error.
func Parse(fsys fs.FS, funcs template.FuncMap, shared ...string) (*Pages, error) {
	base := template.New("").Funcs(funcs).Option("missingkey=error")
	texts, found := map[string]string{}, map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		name := path.Base(file)
		if err != nil || entry.IsDir() || path.Ext(name) != ".html" {
			return err
		}
		if found[name] {
			return fmt.Errorf("two templates are named %s", name)
		}
		found[name] = true
		data, err := fs.ReadFile(fsys, file)
		if err == nil && slices.Contains(shared, name) {
			_, err = base.New(name).Parse(string(data))
		} else if err == nil {
			texts[name] = string(data)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	for _, name := range shared {
		if !found[name] {
			return nil, fmt.Errorf("reading the templates: %s is missing", name)
		}
	}
	p := &Pages{map[string]*template.Template{}}
	for name, text := range texts {
		set, err := base.Clone()
		if err == nil {
			_, err = set.New(name).Parse(text)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the templates: %w", err)
		}
		p.byName[strings.TrimSuffix(name, ".html")] = set
	}
	return p, nil
}

// Names lists the pages, sorted.
func (p *Pages) Names() []string {
	names := make([]string, 0, len(p.byName))
	for name := range p.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Render answers with a page. It is put together before anything is sent: if that
// fails, nothing was sent but headers, and the error says why.
func (p *Pages) Render(w http.ResponseWriter, status int, name string, data any) error {
	part := "layout"
	if set := p.byName[name]; set != nil && set.Lookup(part) == nil {
		part = name + ".html"
	}
	return p.RenderPart(w, status, name, part, data)
}

// RenderPart answers with one template of a page, for example what htmx puts in the
// place of an element. It is otherwise like Render.
func (p *Pages) RenderPart(w http.ResponseWriter, status int, name, part string, data any) error {
	html, err := p.Part(name, part, data)
	if err != nil {
		return err
	}
	h := w.Header()
	SetHeaders(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	w.WriteHeader(status)
	_, err = w.Write(html)
	return err
}

// Part returns one template of a page, for example as the data of a server-sent
// event.
func (p *Pages) Part(name, part string, data any) ([]byte, error) {
	set := p.byName[name]
	if set == nil {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	var b bytes.Buffer
	if err := set.ExecuteTemplate(&b, part, data); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return b.Bytes(), nil
}
