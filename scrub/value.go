package scrub

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Value returns v without the secrets in it. Numbers, truth values, times and
// addresses come back as they are; texts, and what can say itself as text (errors,
// fmt.Stringer, encoding.TextMarshaler), as scrubbed strings; headers, queries and
// URLs as those do; JSON as json.RawMessage; maps and structs as map[string]any by
// the names of their keys, or fields and json tags, without unexported fields;
// lists as []any. []string, map[string]string and []map[string]any keep their
// types. Pointers are followed.
//
// What is deeper than MaxDepth, a list beyond MaxItems, a map with more keys than
// that, and all beyond 100 × MaxItems parts or MaxBytes of text are replaced, and
// so are functions, channels and what panics when it is asked.
func (s *Scrubber) Value(v any) (clean any) {
	switch v := v.(type) {
	case nil, bool, int, int64, float64, time.Time, time.Duration:
		return v
	case string:
		return s.Text(v)
	}
	w := walk{sc: s, parts: 100 * s.o.MaxItems, room: s.o.MaxBytes, work: 4 * s.o.MaxBytes}
	return w.value(v, 0)
}

// Named returns v, which stands under the name, without the secrets in it.
func (s *Scrubber) Named(name string, v any) any {
	w := walk{sc: s, parts: 100 * s.o.MaxItems, room: s.o.MaxBytes, work: 4 * s.o.MaxBytes}
	return w.named(name, v, 0)
}

// walk is one call of Value.
type walk struct {
	sc    *Scrubber
	parts int // that may still be looked at
	room  int // bytes that may still be kept
	work  int // bytes that may still be looked at
}

// text scrubs a text as far as there is room.
func (w *walk) text(x string) string {
	if len(x) > w.work || len(x) > w.room && x != Scrubbed {
		return Scrubbed
	}
	w.work -= len(x)
	x = w.sc.Text(x)
	if x == Scrubbed || len(x) > w.room {
		return Scrubbed
	}
	w.room -= len(x)
	return x
}

// named scrubs what stands under a name.
func (w *walk) named(name string, v any, depth int) (clean any) {
	defer func() {
		if recover() != nil {
			clean = Scrubbed
		}
	}()
	c := w.sc.classify(name)
	if c == public || c == queryOnly {
		return w.value(v, depth)
	}
	if x, ok := scalarText(v); !ok || c.hides(x, inValue) {
		return Scrubbed
	}
	return w.value(v, depth)
}

// scalarText returns what a plain value says.
func scalarText(v any) (text string, ok bool) {
	r := reflect.ValueOf(v)
	for range 4 {
		if r.Kind() != reflect.Pointer || r.IsNil() {
			break
		}
		r = r.Elem()
	}
	switch k := r.Kind(); {
	case k == reflect.String:
		return r.String(), true
	case k == reflect.Invalid, k == reflect.Pointer && r.IsNil(), k == reflect.Bool:
		return "none", true // a plain word
	case isNumber(k):
		return fmt.Sprint(r), true
	}
	return "", false
}

func (w *walk) value(v any, depth int) (clean any) {
	defer func() {
		if recover() != nil { // in a method of v, or in a map that is being written
			clean = Scrubbed
		}
	}()
	if w.parts--; w.parts < 0 || depth > w.sc.o.MaxDepth {
		return Scrubbed
	}
	switch v := v.(type) {
	case nil, bool, int, int64, float64, time.Time, time.Duration, netip.Addr, netip.Prefix, netip.AddrPort:
		return v
	case string:
		return w.text(v)
	case []byte:
		return w.bytes(v)
	case json.RawMessage:
		return json.RawMessage(w.fit(len(v), func() []byte { return w.sc.JSON(v) }, scrubbedJSON))
	case http.Header:
		return w.header(v)
	case url.Values:
		return w.values(v)
	case url.URL:
		return string(w.fit(len(v.Path)+len(v.RawQuery), func() []byte { return []byte(w.sc.URL(v.String())) }, Scrubbed))
	case *url.URL:
		if v == nil {
			return nil
		}
		return w.value(*v, depth)
	case *http.Request:
		return w.request(v, depth)
	case *http.Cookie, http.Cookie, *url.Userinfo:
		return Scrubbed
	}
	return w.reflect(reflect.ValueOf(v), depth)
}

