package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// openFeed connects this node's watchers with what the other nodes find.
func (a *App) openFeed() {
	a.feed = memory.NewFeed(memory.FeedOptions{})
	if a.redis != nil {
		shared := redis.NewFeed(a.redis, a.feed, redis.FeedOptions{})
		a.closing(shared.Close)
		a.feed = shared
	}
}

func (a *App) publish(records []gatehouse.Record) { a.feed.Publish(records...) }

// How often a silent stream shows that it is alive, and how long a watcher may
// take to read.
const (
	feedPulse = 15 * time.Second
	feedStall = 10 * time.Second
)

// missed is told to a watcher who was too slow.
type missed struct {
	Missed int `json:"missed"`
}

// streamFeed answers with findings and blocks as they are made, as server-sent
// events: "record" with a record, and "missed" with how many could not be sent.
func (a *App) streamFeed(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.ending, cancel)()
	messages := a.feed.Subscribe(ctx)
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	send := func(format string, args ...any) error {
		if err := out.SetWriteDeadline(time.Now().Add(feedStall)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := send(": watching\n\n"); err != nil {
		return nil // the watcher is gone, which is no failure
	}
	pulse := time.NewTicker(feedPulse)
	defer pulse.Stop()
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return nil
			}
			if m.Missed > 0 {
				text, _ := json.Marshal(missed{m.Missed}) // a number
				if err := send("event: missed\ndata: %s\n\n", text); err != nil {
					return nil
				}
			}
			if m.Record.Finding == nil && m.Record.Block == nil {
				continue
			}
			text, err := json.Marshal(m.Record)
			if err != nil {
				return err
			}
			if err := send("event: record\ndata: %s\n\n", text); err != nil {
				return nil
			}
		case <-pulse.C:
			if err := send(": alive\n\n"); err != nil {
				return nil
			}
		}
	}
}

// maxEvent is the longest line of the stream that a watcher reads.
const maxEvent = 1 << 20

// Watch calls see with each finding and block of all nodes, as the server on this
// data directory hears of them, and missed with how many it was too late for. It
// returns when ctx ends, with nil, or when the server ends.
func Watch(ctx context.Context, c Config, see func(gatehouse.Record) error, tooLate func(int)) error {
	resp, err := ask(ctx, c.Data, 0, http.MethodGet, "/control/feed", nil)
	if errors.Is(err, errNoServer) {
		return fmt.Errorf("%w on %s", err, c.Data)
	}
	if err != nil {
		return orEnded(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	event := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "record":
			var r gatehouse.Record
			if err := json.Unmarshal([]byte(value), &r); err != nil {
				return err
			}
			if err := see(r); err != nil {
				return err
			}
		case name == "data" && event == "missed":
			var m missed
			if err := json.Unmarshal([]byte(value), &m); err != nil {
				return err
			}
			tooLate(m.Missed)
		}
	}
	if err := lines.Err(); err != nil {
		return orEnded(ctx, err)
	}
	return orEnded(ctx, errors.New("the server has ended"))
}

// orEnded returns err, unless it is that the caller has had enough.
func orEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watchRoutes adds the feed to the control interface.
func (a *App) watchRoutes(mux *http.ServeMux) {
	mux.Handle("GET /control/feed", httpguard.HandlerFunc(a.streamFeed))
}
