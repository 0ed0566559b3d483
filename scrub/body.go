package scrub

import (
	"mime"
	"strings"
	"unicode/utf8"
)

// Body returns the body of a request or an answer, scrubbed as its content type
// asks for: JSON, forms, multipart forms (RFC 7578), other text. Files in a form,
// and what is not text, are replaced. Without a content type it is guessed.
func (s *Scrubber) Body(contentType string, body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch {
	case !utf8.Valid(body):
		return []byte(Scrubbed)
	case strings.HasPrefix(kind, "multipart/"):
		return []byte(s.multipart(params["boundary"], string(body)))
	case kind == "application/x-www-form-urlencoded":
		return []byte(s.Form(string(body)))
	case kind == "application/octet-stream", binaryKind(kind):
		return []byte(Scrubbed)
	case strings.HasSuffix(kind, "json"), looksLikeJSON(body):
		return s.JSON(body)
	}
	return []byte(s.Text(string(body)))
}

func binaryKind(kind string) bool {
	for _, p := range [...]string{"image/", "audio/", "video/", "font/"} {
		if strings.HasPrefix(kind, p) && kind != "image/svg+xml" {
			return true
		}
	}
	return false
}

// multipart scrubs a multipart body part by part. It replaces what it cannot take
// apart.
func (s *Scrubber) multipart(boundary, body string) string {
	if boundary == "" || len(boundary) > 70 {
		return Scrubbed
	}
	return s.settle(body, func(body string) string {
		mark := "--" + boundary
		parts := strings.Split(body, mark)
		if len(parts) < 2 || len(parts) > s.o.MaxItems {
			return Scrubbed
		}
		for i, p := range parts {
			switch {
			case i == 0:
				parts[i] = s.Text(p)
			case i == len(parts)-1 && strings.HasPrefix(p, "--"):
				parts[i] = "--" + s.Text(p[2:])
			default:
				parts[i] = s.part(p)
			}
		}
		return strings.Join(parts, mark)
	})
}

// part scrubs what stands between two boundaries.
func (s *Scrubber) part(p string) string {
	gap := "\r\n\r\n"
	head, content, ok := strings.Cut(p, gap)
	if !ok {
		gap = "\n\n"
		if head, content, ok = strings.Cut(p, gap); !ok {
			return "\r\n" + Scrubbed
		}
	}
	name, file, kind := "", false, ""
	for line := range strings.Lines(head) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.ToLower(field) {
		case "content-disposition":
			_, params, err := mime.ParseMediaType(value)
			if err != nil {
				return "\r\n" + Scrubbed
			}
			name = params["name"]
			_, file = params["filename"]
		case "content-type":
			kind = strings.TrimSpace(value)
		case "content-transfer-encoding":
			file = file || strings.EqualFold(strings.TrimSpace(value), "base64")
		}
	}
	trimmed := strings.TrimRight(content, "\r\n")
	tail := content[len(trimmed):]
	if trimmed == "" {
		return s.Text(head) + gap + content
	}
	if file || s.classify(name).hides(trimmed, inQuery) {
		return s.Text(head) + gap + Scrubbed + tail
	}
	if strings.HasPrefix(kind, "multipart/") {
		kind = "application/octet-stream" // nobody nests these any more
	}
	return s.Text(head) + gap + string(s.Body(kind, []byte(trimmed))) + tail
}
