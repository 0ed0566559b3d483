package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// oddTexts are texts that no two fields have in common.
func oddTexts() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("text %d <&>\"'\\ äöü 日本", n) }
}

// Every field of a record, a block and a lift survives the file.
func TestEntriesComeBackWhole(t *testing.T) {
	var full entry
	storetest.Fill(&full, oddTexts())
	empty := gatehouse.Record{ID: "empty"}.Clean()
	for _, want := range []entry{{Record: full.Record}, {Place: full.Place}, {Lift: full.Lift}, {Record: &empty}} {
		line, err := appendEntry(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseEntry(bytes.TrimSuffix(line, []byte("\n")), false)
		if err != nil || !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Errorf("%v\ngot  %s\nwant %s", err, g, w)
		}
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("not one line: %q", line)
		}
		for i := range len(line) - 1 { // any flipped bit is seen
			bad := bytes.Clone(line[:len(line)-1])
			bad[i] ^= 4
			if bad[i] == '\n' {
				continue
			}
			if _, err := parseEntry(bad, true); err == nil {
				t.Errorf("a changed byte %d (%q) was not noticed", i, bad[i])
			}
		}
	}
}

func TestLargestRecordFits(t *testing.T) {
	var e entry
	storetest.Fill(&e, oddTexts())
	f := e.Record.Finding
	f.Evidence.Devices = make([]gatehouse.Sighting, 1000)
	f.Actions = make([]gatehouse.Action, 1000)
	f.Evidence.Signs = make([]string, 1000)
	long := strings.Repeat("<", 1<<20) // six bytes each in JSON
	for i := range 1000 {
		f.Evidence.Signs[i] = long
		f.Actions[i] = gatehouse.Action{Response: long, Undo: long, Failure: long}
		f.Evidence.Devices[i] = gatehouse.Sighting{Place: gatehouse.Place{City: long, Network: long, Country: long}, Device: gatehouse.Device{ID: long, Name: long}}
	}
	e.Record.Block.Accounts = f.Evidence.Signs
	e.Record.Account, e.Record.UserAgent = long, long
	r := e.Record.Clean()
	line, err := appendEntry(nil, entry{Record: &r})
	if err != nil || len(line) > maxLine*3/4 {
		t.Errorf("the largest record takes %d bytes: %v", len(line), err)
	}
}

// FuzzOpen opens files of hostile content: no panic, no endless loop, nothing
// invented, and what is an entry is found.
func FuzzOpen(f *testing.F) {
	header := magic + string(formatMark(headerSize))
	r := testRecord("one")
	line, err := appendEntry(nil, entry{Record: &r})
	if err != nil {
		f.Fatal(err)
	}
	b := gatehouse.Block{ID: "b", Prefix: netip.MustParsePrefix("192.0.2.1/32")}
	place, _ := appendEntry(nil, entry{Place: &b})
	lifts, _ := appendEntry(nil, entry{Lift: &lift{Prefix: b.Prefix}})
	for _, seed := range []string{
		"", header[:5], header, header + string(line), header + string(line[:20]), header + "junk\n" + string(line) + string(place),
		"junk\n" + string(line), magic + string(formatMark(headerSize+int64(len(line)))) + string(line) + string(lifts),
		magic + string(formatMark(-1)) + string(line), magic + string(formatMark(1<<40)), "gatehouse-spool 2\n" + strings.Repeat("x", 80),
		header + strings.Repeat("\x00", 200) + string(line), header + string(line) + strings.Repeat("\n", 100),
		header + "00000000 {}\n" + string(line),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		journal := memory.NewJournal(memory.Options{})
		s, err := Open(path, journal, memory.NewBlocks(), Options{MinBackoff: time.Millisecond})
		if err != nil {
			after, readErr := os.ReadFile(path)
			if readErr != nil || !bytes.Equal(after, content) {
				t.Errorf("a file that was refused was changed: %v", readErr)
			}
			return
		}
		for s.State().Degraded {
			<-time.After(100 * time.Microsecond)
		}
		st := s.State()
		if st.Records != 0 || st.Bytes != 0 || st.Rejected != 0 {
			t.Errorf("afterwards: %+v", st)
		}
		if err := s.Append(t.Context(), testRecord("new")); err != nil {
			t.Error(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		damaged, err := os.ReadFile(path + ".damaged")
		if (err == nil) != (st.Damaged > 0) {
			t.Errorf("%d pieces damaged, and %v", st.Damaged, err)
		}
		if len(damaged) > len(content) {
			t.Errorf("%d bytes put aside of %d", len(damaged), len(content))
		}
	})
}

func TestScannerIsBounded(t *testing.T) {
	line, err := appendEntry(nil, entry{Lift: &lift{Prefix: netip.MustParsePrefix("192.0.2.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5*maxLine)
	content := string(line) + long + "\n" + string(line) + long
	in := newScanner(strings.NewReader(content), 0, int64(len(content)))
	var found []string
	for {
		p, err := in.next()
		if err == io.EOF {
			break
		}
		found = append(found, fmt.Sprint(p.end-p.start, p.err == nil, p.torn))
	}
	want := fmt.Sprint([]string{fmt.Sprint(len(line), true, false), fmt.Sprint(len(long)+1, false, false), fmt.Sprint(len(line), true, false), fmt.Sprint(len(long), false, true)})
	if fmt.Sprint(found) != want {
		t.Errorf("got %v, want %v", found, want)
	}
	if c := cap(in.line); c > 2*maxLine {
		t.Errorf("%d bytes were kept of a line", c)
	}
}
