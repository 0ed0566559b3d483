package httpguard

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// ProblemDetails is an answer that tells what went wrong, as RFC 9457 has it.
// It is an error, so that handlers can return it; see HandlerFunc.
//
// The correlation ID is in the header of every answer and not in the document,
// so that two answers that must look alike are alike to the byte.
type ProblemDetails struct {
	Type     string `json:"type"`               // a URI; default: "about:blank"
	Title    string `json:"title"`              // default: the name of the status
	Status   int    `json:"status"`             // default: 500
	Detail   string `json:"detail,omitempty"`   // for people
	Instance string `json:"instance,omitempty"` // a URI of this very occurrence
	// RetryAfter is when it is worth trying again. It becomes the header
	// Retry-After, rounded up to whole seconds. Zero: no such header.
	RetryAfter time.Duration `json:"-"`
}

// Error returns the status, the title and the detail.
func (p ProblemDetails) Error() string {
	p = p.withDefaults()
	text := strconv.Itoa(p.Status) + " " + p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

func (p ProblemDetails) withDefaults() ProblemDetails {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Status < 400 || p.Status > 599 {
		p.Status = http.StatusInternalServerError
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p
}

// Refused returns the answer for a decision that is not to go on: 429 for
// blocked and limited, with one body for both and for every account, else 503.
func Refused(d gatehouse.Decision) ProblemDetails {
	switch d.Verdict {
	case gatehouse.Blocked, gatehouse.Limited:
		return ProblemDetails{
			Status:     http.StatusTooManyRequests,
			Detail:     "Too many requests. Try again later.",
			RetryAfter: max(d.RetryAfter, time.Second),
		}
	}
	return ProblemDetails{
		Status:     http.StatusServiceUnavailable,
		Detail:     "Too busy to answer. Try again soon.",
		RetryAfter: max(d.RetryAfter, time.Second),
	}
}

// Problem answers with p. Headers that describe another body are removed.
func Problem(w http.ResponseWriter, _ *http.Request, p ProblemDetails) {
	p = p.withDefaults()
	body, err := json.Marshal(p)
	if err != nil { // cannot be: strings and a number
		body = []byte("{}")
	}
	h := w.Header()
	for _, name := range [...]string{"Content-Encoding", "Content-Range", "Content-Disposition", "Etag", "Last-Modified", "Accept-Ranges"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", retryAfter(p.RetryAfter))
	}
	w.WriteHeader(p.Status)
	w.Write(body) // a client that is gone is no error of ours
}

// retryAfter returns d in whole seconds, rounded up, as RFC 9110, 10.2.3 wants.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}
