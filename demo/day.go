package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// length is how long the simulated time lasts.
const length = 24 * time.Hour

// day is everything that happens in it. Only one goroutine lives it.
type day struct {
	start  time.Time
	clock  *clock
	client *client
	cast   *cast
	feed   *feed
	tally  *tally
	pause  time.Duration
	lived  life // so far
	told   life // so far, at the last line about it
	steps  []step
}

// life counts what ordinary people did.
type life struct{ signups, logins, slips, refreshes, others int }

func (l life) minus(m life) life {
	return life{l.signups - m.signups, l.logins - m.logins, l.slips - m.slips, l.refreshes - m.refreshes, l.others - m.others}
}

// String lists what there is some of.
func (l life) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{l.signups, "signup"}, {l.logins, "login"}, {l.slips, "mistyped password"}, {l.refreshes, "refresh"}, {l.others, "other request"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.noun))
		}
	}
	return strings.Join(parts, ", ")
}

// step is one thing that happens.
type step struct {
	at time.Duration // after the beginning
	do func(ctx context.Context) error
}

func (d *day) then(at time.Duration, do func(ctx context.Context) error) {
	d.steps = append(d.steps, step{at, do})
}

// live makes everything happen. It fails only if the server cannot be reached
// or ctx ends; what goes otherwise than it should is told to the tally.
func (d *day) live(ctx context.Context) error {
	random := rand.New(rand.NewPCG(1, 2)) // the same day each time
	for n, p := range d.cast.all {
		d.plan(p, time.Duration(n)*time.Minute, random)
	}
	scenes := attacks(d.cast)
	for n, s := range scenes {
		d.stage(s, n+1, len(scenes))
	}
	slices.SortStableFunc(d.steps, func(a, b step) int { return int(a.at - b.at) })
	for _, s := range d.steps {
		d.clock.advance(d.start.Add(s.at))
		if err := s.do(ctx); err != nil {
			return err
		}
		for d.feed.drain() {
			if err := d.rest(ctx, d.pause/3); err != nil {
				return err
			}
		}
	}
	d.clock.advance(d.start.Add(length))
	d.tellLife()
	return d.rest(ctx, 0)
}

// plan adds the day of one person, who signs up first.
func (d *day) plan(p *person, signsUp time.Duration, random *rand.Rand) {
	d.then(signsUp, func(ctx context.Context) error {
		r, err := d.ordinary(ctx, p, signUp(p.email, p.password, p.name, p.home, p.first), http.StatusCreated, &d.lived.signups)
		var made struct{ ID string }
		if err == nil && json.Unmarshal(r.body, &made) == nil {
			d.feed.names[made.ID] = p.email
		}
		return err
	})
	for _, v := range p.visits {
		act := func(at time.Duration, want int, counter *int, send func() request) {
			d.then(at, func(ctx context.Context) error {
				_, err := d.ordinary(ctx, p, send(), want, counter)
				return err
			})
		}
		for slip := range v.slips {
			typed := p.password[:len(p.password)-1-slip]
			act(v.at-time.Duration(v.slips-slip)*20*time.Second, http.StatusUnauthorized, &d.lived.slips,
				func() request { return logIn(p.email, typed, v.from, v.on) })
		}
		act(v.at, http.StatusOK, &d.lived.logins, func() request { return logIn(p.email, p.password, v.from, v.on) })
		act(v.at+30*time.Second, http.StatusOK, &d.lived.others, func() request { return whoAmI(v.from, v.on) })
		last := v.at + 30*time.Second
		for {
			last += time.Duration(14+random.IntN(10)) * time.Minute
			if last > v.at+v.stay {
				break
			}
			act(last, http.StatusOK, &d.lived.refreshes, func() request { return refresh(v.from, v.on) })
		}
		if v.logout {
			// With a token that has not expired.
			end := v.at + max(v.stay, 40*time.Second)
			act(end-time.Second, http.StatusOK, &d.lived.refreshes, func() request { return refresh(v.from, v.on) })
			act(end, http.StatusNoContent, &d.lived.others, func() request { return logOut(v.from, v.on) })
		}
	}
}

// ordinary sends what somebody who belongs here sends.
func (d *day) ordinary(ctx context.Context, p *person, q request, want int, counter *int) (response, error) {
	r, err := d.client.do(ctx, q)
	if err != nil {
		return r, err
	}
	*counter++
	if r.status != want {
		d.tally.complain(fmt.Sprintf("%s was answered %d instead of %d: %s %s at %s", p.email, r.status, want, q.method, q.path, shown(d.clock.Now())))
	}
	return r, nil
}

// tellLife tells what ordinary people did since it was told last.
func (d *day) tellLife() {
	refused, reported := d.tally.hurt()
	d.feed.life(d.lived.minus(d.told), refused, reported)
	d.told = d.lived
}

// rest gives the reader time, and goes on telling what is found meanwhile.
func (d *day) rest(ctx context.Context, pause time.Duration) error {
	resting, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	d.feed.follow(resting)
	if d.feed.err != nil {
		return d.feed.err
	}
	return ctx.Err()
}
