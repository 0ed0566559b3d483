package iplist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Format is how a list is written.
type Format string

// The formats.
const (
	// Plain is one address, network or range a line. What follows "#" or ";" is
	// a comment.
	Plain Format = "plain"
	// NFT is what nft(8) reads and lists: sets with their elements, or commands
	// that add elements.
	NFT Format = "nft"
	// JSON is a list of texts, or of objects with the fields prefix, reason and
	// until (RFC 3339); or such values one after another. Other fields of an
	// object are passed over.
	JSON Format = "json"
)

// FormatOf returns the format that a file name tells: JSON for .json, NFT for
// .nft, otherwise Plain.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".jsonl":
		return JSON
	case ".nft":
		return NFT
	}
	return Plain
}

// The bounds of a list by default.
const (
	DefaultMaxBytes   = 64 << 20
	DefaultMaxEntries = 2_000_000
)

// maxWord is how long an entry, or a line of a plain list, may be.
const maxWord = 4096

// ErrInvalid is wrapped by errors about what a list says.
var ErrInvalid = errors.New("not a list of addresses")

// Options say how a list is read. The zero value reads a plain one.
type Options struct {
	Name       string // stands before the line number in errors; default: "list"
	Format     Format // default: Plain
	MaxBytes   int64  // default: DefaultMaxBytes
	MaxEntries int    // default: DefaultMaxEntries; a range counts as its networks
	// Everybody lets 0.0.0.0/0 and ::/0 be on the list. Default: they, and
	// lists that come to the same, are errors.
	Everybody bool
	// Now is the clock by which timeouts in NFT become ends. Default: time.Now.
	Now func() time.Time
	// OnInvalid is told of each entry that is not one; the others are read all
	// the same. Default: the first one is the error of Read.
	OnInvalid func(error)
}

// Read reads a list. The entries are in its order, may overlap, and may have
// ended. Errors about what it says wrap ErrInvalid and name the line; then there
// are no entries.
func Read(r io.Reader, o Options) ([]Entry, error) {
	if o.Name == "" {
		o.Name = "list"
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	data, err := io.ReadAll(io.LimitReader(r, o.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	if int64(len(data)) > o.MaxBytes {
		return nil, fmt.Errorf("%s: %w: it is longer than %d bytes", o.Name, ErrInvalid, o.MaxBytes)
	}
	d := &reader{Options: o, data: bytes.TrimPrefix(data, []byte("\ufeff")), line: 1}
	switch o.Format {
	case Plain, "":
		err = d.plain()
	case NFT:
		err = d.nft()
	case JSON:
		err = d.json()
	default:
		return nil, fmt.Errorf("there is no format %q: use %s, %s or %s", o.Format, Plain, NFT, JSON)
	}
	if err == nil && !o.Everybody && everybody(d.entries) {
		err = fmt.Errorf("%s: %w: %w", o.Name, ErrInvalid, errEverybody)
	}
	if err != nil {
		return nil, err
	}
	return d.entries, nil
}

// ReadFile reads the list in a file. Name and Format are by default what the
// file's name tells.
func ReadFile(path string, o Options) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.Name == "" {
		o.Name = path
	}
	if o.Format == "" {
		o.Format = FormatOf(path)
	}
	return Read(f, o)
}

// reader is a list on its way.
type reader struct {
	Options
	data    []byte
	line    int // of what is being read
	entries []Entry
}

// add reads what one entry says. The error ends the reading.
func (d *reader) add(text, reason string, until time.Time) error {
	before := len(d.entries)
	reason = gatehouse.CleanText(reason, gatehouse.MaxText)
	err := errTooLong
	if len(text) <= maxWord {
		err = parseNetworks(text, d.Everybody, func(p netip.Prefix) error {
			if len(d.entries) >= d.MaxEntries {
				return errTooMany
			}
			d.entries = append(d.entries, Entry{Prefix: p, Reason: reason, Until: until})
			return nil
		})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooMany):
		return d.errorf("there are more than %d networks", d.MaxEntries)
	}
	d.entries = d.entries[:before]
	return d.invalid(err)
}

// invalid tells of an entry that is not one, or returns that as an error.
func (d *reader) invalid(err error) error {
	err = d.errorf("%w", err)
	if d.OnInvalid == nil {
		return err
	}
	d.OnInvalid(err)
	return nil
}

// errorf returns an error about the line that is being read.
func (d *reader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w: %w", d.Name, d.line, ErrInvalid, fmt.Errorf(format, args...))
}

var (
	errTooLong = fmt.Errorf("it is longer than %d bytes: %s", maxWord, allowedHere)
	errTooMany = errors.New("too many")
)
