package spool

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// entry is one line of the file. One of its fields is set.
type entry struct {
	Record *gatehouse.Record `json:"record,omitempty"`
	Place  *gatehouse.Block  `json:"place,omitempty"`
	Lift   *lift             `json:"lift,omitempty"`
}

// lift is a block lifted: the one with the ID, if it was known, or whichever
// stood at the time.
type lift struct {
	Prefix netip.Prefix `json:"prefix"`
	At     time.Time    `json:"at"`
	ID     string       `json:"id,omitempty"`
}

// maxLine bounds an entry. The largest record that Clean leaves, with each list and
// text as long as can be, takes half of it.
const maxLine = 4 << 20

const sumLength = 9 // of "xxxxxxxx "

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendEntry appends e to buf as a line.
func appendEntry(buf []byte, e entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return buf, fmt.Errorf("spool: %w", err)
	}
	if sumLength+len(text)+1 > maxLine {
		return buf, fmt.Errorf("spool: an entry of %d bytes", len(text))
	}
	buf = fmt.Appendf(buf, "%08x ", crc32.Checksum(text, castagnoli))
	buf = append(buf, text...)
	return append(buf, '\n'), nil
}

var errDamaged = errors.New("not an entry")

// parseEntry reads a line without its end; shallowly if all that is asked of a
// record is that there is one.
func parseEntry(line []byte, shallow bool) (entry, error) {
	var e entry
	if len(line) <= sumLength || line[sumLength-1] != ' ' {
		return e, errDamaged
	}
	sum, err := strconv.ParseUint(string(line[:sumLength-1]), 16, 32)
	text := line[sumLength:]
	if err != nil || uint32(sum) != crc32.Checksum(text, castagnoli) {
		return e, errDamaged
	}
	if shallow && bytes.HasPrefix(text, []byte(`{"record":`)) {
		return e, nil
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("%w: %w", errDamaged, err)
	}
	n := 0
	for _, set := range []bool{e.Record != nil && e.Record.ID != "", e.Place != nil && e.Place.Prefix.IsValid(), e.Lift != nil && e.Lift.Prefix.IsValid()} {
		if set {
			n++
		}
	}
	if n != 1 {
		return e, errDamaged
	}
	return e, nil
}

// piece is what a scanner finds: an entry, or something that is none.
type piece struct {
	entry      entry
	start, end int64 // in the file
	err        error // errDamaged
	torn       bool  // the last, and without its end
}

// scanner reads the pieces of a file one after the other, in bounded memory.
type scanner struct {
	in      *bufio.Reader
	at      int64
	line    []byte
	shallow bool // records are not read, only found whole
}

func newScanner(r io.ReaderAt, from, to int64) *scanner {
	return &scanner{in: bufio.NewReaderSize(io.NewSectionReader(r, from, to-from), 64<<10), at: from}
}

// next returns the next piece, or io.EOF after the last. Other errors are those
// of the disk.
func (s *scanner) next() (piece, error) {
	p := piece{start: s.at}
	s.line = s.line[:0]
	long := false
	for {
		part, err := s.in.ReadSlice('\n')
		s.at += int64(len(part))
		if long = long || len(s.line)+len(part) > maxLine; !long {
			s.line = append(s.line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		p.end = s.at
		if err != nil && err != io.EOF {
			return p, err
		}
		if err == io.EOF {
			if p.end == p.start {
				return p, io.EOF
			}
			p.torn, p.err = true, errDamaged
			return p, nil
		}
		break
	}
	if long {
		p.err = fmt.Errorf("%w: longer than %d bytes", errDamaged, maxLine)
		return p, nil
	}
	p.entry, p.err = parseEntry(bytes.TrimSuffix(s.line, []byte("\n")), s.shallow)
	return p, nil
}
