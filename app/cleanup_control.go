package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// cleanUpLine is one line of the answer to a clean-up by control: how far it is,
// and at last how it ended.
type cleanUpLine struct {
	Progress *CleanUpCount  `json:"progress,omitempty"`
	Removed  []CleanUpCount `json:"removed,omitempty"`
	Error    string         `json:"error,omitempty"`
	Busy     bool           `json:"busy,omitempty"`
	End      bool           `json:"end,omitempty"`
}

// serveCleanUp cleans up and answers with lines of JSON meanwhile. It ends when
// the one who asked goes away, or the server ends.
func (a *App) serveCleanUp(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.ending, cancel)()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, encoder := http.NewResponseController(w), json.NewEncoder(w)
	send := func(l cleanUpLine) {
		err := errors.Join(out.SetWriteDeadline(time.Now().Add(feedStall)), encoder.Encode(l), out.Flush())
		if err != nil {
			cancel()
		}
	}
	removed, err := a.cleanUpNow(ctx, func(c CleanUpCount) { send(cleanUpLine{Progress: &c}) })
	end := cleanUpLine{Removed: removed, End: true, Busy: errors.Is(err, ErrCleaning)}
	if err != nil {
		end.Error = err.Error()
	}
	send(end)
	return nil
}

func (a *App) cleanUpRoutes(mux *http.ServeMux) {
	mux.Handle("POST /control/clean-up", httpguard.HandlerFunc(a.serveCleanUp))
}

// askCleanUp has the server that runs on dir clean up, or returns errNoServer.
func askCleanUp(ctx context.Context, dir string, progress func(CleanUpCount)) ([]CleanUpCount, error) {
	resp, err := ask(ctx, dir, 0, http.MethodPost, "/control/clean-up", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return nil, errNoServer // it has changed, and its file is about to
	default:
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var l cleanUpLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("the server's answer: %w", err)
		}
		switch {
		case l.End && l.Busy:
			return nil, ErrCleaning
		case l.End && l.Error != "":
			return l.Removed, errors.New(l.Error)
		case l.End:
			return l.Removed, nil
		case l.Progress != nil && progress != nil:
			progress(*l.Progress)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errors.Join(errors.New("the server ended before the clean-up did"), lines.Err())
}

// CleanUp removes what is over, at once, through the running server if there is
// one. It calls progress, which may be nil, after each batch. errors.Is finds
// ErrCleaning. What was removed before an error stays removed.
func (o *Operator) CleanUp(ctx context.Context, progress func(CleanUpCount)) ([]CleanUpCount, error) {
	return actOn(ctx, o.config.Data, func() ([]CleanUpCount, error) {
		return askCleanUp(ctx, o.config.Data, progress)
	}, func() ([]CleanUpCount, error) {
		turn, err := takeTurn(ctx, o.store)
		if err != nil {
			return nil, err
		}
		defer turn.Release()
		now, err := o.store.ClockTime(ctx)
		if err != nil {
			return nil, err
		}
		return sweep(ctx, turn, chores(o.store, o.config.CleanUp), now, func(c CleanUpCount, _ int) {
			if progress != nil {
				progress(c)
			}
		})
	})
}

// CountCleanUp counts what CleanUp would remove, and removes nothing.
func (o *Operator) CountCleanUp(ctx context.Context) ([]CleanUpCount, error) {
	now, err := o.store.ClockTime(ctx)
	if err != nil {
		return nil, err
	}
	return tally(ctx, chores(o.store, o.config.CleanUp), now)
}
