package gatehouse

import "errors"

var (
	// ErrNotFound says that the thing asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrBusy says that there was no room to decide in time.
	ErrBusy = errors.New("too busy")
	// ErrUnavailable says that a store could not answer.
	ErrUnavailable = errors.New("store unavailable")
)
