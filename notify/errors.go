package notify

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrPermanent says that trying again would end the same way.
var ErrPermanent = errors.New("permanent failure")

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = 24 * time.Hour

type permanentError struct{ error }

func (e permanentError) Unwrap() error        { return e.error }
func (e permanentError) Is(target error) bool { return target == ErrPermanent }

// Permanent marks err, so that errors.Is(err, ErrPermanent). The text stays.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type delayedError struct {
	error
	after time.Duration
}

func (e delayedError) Unwrap() error { return e.error }

// Delayed marks err with how long the receiver asked to wait before the next
// attempt. Delays that are not positive mark nothing; none is longer than a day.
func Delayed(err error, after time.Duration) error {
	if err == nil || after <= 0 {
		return err
	}
	return delayedError{err, min(after, maxRetryAfter)}
}

// RetryAfter returns how long the receiver asked to wait, if it did.
func RetryAfter(err error) (time.Duration, bool) {
	var d delayedError
	if errors.As(err, &d) {
		return d.after, true
	}
	return 0, false
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110 §10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return t.Sub(now)
	}
	return 0
}

// withoutURL takes the URL out of an error of net/http: it may hold a token.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
