package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/fluxstudio/gatehouse"
)

var (
	_ gatehouse.Journal = (*Spool)(nil)
	_ gatehouse.Blocks  = (*Spool)(nil)
)

// Spool is a durable store of records and blocks with a file to fall back on.
// It is safe for concurrent use.
type Spool struct {
	path    string
	journal gatehouse.Journal
	blocks  gatehouse.Blocks
	o       Options

	// fileMu is held from a write to its sync: an error of the disk is told
	// once, and must be told to the one whose data it is about.
	fileMu sync.Mutex
	file   disk
	dirty  bool // there may be something behind size
	reset  bool // the file was emptied, and its header has still to be written
	// The header is damaged, so that no mark can be written: all that is in the
	// file is handed over before there is a new one.
	headless bool

	mu       sync.Mutex
	degraded bool
	gate     chan struct{} // closed when calls need not wait any more; nil: they need not
	next     *group        // what waits for the flusher; nil: nothing
	flushing *group        // what the flusher has; nil: nothing
	// Entries lie from pos to size. Both change only with fileMu held as well.
	pos, size int64
	state     State // without Err and Bytes
	storeErr  error // what the store said last; nil: it is up, or was never asked
	fileErr   error // what the file said, while state.Failing
	answers   bool  // the store took what it was asked to take last
	view      view
	closed    bool
	flying    sync.WaitGroup // calls

	batch   batch
	asideMu sync.Mutex // guards batch.aside, and the files beside

	flush, drain chan struct{} // wake the goroutines; one token each
	quit         context.Context
	stop         context.CancelFunc
	landed       chan struct{} // closed by Close: no call is in flight
	running      sync.WaitGroup
	told         teller
}

// Open opens the file at path, or makes it, for this process alone, and puts it in
// front of a durable journal and durable blocks. Its directory must exist. What an
// earlier process left in the file is handed over first. The stores may be down;
// they must heed the contexts they are given. Close gives the file back, not the
// stores.
func Open(path string, journal gatehouse.Journal, blocks gatehouse.Blocks, o Options) (*Spool, error) {
	file, size, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{
		path: path, journal: journal, blocks: blocks, o: o.withDefaults(),
		file: file, size: size, view: newView(),
		flush: make(chan struct{}, 1), drain: make(chan struct{}, 1), landed: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		file.Close()
		return nil, fmt.Errorf("spool: %s: %w", path, err)
	}
	s.quit, s.stop = context.WithCancel(context.Background())
	s.state.Since, s.answers = s.o.Now(), true
	s.batch.limit, s.batch.aside = s.o.Batch, map[int64]bool{}
	s.told.start(&s.running, s.o.OnState)
	if s.pos < s.size {
		s.degrade(errLeft)
	}
	s.running.Go(s.runFlusher)
	s.running.Go(s.runDrainer)
	return s, nil
}

// load reads the file through once: which blocks are in it, how many entries,
// and where it is damaged.
func (s *Spool) load() error {
	pos, note, err := layout(s.file, s.size)
	if err != nil {
		return err
	}
	s.headless = pos == 0
	if s.headless && note == nil {
		s.headless = false
		s.pos, s.size = headerSize, headerSize
		return errors.Join(begin(s.file), syncDirectory(s.path))
	}
	if note != nil {
		s.o.OnError(fmt.Errorf("spool: %s: %w", s.path, note))
	}
	s.pos = pos
	end := s.size
	damaged := int64(0)
	in := newScanner(s.file, pos, end)
	in.shallow = true
	for {
		p, err := in.next()
		if p.torn {
			s.size = p.start
			break
		}
		if err != nil {
			if p.end == p.start {
				break
			}
			return err
		}
		if p.err != nil {
			damaged += p.end - p.start
			continue
		}
		s.state.Records++
		s.view.add(p.entry)
	}
	if pos == 0 && s.state.Records == 0 {
		return errors.New("it is not the file of a spool; move it away")
	}
	if damaged > 0 {
		s.o.OnError(fmt.Errorf("spool: %s: %d bytes are damaged; what can be read is handed over", s.path, damaged))
	}
	if s.size < end { // it was never acknowledged
		return errors.Join(s.file.Truncate(s.size), s.file.Sync())
	}
	return nil
}

// Close waits for the calls in flight and closes the file; what is in it is left
// for the next Open. Calls made later return ErrClosed. When ctx ends first, its
// error is returned, and the rest happens once the calls have met their
// deadlines. Closing twice does nothing.
func (s *Spool) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	done := make(chan error, 1)
	go func() {
		s.flying.Wait()
		close(s.landed)
		s.told.close()
		s.running.Wait()
		done <- s.file.Close()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("spool: close: %w", ctx.Err())
	}
}

// State tells how the spool is doing.
func (s *Spool) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current()
}

// current is State; mu is held.
func (s *Spool) current() State {
	st := s.state
	st.Bytes = s.size - s.pos
	if s.degraded {
		st.Err = cmp.Or(s.fileErr, s.storeErr)
	}
	return st
}

// enter registers a call. It reports whether the call may go to the store; that
// is advice, and may be outdated at once. When err is nil, s.flying.Done must
// follow.
func (s *Spool) enter(ctx context.Context) (direct bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return false, fmt.Errorf("spool: %w", ErrClosed)
		}
		gate := s.gate
		if gate == nil {
			s.flying.Add(1)
			direct = !s.degraded
			s.mu.Unlock()
			return direct, nil
		}
		s.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
			return false, fmt.Errorf("spool: %w: %w", gatehouse.ErrUnavailable, ctx.Err())
		}
	}
}

// down reports whether an error of a store means that it is down. A caller who
// went away says nothing about it.
func down(err error) bool {
	return errors.Is(err, gatehouse.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// errLeft is why a spool is degraded from the start.
var errLeft = errors.New("what an earlier process left is to be handed over first")

// degrade sends calls to the file from now on. The error is what the store said;
// nil for a call that did not ask it. mu is held.
func (s *Spool) degrade(err error) {
	if err != nil {
		s.storeErr, s.answers = err, false
	}
	if s.degraded {
		return
	}
	s.degraded, s.state.Degraded, s.state.Since = true, true, s.o.Now()
	s.told.tell(s.current())
	wake(s.drain)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Append implements gatehouse.Journal. Errors of the journal other than that it
// is unavailable are its caller's. Records that go to the file are cleaned as the
// store cleans them; one without an ID is an error.
func (s *Spool) Append(ctx context.Context, records ...gatehouse.Record) error {
	if len(records) == 0 {
		return nil
	}
	direct, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.flying.Done()
	var failure error
	if direct {
		failure = s.appendDirect(ctx, records)
		if failure == nil || !down(failure) {
			return failure
		}
	}
	entries := make([]entry, len(records))
	for i, r := range records {
		r = r.Clean()
		if r.ID == "" {
			return errors.New("spool: a record without an ID")
		}
		entries[i].Record = &r
	}
	_, err = s.write(ctx, entries, failure)
	return err
}

func (s *Spool) appendDirect(ctx context.Context, records []gatehouse.Record) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	return s.journal.Append(ctx, records...)
}

// prefixOf cleans the prefix of a block.
func prefixOf(p netip.Prefix) (netip.Prefix, error) {
	if p = gatehouse.CleanPrefix(p); !p.IsValid() {
		return p, errors.New("spool: a block without a valid prefix")
	}
	return p, nil
}
