package spool

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var (
	errWrite    = errors.New("write: input/output error")
	errSync     = errors.New("sync: input/output error")
	errTruncate = errors.New("truncate: input/output error")
)

// faulty is a disk with faults.
type faulty struct {
	disk
	mu               sync.Mutex
	write, sync, cut bool // fail
	part             int  // of a write that fails, what is written
}

func (d *faulty) set(write, sync, cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write, d.sync, d.cut = write, sync, cut
}

func (d *faulty) WriteAt(b []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.write {
		d.disk.WriteAt(b[:min(d.part, len(b))], at)
		return min(d.part, len(b)), errWrite
	}
	return d.disk.WriteAt(b, at)
}

func (d *faulty) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sync {
		return errSync
	}
	return d.disk.Sync()
}

func (d *faulty) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut {
		return errTruncate
	}
	return d.disk.Truncate(size)
}

// dead is a store that is down.
type dead struct {
	gatehouse.Blocks
	gatehouse.Journal
}

func (dead) Append(context.Context, ...gatehouse.Record) error { return gatehouse.ErrUnavailable }

func testRecord(id string) gatehouse.Record {
	return gatehouse.Record{ID: id, Event: gatehouse.Event{Time: time.Unix(1_772_000_000, 0)}}
}

// inFile lists the IDs of the records that the next process would find.
func inFile(t *testing.T, path string) []string {
	t.Helper()
	f, size, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pos, note, err := layout(f, size)
	if err != nil || note != nil {
		t.Fatal(err, note)
	}
	var ids []string
	for in := newScanner(f, pos, size); ; {
		p, err := in.next()
		if err != nil {
			return ids
		}
		if p.err != nil {
			t.Errorf("%d bytes at %d: %v, torn %v", p.end-p.start, p.start, p.err, p.torn)
			continue
		}
		ids = append(ids, p.entry.Record.ID)
	}
}

// Whatever the disk does, what was acknowledged is in the file, whole, and what
// was refused leaves no trace that spoils it.
func TestFaultyDisk(t *testing.T) {
	for name, c := range map[string]struct {
		write, sync, cut bool
		part             int
		want             error
	}{
		"nothing of a write":         {write: true, want: errWrite},
		"a part of a write":          {write: true, part: 40, want: errWrite},
		"all of a write":             {write: true, part: 1 << 20, want: errWrite},
		"a part of a write, no undo": {write: true, part: 40, cut: true, want: errWrite},
		"the sync":                   {sync: true, want: errSync},
		"the sync, and no undo":      {sync: true, cut: true, want: errSync},
		"no undo of many bytes":      {write: true, part: 1 << 20, cut: true, want: errWrite},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spool")
			s, err := Open(path, dead{}, memory.NewBlocks(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			disk := &faulty{disk: s.file, part: c.part}
			s.fileMu.Lock()
			s.file = disk
			s.fileMu.Unlock()
			put := func(id string) error { return s.Append(t.Context(), testRecord(id)) }
			if err := put("before"); err != nil {
				t.Fatal(err)
			}
			disk.set(c.write, c.sync, c.cut)
			for i := range 3 {
				if err := put(fmt.Sprint("refused, with a name that is longer than others ", i)); !errors.Is(err, gatehouse.ErrUnavailable) {
					t.Errorf("with a fault: %v", err)
				} else if i == 0 && !errors.Is(err, c.want) {
					t.Errorf("with a fault: %v, want %v", err, c.want)
				}
			}
			if st := s.State(); !st.Failing || st.Records != 1 {
				t.Errorf("with a fault: %+v", st)
			}
			disk.set(false, false, false)
			if err := put("after"); err != nil {
				t.Errorf("without a fault: %v", err)
			}
			if st := s.State(); st.Failing || st.Records != 2 {
				t.Errorf("without a fault: %+v", st)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := fmt.Sprint(inFile(t, path)); got != "[before after]" {
				t.Errorf("the file has %v", got)
			}
		})
	}
}

// A file that cannot be emptied keeps what it has, and hands nothing over twice.
func TestFileThatCannotBeEmptied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	journal := &switched{Journal: memory.NewJournal(memory.Options{}), err: gatehouse.ErrUnavailable}
	var mu sync.Mutex
	var said []error
	o := Options{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, err)
	}}
	s, err := Open(path, journal, memory.NewBlocks(), o)
	if err != nil {
		t.Fatal(err)
	}
	disk := &faulty{disk: s.file}
	s.fileMu.Lock()
	s.file = disk
	s.fileMu.Unlock()
	for _, id := range []string{"a", "b"} {
		if err := s.Append(t.Context(), testRecord(id)); err != nil {
			t.Fatal(err)
		}
		disk.set(false, false, true)
		journal.set(nil)
		for s.State().Degraded {
			<-time.After(time.Millisecond)
		}
		journal.set(gatehouse.ErrUnavailable)
	}
	if st := s.State(); st.Records != 0 || st.Bytes != 0 {
		t.Errorf("afterwards: %+v", st)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := inFile(t, path); len(got) != 0 {
		t.Errorf("the file has %v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) != 2 || !errors.Is(said[0], errTruncate) {
		t.Errorf("said was %v", said)
	}
}

// switched is a journal that fails on command.
type switched struct {
	gatehouse.Journal
	mu  sync.Mutex
	err error
}

func (j *switched) set(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *switched) Append(ctx context.Context, records ...gatehouse.Record) error {
	j.mu.Lock()
	err := j.err
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.Journal.Append(ctx, records...)
}
