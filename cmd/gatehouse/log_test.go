package main

import (
	"testing"
	"time"
)

// Records have accounts in canonical form, whether or not they are addresses.
func TestLogFindsEverySpelling(t *testing.T) {
	const id = "01a2088c-f9bb-7ce9-bd67-7d247ea9b8e1"
	for typed, want := range map[string]string{
		"Ada@Example.com ": "ada@example.com",
		"Administrator":    "administrator",
		id:                 id,
	} {
		q, err := (&logQueryCmd{User: typed}).query(time.Now())
		if err != nil || q.User != want {
			t.Errorf("--user %q looks for %q (%v), want %q", typed, q.User, err, want)
		}
	}
}
