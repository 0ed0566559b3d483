// Package label bounds what telemetry says about requests: values that come
// from outside become one of few, so that nobody can invent series, span names
// or memory, and no text from outside or from an error is passed on.
package label

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// Other stands for every value that is not known.
const Other = "other"

var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace,
}

// Method returns m if it is a method of RFC 9110 or PATCH, or Other.
func Method(m string) string {
	if slices.Contains(methods, m) {
		return m
	}
	return Other
}

// Code returns the status if it has a name, or 0. Handlers choose it, not
// clients, but nothing stops a handler from making one up.
func Code(status int) int {
	if http.StatusText(status) == "" {
		return 0
	}
	return status
}

// Cause returns in one word why a call of a port failed: "busy",
// "unavailable", "timeout", "canceled" or Other.
func Cause(err error) string {
	switch {
	case errors.Is(err, gatehouse.ErrBusy):
		return "busy"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, gatehouse.ErrUnavailable):
		return "unavailable"
	}
	return Other
}

// Causes lists what Cause returns.
func Causes() []string { return []string{"busy", "canceled", "timeout", "unavailable", Other} }
