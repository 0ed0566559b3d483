package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/iplist"
	"github.com/fluxstudio/gatehouse/scrub"
)

// Import says what becomes of the entries of a list that say nothing of it
// themselves.
type Import struct {
	For    time.Duration `json:"for_ns"` // how long they are kept out; 0: until lifted
	Reason string        `json:"reason"`
	By     string        `json:"by"`
	DryRun bool          `json:"dry_run,omitempty"` // only tell what would be done
}

// Imported is what became of entries.
type Imported struct {
	Added    int `json:"added"`
	Extended int `json:"extended"` // blocked before, and longer now
	Kept     int `json:"kept"`     // blocked as long before, but for importSlack
	Allowed  int `json:"allowed"`  // on the allow list, and so left out
	Over     int `json:"over"`     // ended already
	Refused  int `json:"refused"`  // not a block that can be placed
}

func (i *Imported) add(o Imported) {
	i.Added += o.Added
	i.Extended += o.Extended
	i.Kept += o.Kept
	i.Allowed += o.Allowed
	i.Over += o.Over
	i.Refused += o.Refused
}

// importSlack is how much longer a block must last for it to be placed anew, so
// that a list that is imported twice changes nothing the second time.
const importSlack = time.Minute

// How many entries go to the server at once, in how many bytes at most, how long
// it may take, and how many wait there for the disk together.
const (
	importBatch    = 10_000
	importBytes    = 16 << 20
	importPatience = 5 * time.Minute
	importParallel = 128
)

// importRequest asks to keep many networks out.
type importRequest struct {
	Import
	Entries []importEntry `json:"entries"`
}

type importEntry struct {
	Prefix netip.Prefix `json:"prefix"`
	Reason string       `json:"reason,omitempty"`
	Until  time.Time    `json:"until,omitzero"`
}

// Import keeps out what is on a list, each network once, through the server if
// one runs. An error leaves what was done so far; to import the list again does
// the rest. progress is told how many entries are done.
func (o *Operator) Import(ctx context.Context, list []iplist.Entry, how Import, progress func(done int)) (total Imported, err error) {
	for done := 0; done < len(list); {
		q := importRequest{Import: how}
		for _, e := range list[done:min(done+importBatch, len(list))] {
			q.Entries = append(q.Entries, importEntry(e))
		}
		got, err := actOn(ctx, o.config.Data, func() (Imported, error) {
			return callImport(ctx, o.config.Data, q)
		}, func() (got Imported, err error) {
			err = o.withHands(ctx, func(h hands, now time.Time) error {
				got, err = h.importAll(ctx, now, q)
				return err
			})
			return got, err
		})
		total.add(got)
		if err != nil {
			return total, fmt.Errorf("after %d of %d entries: %w", done, len(list), err)
		}
		done += len(q.Entries)
		progress(done)
	}
	return total, nil
}

// importAll places blocks, many at once, so that they share the cost of being
// durable.
func (h hands) importAll(ctx context.Context, now time.Time, q importRequest) (total Imported, err error) {
	list, err := h.blocks.List(ctx, now)
	if err != nil {
		return total, err
	}
	standing := make(map[netip.Prefix]gatehouse.Block, len(list))
	for _, b := range list {
		standing[b.Prefix] = b
	}
	scrubbed := scrubbing() // people paste what they have before them
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importParallel)
	for _, e := range q.Entries {
		want := gatehouse.Block{Prefix: gatehouse.CleanPrefix(e.Prefix), Reason: scrubbed(cmp.Or(e.Reason, q.Reason)), By: q.By, Created: now, Until: e.Until}
		if e.Until.IsZero() && q.For > 0 {
			want.Until = now.Add(q.For)
		}
		held, found := standing[want.Prefix]
		group.Go(func() error {
			one, err := h.importOne(ctx, want, held, found, q.DryRun)
			mu.Lock()
			defer mu.Unlock()
			total.add(one)
			return err
		})
	}
	return total, group.Wait()
}

// scrubbing returns what takes secrets out of texts that often come again. It is
// for one caller at a time.
func scrubbing() func(string) string {
	scrubber, last, clean := scrub.New(scrub.Options{}), "", ""
	return func(text string) string {
		if text != last {
			last, clean = text, scrubber.Text(text)
		}
		return clean
	}
}

// importOne places a block, unless the one that is held, if one is found, does.
func (h hands) importOne(ctx context.Context, want, held gatehouse.Block, found, dry bool) (Imported, error) {
	switch {
	case h.blocks.lists.covers(want.Prefix):
		return Imported{Allowed: 1}, nil
	case !want.ActiveAt(want.Created):
		return Imported{Over: 1}, nil
	case found && lastsAsLong(held, want):
		return Imported{Kept: 1}, nil
	}
	if !dry {
		_, err := h.guard.BlockIP(ctx, want)
		switch {
		case errors.Is(err, errAllowed): // a moment ago
			return Imported{Allowed: 1}, nil
		case errors.Is(err, guard.ErrInvalidBlock):
			return Imported{Refused: 1}, nil
		case err != nil:
			return Imported{}, err
		}
	}
	if found {
		return Imported{Extended: 1}, nil
	}
	return Imported{Added: 1}, nil
}

// lastsAsLong reports whether a block lasts as long as another, but for a little.
func lastsAsLong(held, want gatehouse.Block) bool {
	return held.Until.IsZero() || !want.Until.IsZero() && !want.Until.After(held.Until.Add(importSlack))
}

func (a *App) importRoute(mux *http.ServeMux) {
	mux.Handle("POST /control/blocks/import", httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		var q importRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, importBytes)).Decode(&q); err != nil {
			return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: err.Error()}
		}
		// Longer than the server's own bound for small answers.
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(importPatience))
		done, err := hands{a.guard, listedBlocks{a.blocks, a.lists}}.importAll(r.Context(), a.clock.now(), q)
		if err != nil {
			return httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(done)
	}))
}

// callImport asks the server that runs on dir, or returns errNoServer.
func callImport(ctx context.Context, dir string, q importRequest) (done Imported, err error) {
	resp, err := ask(ctx, dir, importPatience, http.MethodPost, "/control/blocks/import", q)
	if err != nil {
		return done, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return done, err
	case resp.StatusCode == http.StatusOK:
		return done, json.Unmarshal(answer, &done)
	case resp.StatusCode == http.StatusUnauthorized:
		return done, errNoServer // it has changed, and its file is about to
	}
	return done, fmt.Errorf("the server answered %s: %s", resp.Status, strings.TrimSpace(string(answer)))
}
