package iplist

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// object is an entry as JSON has it.
type object struct {
	Prefix string    `json:"prefix"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

const jsonAllowed = `write "192.0.2.0/24" or {"prefix": "192.0.2.0/24", "reason": "why", "until": "2026-03-01T12:00:00Z"}`

// json reads values one after another: entries, and lists of them.
func (d *reader) json() error {
	decoder := json.NewDecoder(bytes.NewReader(d.data))
	counted := 0 // up to where lines have been counted
	at := func() {
		offset := min(int(decoder.InputOffset()), len(d.data))
		// The value may begin on a later line than the one before ended.
		for offset < len(d.data) && bytes.IndexByte([]byte(" \t\r\n,"), d.data[offset]) >= 0 {
			offset++
		}
		d.line += bytes.Count(d.data[counted:offset], []byte("\n"))
		counted = offset
	}
	syntax := func(err error) error {
		var s *json.SyntaxError
		if errors.As(err, &s) {
			d.line += bytes.Count(d.data[counted:max(counted, min(int(s.Offset), len(d.data)))], []byte("\n"))
			return d.errorf("%w", err)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return d.errorf("it ends too early")
		}
		return err
	}
	inList := false
	for {
		at()
		if inList && !decoder.More() || !inList && bytes.HasPrefix(d.data[counted:], []byte("[")) {
			if _, err := decoder.Token(); err != nil {
				return syntax(err)
			}
			inList = !inList
			continue
		}
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) && !inList {
			return nil
		}
		if err == nil {
			err = d.value(raw)
		} else {
			err = syntax(err)
		}
		if err != nil {
			return err
		}
	}
}

// value reads one entry.
func (d *reader) value(raw json.RawMessage) error {
	var o object
	var err error
	switch raw[0] {
	case '"':
		err = json.Unmarshal(raw, &o.Prefix)
	case '{':
		err = json.Unmarshal(raw, &o)
	default:
		err = errors.New("it is neither a text nor an object")
	}
	if err == nil && o.Prefix == "" {
		err = errors.New("it has no prefix")
	}
	if err != nil {
		return d.invalid(errors.Join(errors.New(shown(string(raw[:min(len(raw), 80)]))+" is not allowed: "+jsonAllowed), err))
	}
	return d.add(o.Prefix, o.Reason, o.Until)
}
