package demo

import (
	"context"
	"fmt"
	"time"
)

// scene is one attack.
type scene struct {
	at    time.Duration // of the day
	title string
	story string         // what the attacker is up to
	finds map[string]int // how many findings, by rule
	// blocks is how many addresses are blocked.
	blocks int
	moves  []move
	end    time.Duration // when the next move may come, after at
}

// move is one request of a scene, the attacker's or the victim's.
type move struct {
	after time.Duration // the beginning of the scene
	label string        // moves in a row with one label are told as one
	want  int           // status
	send  func() request
	then  func(response) // may be nil
}

// add puts a move after a time since the last one.
func (s *scene) add(pause time.Duration, label string, want int, send func() request, then func(response)) {
	s.end += pause
	s.moves = append(s.moves, move{s.end, label, want, send, then})
}

// stage adds the steps of a scene to the day.
func (d *day) stage(s *scene, number, of int) {
	d.tally.expect(s)
	d.then(s.at, func(ctx context.Context) error {
		d.tellLife()
		d.feed.scene(number, of, s)
		return d.rest(ctx, d.pause)
	})
	for _, m := range s.moves {
		d.then(s.at+m.after, func(ctx context.Context) error {
			r, err := d.client.do(ctx, m.send())
			if err != nil {
				return err
			}
			if r.status != m.want {
				d.tally.complain(fmt.Sprintf("%s: %q was answered %d instead of %d", s.title, m.label, r.status, m.want))
			}
			if m.then != nil {
				m.then(r)
			}
			d.feed.move(m.label, r)
			return nil
		})
	}
	d.then(s.at+s.end, func(ctx context.Context) error {
		d.feed.endMoves()
		return d.rest(ctx, d.pause)
	})
}