// fit calls f if there is room for what it looks at and what it returns.
func (w *walk) fit(size int, f func() []byte, instead string) []byte {
	if size > w.work || size > w.room {
		return []byte(instead)
	}
	w.work -= size
	b := f()
	if len(b) > w.room {
		return []byte(instead)
	}
	w.room -= len(b)
	return b
}

func (w *walk) bytes(v []byte) any {
	if !utf8.Valid(v) {
		return Scrubbed
	}
	return string(w.fit(len(v), func() []byte { return []byte(w.sc.Text(string(w.sc.Body("", v)))) }, Scrubbed))
}

// header scrubs a header if there is room.
func (w *walk) header(h http.Header) any {
	if !w.looksAt(h) {
		return Scrubbed
	}
	if h = w.sc.Header(h); !w.keeps(h) {
		return Scrubbed
	}
	return h
}

func (w *walk) values(v url.Values) any {
	if !w.looksAt(v) {
		return Scrubbed
	}
	if v = w.sc.Values(v); !w.keeps(v) {
		return Scrubbed
	}
	return v
}

func (w *walk) looksAt(m map[string][]string) bool {
	size := sizeOf(m)
	if size > w.work || size > w.room {
		return false
	}
	w.work -= size
	return true
}

func (w *walk) keeps(m map[string][]string) bool {
	size := sizeOf(m)
	if size > w.room {
		return false
	}
	w.room -= size
	return true
}

func sizeOf(m map[string][]string) int {
	size := 0
	for name, values := range m {
		size += len(name)
		for _, v := range values {
			size += len(v)
		}
	}
	return size
}

// request keeps of a request what can be read without disturbing it.
func (w *walk) request(r *http.Request, depth int) any {
	if r == nil {
		return nil
	}
	return map[string]any{
		"method": w.text(r.Method), "host": w.text(r.Host), "url": w.value(r.URL, depth+1), "header": w.value(r.Header, depth+1),
	}
}

func (w *walk) reflect(r reflect.Value, depth int) any {
	switch r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		if r.IsNil() {
			return nil
		}
	}
	if x, ok := says(r.Interface()); ok {
		clean := w.text(x)
		if clean == x && isNumber(r.Kind()) {
			return r.Interface() // such as a slog.Level
		}
		return clean
	}
	switch k := r.Kind(); {
	case k == reflect.Bool || isNumber(k):
		return r.Interface()
	case k == reflect.String:
		return w.text(r.String())
	case k == reflect.Pointer:
		return w.value(r.Elem().Interface(), depth+1)
	case k == reflect.Struct:
		return w.structure(r, depth)
	case k == reflect.Map:
		return w.mapping(r, depth)
	case k == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8:
		return w.bytes(r.Bytes())
	case k == reflect.Slice || k == reflect.Array:
		return w.list(r, depth)
	}
	return Scrubbed
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Complex128 }

// says returns the text of what has one.
func says(v any) (text string, ok bool) {
	switch v := v.(type) {
	case error:
		return v.Error(), true
	case fmt.Stringer:
		return v.String(), true
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		return string(b), err == nil
	}
	return "", false
}

// entry is a key and its value.
type entry struct {
	name, tag string
	clean     string // name, scrubbed
	value     reflect.Value
}

func (w *walk) structure(r reflect.Value, depth int) any {
	t := r.Type()
	var entries []entry
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		entries = append(entries, entry{f.Name, tag, "", r.Field(i)})
	}
	if len(entries) > w.sc.o.MaxItems {
		return map[string]any{Scrubbed: Scrubbed}
	}
	return w.entries(entries, depth)
}

func (w *walk) mapping(r reflect.Value, depth int) any {
	if r.Len() > w.sc.o.MaxItems {
		return map[string]any{Scrubbed: Scrubbed}
	}
	entries := make([]entry, 0, r.Len())
	for it := r.MapRange(); it.Next(); {
		entries = append(entries, entry{keyText(it.Key()), "", "", it.Value()})
	}
	m := w.entries(entries, depth)
	if r.Type() != reflect.TypeFor[map[string]string]() {
		return m
	}
	texts := make(map[string]string, len(m))
	for k, v := range m {
		texts[k], _ = v.(string)
	}
	return texts
}

