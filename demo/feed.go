package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// width is how many columns the feed takes.
const width = 100

// feed tells what happens. Only hear is safe for concurrent use: everything is
// written by the goroutine that lives the day.
type feed struct {
	out   io.Writer
	err   error // why nothing more can be written
	json  bool  // findings as JSON lines, and nothing else
	color bool
	now   func() time.Time
	names map[string]string // user ID -> account

	heard  chan gatehouse.Record
	missed atomic.Int64
	run    moveRun
}

// moveRun is some moves of one kind in a row.
type moveRun struct {
	at    time.Time
	label string
	count int
	answer
}

// answer is what an attacker, or a victim, is told.
type answer struct {
	status     int
	retryAfter string
}

// heardMost bounds what is waiting to be told.
const heardMost = 1024

func newFeed(o Options, now func() time.Time) *feed {
	return &feed{
		out: o.Out, json: o.JSON, color: o.Color && !o.JSON, now: now,
		names: make(map[string]string), heard: make(chan gatehouse.Record, heardMost),
	}
}

// hear takes a record that may be worth telling. It never waits: what there is
// no room for is counted and not told.
func (f *feed) hear(r gatehouse.Record) {
	if r.Finding == nil && r.Block == nil && r.Kind != gatehouse.TokenReused {
		return
	}
	select {
	case f.heard <- r:
	default:
		f.missed.Add(1)
	}
}

// drain tells one thing that has been heard, if there is one.
func (f *feed) drain() bool {
	select {
	case r := <-f.heard:
		f.record(r)
		return true
	default:
		return false
	}
}

// follow tells what is heard until ctx ends or nobody reads it any more.
func (f *feed) follow(ctx context.Context) {
	for f.err == nil {
		select {
		case r := <-f.heard:
			f.record(r)
		case <-ctx.Done():
			return
		}
	}
}

// text writes a line for people.
func (f *feed) text(format string, args ...any) {
	if !f.json {
		f.write(fmt.Appendf(nil, format+"\n", args...))
	}
}

func (f *feed) write(line []byte) {
	if f.err == nil {
		_, f.err = f.out.Write(line)
	}
}

// record tells one thing that was found or done.
func (f *feed) record(r gatehouse.Record) {
	if n := f.missed.Swap(0); n > 0 {
		f.text("%s%d more that came too fast to be told; gatehouse log has them all", indent, n)
	}
	if f.json {
		if line, err := json.Marshal(r); err == nil {
			f.write(append(line, '\n'))
		}
		return
	}
	f.endMoves()
	f.text("%s  %s  %s %s", shown(r.Time), f.severity(r.Severity), f.paint(bold, fmt.Sprintf("%-24s", r.Kind)), f.subject(r))
	for _, line := range receipt(r) {
		f.wrapped(line)
	}
}

// scene opens a scene.
func (f *feed) scene(number, of int, s *scene) {
	f.text("\n%s", f.paint(bold, fmt.Sprintf("%d/%d  %s", number, of, s.title)))
	for _, line := range wrap(s.story, width-5) {
		f.text("     %s", line)
	}
}

// move tells a request of a scene and its answer, together with those like it.
func (f *feed) move(label string, r response) {
	a := answer{r.status, r.retryAfter}
	if f.run.count > 0 && (f.run.label != label || f.run.answer != a) {
		f.endMoves()
	}
	if f.run.count == 0 {
		f.run = moveRun{at: f.now(), label: label, answer: a}
	}
	f.run.count++
}

// endMoves ends a row of moves.
func (f *feed) endMoves() {
	run := f.run
	f.run = moveRun{}
	if run.count == 0 {
		return
	}
	status := fmt.Sprint(run.status)
	if run.count > 1 {
		status += fmt.Sprintf(" ×%d", run.count)
	}
	text := run.label
	if run.retryAfter != "" {
		text += "; Retry-After: " + gatehouse.CleanText(run.retryAfter, 40)
	}
	f.columns(run.at, fmt.Sprintf("%-8s", status), text)
}

// columns writes what happened at an instant: a word of eight columns, and a
// text that is wrapped.
func (f *feed) columns(at time.Time, word, text string) {
	for i, line := range wrap(text, width-len(indent)) {
		if i == 0 {
			f.text("%s  %s  %s", shown(at), word, line)
		} else {
			f.text("%s%s", indent, line)
		}
	}
}

// life tells what ordinary people did meanwhile.
func (f *feed) life(l life, refused, reported int) {
	if l == (life{}) {
		return
	}
	l.others = 0 // they need no telling each time
	harm := "nobody refused"
	if refused+reported > 0 {
		harm = fmt.Sprintf("%d refused, %d reported", refused, reported)
	}
	f.text("")
	f.text("%s", f.paint(dim, fmt.Sprintf("%s  ordinary life: %s; %s", shown(f.now()), l, harm)))
}
