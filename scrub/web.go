package scrub

import (
	"net/http"
	"net/url"
	"strings"
)

// Header returns a copy of h: values under secret names replaced, of cookies the
// names kept, all else scrubbed as text. It returns nil for nil.
func (s *Scrubber) Header(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	c := make(http.Header, len(h))
	for name, values := range h {
		key := s.Text(name)
		clean := make([]string, len(values))
		for i, v := range values {
			if clean[i] = s.header(name, v); key != name {
				clean[i] = s.header(key, clean[i])
			}
		}
		c[key] = append(c[key], clean...)
	}
	return c
}

func (s *Scrubber) header(name, value string) string {
	switch squash(name) {
	case "cookie":
		return s.Cookie(value)
	case "setcookie":
		return s.SetCookie(value)
	}
	if s.classify(name).hides(value, inQuery) {
		return Scrubbed
	}
	return s.Text(value)
}

// Cookie returns the value of a Cookie header with the names of the cookies and
// none of their values.
func (s *Scrubber) Cookie(header string) string {
	return s.settle(header, func(header string) string {
		parts := strings.Split(header, ";")
		for i, p := range parts {
			parts[i] = s.cookie(p)
		}
		return strings.Join(parts, ";")
	})
}

// SetCookie returns the value of a Set-Cookie header with the name of the cookie
// and its attributes.
func (s *Scrubber) SetCookie(header string) string {
	return s.settle(header, func(header string) string {
		parts := strings.Split(header, ";")
		for i, p := range parts {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			if i > 0 && cookieAttributes[strings.ToLower(name)] {
				if s.Text(value) != value {
					parts[i] = " " + name + "=" + Scrubbed
				}
				continue
			}
			parts[i] = s.cookie(p)
		}
		return strings.Join(parts, ";")
	})
}

var cookieAttributes = wordSet("path domain expires max-age secure httponly samesite partitioned priority")

// cookie scrubs one pair. What has no name might be a value.
func (s *Scrubber) cookie(pair string) string {
	name, value, ok := strings.Cut(pair, "=")
	switch {
	case strings.TrimSpace(pair) == "":
		return pair
	case !ok || len(name) > maxName || s.Text(name) != name:
		return " " + Scrubbed
	case value == "":
		return pair
	}
	return name + "=" + Scrubbed
}

// Query returns a query string, or a form in the same encoding, with or without
// its "?", where the values under secret names are replaced and the others
// scrubbed as text, whatever layers of percent-encoding they are in.
func (s *Scrubber) Query(query string) string {
	return s.settle(query, func(query string) string {
		rest, mark := query, ""
		if q, ok := strings.CutPrefix(query, "?"); ok {
			rest, mark = q, "?"
		}
		parts := strings.Split(rest, "&")
		for i, p := range parts {
			parts[i] = s.parameter(p)
		}
		return s.Text(mark + strings.Join(parts, "&"))
	})
}

// Form is Query under the name of what else has that encoding.
func (s *Scrubber) Form(form string) string { return s.Query(form) }

func (s *Scrubber) parameter(pair string) string {
	name, value, ok := strings.Cut(pair, "=")
	if s.text(name) != name {
		if !ok {
			return Scrubbed
		}
		return Scrubbed + "=" + Scrubbed
	}
	switch {
	case !ok || value == "" || value == Scrubbed:
		return pair
	case s.classify(name[strings.LastIndexAny(strings.TrimSpace(name), "?#;/ ")+1:]).hides(value, inQuery):
		return name + "=" + Scrubbed
	}
	plain := unescapeOnce(strings.ReplaceAll(value, "+", " "))
	clean := s.text(plain)
	if clean == plain {
		return pair
	}
	return name + "=" + strings.ReplaceAll(url.QueryEscape(clean), "%5Bscrubbed%5D", Scrubbed)
}

// unescape takes all layers of percent-encoding off. It fails if there are too
// many. What is malformed stays.
func unescape(v string) (plain string, ok bool) {
	for range maxLayers {
		plain = unescapeOnce(v)
		if plain == v {
			return v, true
		}
		v = plain
	}
	return "", false
}

func unescapeOnce(v string) string {
	if strings.IndexByte(v, '%') < 0 {
		return v
	}
	b := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if d, ok := hexAt(v, i+1, 2); ok && v[i] == '%' {
			b = append(b, byte(d))
			i += 2
		} else {
			b = append(b, v[i])
		}
	}
	return string(b)
}

// Values returns a copy of a parsed query or form. It returns nil for nil.
func (s *Scrubber) Values(v url.Values) url.Values {
	if v == nil {
		return nil
	}
	c := make(url.Values, len(v))
	for name, values := range v {
		key := s.text(name)
		hide := max(s.classify(name), s.classify(key))
		clean := make([]string, len(values))
		for i, x := range values {
			if hide.hides(x, inQuery) {
				clean[i] = Scrubbed
				continue
			}
			clean[i] = s.text(x)
		}
		c[key] = append(c[key], clean...)
	}
	return c
}

// text scrubs what may have further layers of percent-encoding on it.
func (s *Scrubber) text(x string) string {
	clean := s.Text(x)
	if !strings.ContainsAny(clean, "%+") {
		return clean
	}
	if plain, ok := unescape(clean); !ok || s.spaced(plain) != plain {
		return Scrubbed
	}
	return clean
}

// spaced scrubs a text in which "+" may stand for a space.
func (s *Scrubber) spaced(x string) string {
	clean := s.Text(x)
	if strings.IndexByte(clean, '+') < 0 {
		return clean
	}
	with := strings.ReplaceAll(clean, "+", " ")
	if c := s.Text(with); c != with {
		return c
	}
	return clean
}

// URL returns a URL, absolute or not, well-formed or not, without user information
// and without the secrets in its path, query and fragment.
func (s *Scrubber) URL(u string) string {
	return s.settle(u, func(u string) string {
		rest, fragment, hasFragment := strings.Cut(u, "#")
		clean := s.reference(rest)
		if hasFragment {
			clean += "#" + s.reference(fragment)
		}
		return s.Text(clean)
	})
}

func (s *Scrubber) reference(r string) string {
	path, query, ok := strings.Cut(r, "?")
	if !ok && strings.Contains(path, "=") && !strings.ContainsAny(path, "/:") {
		return s.Query(path) // a fragment: access_token=...
	}
	if at := strings.IndexByte(path, '@'); at >= 0 && !strings.Contains(path, "//") {
		if first := path[:at]; strings.Contains(first, ":") && !strings.ContainsAny(first, "/") && !strings.HasPrefix(path, "mailto:") {
			path = Scrubbed + path[at:]
		}
	}
	path = s.text(path)
	if !ok {
		return path
	}
	return path + "?" + s.Query(query)
}