// keyText returns the text of a map's key.
func keyText(k reflect.Value) string {
	if k.Kind() == reflect.Interface {
		k = k.Elem()
	}
	if k.Kind() == reflect.String {
		return k.String()
	}
	if k.IsValid() {
		if x, ok := says(k.Interface()); ok {
			return x
		}
	}
	if k.Kind() == reflect.Bool || isNumber(k.Kind()) {
		return fmt.Sprint(k.Interface())
	}
	return Scrubbed
}

// entries scrubs the members of a map or a struct, in the order of their names, so
// that the same is kept each time when there is no room for all. Where one tells
// that it is the name of a secret, another that is its value is taken out.
func (w *walk) entries(entries []entry, depth int) map[string]any {
	for i, e := range entries {
		entries[i].clean = Scrubbed
		if len(e.name) <= min(w.work, w.room) {
			w.work -= len(e.name)
			entries[i].clean = w.sc.Text(e.name)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.clean, b.clean), strings.Compare(a.name, b.name))
	})
	named := false
	for _, e := range entries {
		x, _ := e.value.Interface().(string)
		named = named || w.sc.saysName(x)
	}
	m := make(map[string]any, len(entries))
	for _, e := range entries {
		name := e.clean
		switch {
		case len(name) > w.room:
			name = Scrubbed
		case name != Scrubbed:
			w.room -= len(name)
		}
		switch {
		case named && (isValueWord(e.name) || isValueWord(e.tag)):
			m[name] = Scrubbed
		case w.sc.Name(e.tag):
			m[name] = w.named(e.tag, e.value.Interface(), depth+1)
		case name != e.name && w.sc.Name(name):
			m[name] = Scrubbed
		default:
			m[name] = w.named(e.name, e.value.Interface(), depth+1)
		}
	}
	return m
}

func (w *walk) list(r reflect.Value, depth int) any {
	n := min(r.Len(), w.sc.o.MaxItems)
	cut := n < r.Len()
	if cut {
		n--
	}
	if r.Type() == reflect.TypeFor[[]string]() {
		texts := make([]string, 0, n+1)
		for i := range n {
			texts = append(texts, w.text(r.Index(i).String()))
		}
		if cut {
			texts = append(texts, Scrubbed)
		}
		return w.arguments(texts)
	}
	list := make([]any, 0, n+1)
	for i := range n {
		list = append(list, w.pairOf(r.Index(i), depth+1))
	}
	if cut {
		list = append(list, Scrubbed)
	}
	if r.Type() == reflect.TypeFor[[]map[string]any]() {
		return asMaps(list)
	}
	return list
}

// arguments hides what follows an option such as --password in a command line that
// is a list.
func (w *walk) arguments(args []string) []string {
	for i, a := range args {
		if i > 0 && w.sc.isOption(args[i-1]) && !strings.HasPrefix(a, "--") {
			args[i] = Scrubbed
		}
	}
	return args
}

// isOption reports whether an argument of a command is an option whose value, the
// next argument, is secret.
func (s *Scrubber) isOption(arg string) bool {
	return strings.HasPrefix(arg, "-") && !strings.ContainsAny(arg, "= ") && s.classify(arg) >= prose
}

// pairOf scrubs an element of a list, which may itself be a list of a name and a
// value.
func (w *walk) pairOf(r reflect.Value, depth int) any {
	if r.Kind() == reflect.Interface {
		r = r.Elem()
	}
	if !r.IsValid() {
		return nil
	}
	if k := r.Kind(); (k == reflect.Slice || k == reflect.Array) && r.Len() == 2 {
		first := r.Index(0)
		if first.Kind() == reflect.Interface {
			first = first.Elem()
		}
		if first.Kind() == reflect.String && w.sc.Name(first.String()) {
			return []any{w.text(first.String()), Scrubbed}
		}
	}
	return w.value(r.Interface(), depth)
}

// asMaps gives a list of maps its type back.
func asMaps(list []any) any {
	maps := make([]map[string]any, len(list))
	for i, x := range list {
		m, ok := x.(map[string]any)
		if !ok && x != nil {
			m = map[string]any{Scrubbed: Scrubbed}
		}
		maps[i] = m
	}
	return maps
}
