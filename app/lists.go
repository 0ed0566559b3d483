package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/dashboard"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/iplist"
	"github.com/fluxstudio/gatehouse/respond"
)

// lists are the addresses that are kept out, or never are, whatever the rules
// find. An address that is never kept out is under no block and no limit by
// address, yet it is counted, judged and recorded as all others, and its logins
// keep their limit for each account: to be trusted not to flood is no reason to
// guess passwords. It is safe for concurrent use.
type lists struct {
	logger *slog.Logger
	now    func() time.Time
	mu     sync.Mutex // one reading at a time
	always *iplist.Set
	allow  []*listFile
	// What operators have added to the allow list while the server ran.
	operators iplist.List
	chosen    atomic.Pointer[[]dashboard.Allowed]
	deny      []*listFile
}

// openLists reads all files, which must be in order at the start.
func openLists(c ListsConfig, now func() time.Time, logger *slog.Logger) (*lists, error) {
	l := &lists{logger: logger, now: now}
	always, err := iplist.Read(strings.NewReader(strings.Join(c.Allow, "\n")), iplist.Options{Name: "lists.allow"})
	if err != nil {
		return nil, err
	}
	l.always = iplist.NewSet(iplist.Prefixes(always, time.Time{}))
	for _, open := range []struct {
		setting string
		paths   []string
		to      *[]*listFile
	}{{"lists.allow_files", c.AllowFiles, &l.allow}, {"lists.block_files", c.BlockFiles, &l.deny}} {
		for _, path := range open.paths {
			f := &listFile{path: path, reason: "blocklist " + filepath.Base(path)}
			if _, err := f.read(now()); err != nil {
				return nil, fmt.Errorf("%s: %w", open.setting, err)
			}
			*open.to = append(*open.to, f)
		}
	}
	return l, nil
}

// allows reports whether an address is never kept out.
func (l *lists) allows(ip netip.Addr) bool {
	for _, f := range l.allow {
		if f.list.Contains(ip) {
			return true
		}
	}
	return l.always.Contains(ip) || l.operators.Contains(ip)
}

// covers reports whether one of the lists says of all addresses of a network
// that they are never kept out.
func (l *lists) covers(p netip.Prefix) bool {
	return l.always.Covers(p) || l.operators.Load().Covers(p) || slices.ContainsFunc(l.allow, func(f *listFile) bool { return f.list.Load().Covers(p) })
}

// listCheck is how often files are looked at.
const listCheck = 10 * time.Second

// watch reads files again when they have changed, and all of them when it is
// asked to, until ctx ends.
func (l *lists) watch(ctx context.Context, asked <-chan struct{}) error {
	every(ctx, listCheck, asked, l.reload)
	return nil
}

// reload reads the files that have changed, or all. What cannot be read leaves
// the list as it was, which is told once.
func (l *lists) reload(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range slices.Concat(l.allow, l.deny) {
		if !all && !f.changed(l.now()) {
			continue
		}
		n, err := f.read(l.now())
		switch {
		case err == nil:
			f.told = ""
			l.logger.Info("read a list of addresses", "file", f.path, "networks", n)
		case all || err.Error() != f.told:
			f.told = err.Error()
			l.logger.Error("could not read a list of addresses: the list as it was before holds on", "file", f.path, "error", err)
		}
	}
}

// listFile is a list in a file. Only list is safe for concurrent use.
type listFile struct {
	path   string
	reason string // of blocks
	list   iplist.List

	known   bool      // what follows tells whether it has changed
	changes time.Time // the file's time of change
	size    int64     // and size, when it was last read
	ends    time.Time // when an entry ends, if one does
	told    string    // the error that was told last
}

// changed reports whether it is to be read again: the file is another one, or an
// entry has ended.
func (f *listFile) changed(now time.Time) bool {
	info, err := os.Stat(f.path)
	return err != nil || !f.known || !info.ModTime().Equal(f.changes) || info.Size() != f.size || !f.ends.IsZero() && !now.Before(f.ends)
}

// settled is for how long a file must not have changed for its time of change to
// tell it from a later one: writers within one tick of the file system's clock
// leave the same.
const settled = 2 * time.Second

// read reads the file and puts the list in force.
func (f *listFile) read(now time.Time) (networks int, err error) {
	info, err := os.Stat(f.path) // before it is read, so that a change is seen the next time
	if err != nil {
		return 0, err
	}
	entries, err := iplist.ReadFile(f.path, iplist.Options{Now: func() time.Time { return now }})
	if err != nil {
		f.known = false
		return 0, err
	}
	set := iplist.NewSet(iplist.Prefixes(entries, now))
	f.list.Swap(set)
	f.changes, f.size = info.ModTime(), info.Size()
	f.known = time.Since(info.ModTime()) > settled
	f.ends = time.Time{}
	for _, e := range entries {
		if e.Until.After(now) && (f.ends.IsZero() || e.Until.Before(f.ends)) {
			f.ends = e.Until
		}
	}
	return set.Len(), nil
}

// errAllowed says that an address is never kept out.
var errAllowed = errors.New("on the allow list")

// listedBlocks are blocks that mind the lists.
type listedBlocks struct {
	gatehouse.Blocks
	lists *lists
}

// Place does not place what would keep out only those who are never kept out.
func (b listedBlocks) Place(ctx context.Context, block gatehouse.Block) (gatehouse.Block, error) {
	if p := gatehouse.CleanPrefix(block.Prefix); b.lists.covers(p) {
		return gatehouse.Block{}, fmt.Errorf("%w: %s is %w", guard.ErrInvalidBlock, gatehouse.FormatPrefix(p), errAllowed)
	}
	return b.Blocks.Place(ctx, block)
}

// Blocked asks the allow list, then the lists of those who are kept out, which
// have no end, then the blocks.
func (b listedBlocks) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	if b.lists.allows(ip) {
		return gatehouse.Block{}, false, nil
	}
	for _, f := range b.lists.deny {
		if p, found := f.list.Load().Network(ip); found {
			return gatehouse.Block{Prefix: p, Reason: f.reason, By: respond.System}, true, nil
		}
	}
	return b.Blocks.Blocked(ctx, ip, at)
}

// ReloadLists has the files with lists of addresses read again, soon. A file
// that is not in order leaves its list as it was.
func (a *App) ReloadLists() {
	select {
	case a.relist <- struct{}{}:
	default: // asked already
	}
}
