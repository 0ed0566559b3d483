package authserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// maxBody is the largest body, in bytes.
const maxBody = 16 << 10

// fields are the strings that a body must have, by name.
type fields map[string]*string

// decode reads the body of a request. A field that is missing or null leaves its
// string empty, which is refused for those that are required.
func decode(w http.ResponseWriter, r *http.Request, into fields, required ...string) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return httpguard.ProblemDetails{Status: http.StatusUnsupportedMediaType, Detail: "Send the body as Content-Type: application/json."}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return httpguard.ProblemDetails{Status: http.StatusUnsupportedMediaType, Detail: "Send the body without a Content-Encoding."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case err != nil:
		return badRequest("The body could not be read.")
	}
	if err := parse(body, into); err != nil {
		return err
	}
	for _, name := range required {
		if *into[name] == "" {
			return badRequest(fmt.Sprintf("The field %q is missing or empty.", name))
		}
	}
	return nil
}

// parse reads one JSON object. It is strict where the standard decoder is
// lenient: names are matched to the letter, no name comes twice, and nothing is
// replaced silently, so that two passwords cannot become one.
func parse(body []byte, into fields) error {
	// Valid is iterative and its nesting is bounded, as is what follows: values
	// that nobody asked for are skipped, not built.
	if !json.Valid(body) {
		return badRequest("The body is not one valid JSON value.")
	}
	if !utf8.Valid(body) || loneSurrogate(body) {
		return badRequest("The body is not valid Unicode.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return badRequest("The body must be a JSON object.")
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return badRequest("The body is not a valid JSON object.")
		}
		if seen[name] {
			return badRequest("The body has a field twice.")
		}
		seen[name] = true
		if into[name] == nil || string(value) == "null" {
			continue
		}
		if json.Unmarshal(value, into[name]) != nil {
			return badRequest(fmt.Sprintf("The field %q must be a string.", name))
		}
	}
	return nil
}

// loneSurrogate reports whether valid JSON has an escaped half of a surrogate
// pair (RFC 8259, section 8.2), which decoders replace.
func loneSurrogate(body []byte) bool {
	unit := func(i int) uint64 { // of the escape at i, or 0
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		return u
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		switch u := unit(i); {
		case u >= 0xdc00 && u < 0xe000:
			return true
		case u >= 0xd800 && u < 0xdc00:
			if low := unit(i + 6); low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 11
		default:
			i++ // the escaped character, which may be another backslash
		}
	}
	return false
}

// answer writes value as JSON.
func answer(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body) // a client that is gone is no error of ours
	return nil
}

// done answers that all is well and there is nothing to say.
func done(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
