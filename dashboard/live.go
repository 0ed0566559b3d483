package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// The pace of the live feed. What is found after a quiet while is sent soon; in a
// storm, what happens within one frame is sent together, rendered once for
// everybody who watches. So a storm costs each of them two writes a second, whatever
// its strength.
const (
	frameSoon  = 50 * time.Millisecond
	frameEvery = 500 * time.Millisecond
	frameItems = 20               // findings in a frame, the most severe; the others are told as a number
	frameRoom  = 4096             // findings from which they are chosen
	framesHeld = 8                // for a watcher who is slow
	livePulse  = 15 * time.Second // shows a silent connection that it is alive
	liveOfUser = 16               // connections of one user
	liveStall  = 10 * time.Second // how long a watcher may take to read a frame
)

// hub renders what is found, once, for everybody who watches. It is safe for
// concurrent use.
type hub struct {
	feed   gatehouse.Feed
	most   int // watchers at the same time
	render func(*gatehouse.Record) ([]byte, error)

	mu       sync.Mutex
	watchers map[chan frame]*int // how many findings each has missed
	ofUser   map[string]int      // how many watchers are theirs
	ended    bool
}

func newHub(feed gatehouse.Feed, most int, render func(*gatehouse.Record) ([]byte, error)) *hub {
	return &hub{feed: feed, most: most, render: render, watchers: map[chan frame]*int{}, ofUser: map[string]int{}}
}

// frame is what is sent at once.
type frame struct {
	text  []byte // server-sent events
	items int    // how many findings it tells of
	// user is whom an operator has done something to: whether they may still
	// watch is to be asked again. It comes by itself.
	user string
}

// remarkable reports whether a record belongs into the live feed.
func remarkable(r *gatehouse.Record) bool {
	return r.Finding != nil || r.Severity >= gatehouse.High && r.Block == nil
}

// run sends frames until ctx ends, and then ends all connections.
func (h *hub) run(ctx context.Context) error {
	var (
		items  []*gatehouse.Record // of the next frame, one of each finding
		at     = map[string]int{}  // where in items
		missed int
		due    <-chan time.Time
		sent   time.Time
	)
	defer h.end()
	for messages := h.feed.Subscribe(ctx); ; {
		select {
		case m, ok := <-messages:
			if !ok {
				return nil
			}
			missed += m.Missed
			if m.Record.Actor != "" && m.Record.User != "" {
				h.broadcast(frame{user: m.Record.User})
			}
			if !remarkable(m.Record) {
				break
			}
			if i, again := at[subjectID(m.Record)]; again {
				items[i] = m.Record
			} else if len(items) < frameRoom {
				at[subjectID(m.Record)] = len(items)
				items = append(items, m.Record)
			} else {
				missed++
			}
		case <-due:
			h.broadcast(frame{text: h.events(items, missed), items: len(items) + missed})
			items, missed, due, sent = nil, 0, nil, time.Now()
			clear(at)
		}
		if due == nil && (len(items) > 0 || missed > 0) {
			due = time.After(max(frameSoon, frameEvery-time.Since(sent)))
		}
	}
}

// subjectID is equal for records that update each other.
func subjectID(r *gatehouse.Record) string {
	if r.Finding != nil {
		return r.Finding.ID
	}
	return r.ID
}

// events is "finding" with an item of the list for each of the
// most severe, and "missed" with how many there were besides.
func (h *hub) events(items []*gatehouse.Record, missed int) []byte {
	if len(items) > frameItems {
		slices.SortStableFunc(items, func(a, b *gatehouse.Record) int { return int(b.Severity) - int(a.Severity) })
		missed += len(items) - frameItems
		items = items[:frameItems]
		slices.SortStableFunc(items, func(a, b *gatehouse.Record) int { return a.Time.Compare(b.Time) })
	}
	var out bytes.Buffer
	for _, r := range items {
		item, err := h.render(r)
		if err != nil {
			missed++
			continue
		}
		out.WriteString("event: finding\n")
		for line := range bytes.Lines(item) {
			fmt.Fprintf(&out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
		}
		out.WriteString("\n")
	}
	if missed > 0 {
		out.Write(missedEvent(missed))
	}
	return out.Bytes()
}

// missedEvent tells of findings that are not sent.
func missedEvent(n int) []byte {
	return fmt.Appendf(nil, "event: missed\ndata: %d more just now. <a href=\"/findings\">All findings</a>\n\n", n)
}

func (h *hub) broadcast(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w, missed := range h.watchers {
		select {
		case w <- f:
		default:
			*missed += f.items
		}
	}
}

func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for w := range h.watchers {
		close(w)
	}
	clear(h.watchers)
}

// watch returns frames as they come, and what ends it, or an error if there are too
// many watchers, or too many of this user: connections are for acting, too.
func (h *hub) watch(user string) (frames <-chan frame, missed func() int, leave func(), err error) {
	w, count := make(chan frame, framesHeld), new(int)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ofUser[user] >= liveOfUser || len(h.watchers) >= h.most {
		return nil, nil, nil, httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: "Too many pages are open that show what is found live.", RetryAfter: liveStall}
	}
	h.ofUser[user]++
	if h.ended {
		close(w)
	} else {
		h.watchers[w] = count
	}
	missed = func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		n := *count
		*count = 0
		return n
	}
	return w, missed, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
		if h.ofUser[user]--; h.ofUser[user] == 0 {
			delete(h.ofUser, user)
		}
	}, nil
}

func (s *Server) liveRoutes() []route {
	return []route{{"GET /live", accounts.Viewer, s.stream}}
}

// stream answers with server-sent events, as long as the visitor is signed in.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, v visitor) error {
	frames, missed, leave, err := s.live.watch(v.user.ID)
	if err != nil {
		return err
	}
	defer leave()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(b []byte) bool {
		if out.SetWriteDeadline(time.Now().Add(liveStall)) != nil {
			return false
		}
		_, err := w.Write(b)
		return err == nil && out.Flush() == nil
	}
	if !send([]byte(": watching\n\n")) {
		return nil // the watcher is gone, which is no failure
	}
	mayStill := func() bool {
		again, err := s.visit(r, 0)
		return err != nil || again.may(accounts.Viewer)
	}
	pulse := time.NewTicker(livePulse)
	defer pulse.Stop()
	for {
		select {
		case f, ok := <-frames:
			if !ok || f.user == v.user.ID && !mayStill() {
				return nil
			}
			if f.user != "" {
				break
			}
			text := f.text // shared by all
			if n := missed(); n > 0 {
				text = append(text[:len(text):len(text)], missedEvent(n)...)
			}
			if !send(text) {
				return nil
			}
		case <-pulse.C:
			if !mayStill() || !send([]byte(": alive\n\n")) {
				return nil
			}
		case <-r.Context().Done():
			return nil
		}
	}
}
