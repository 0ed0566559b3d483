package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	askAgain  = time.Second // while waiting, about
	askSooner = 100 * time.Millisecond
	maxLate   = 1024 // settlements in the background
	lateFor   = 10 * time.Second
	newsBytes = 16 // an ID and a tally
)

// What the script that reserves can say.
const (
	saidHeld = 1 + iota
	saidFull
	saidWait
	saidTaken
	saidCrowded
)

var (
	errTaken = fmt.Errorf("redis: other attempts are in flight: %w", gatehouse.ErrBusy)
	errLine  = fmt.Errorf("redis: too many wait for one key: %w", gatehouse.ErrBusy)
)

// request is one call of Reserve.
type request struct {
	w     *Windows
	r     gatehouse.Reservation
	at    time.Time
	start time.Time
}

// now is the caller's time, which runs on while it waits.
func (q *request) now() time.Time { return q.at.Add(time.Since(q.start)) }

// Reserve implements gatehouse.Windows. It returns an error that wraps
// gatehouse.ErrBusy also when too many wait for the key, and the context's
// error when that is cancelled first. A caller that waits lets its clock run on
// by the time that passes.
//
// The server grants a place to the first who waits the moment that it gets
// free, and tells the node. Each who waits asks again about once a second, in
// case the news was lost; one that has not asked for three seconds is passed
// over.
func (w *Windows) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	if err := ctx.Err(); err != nil {
		return gatehouse.Reservation{}, gatehouse.Tally{}, failed(ctx, err)
	}
	if _, err := window(limit); err != nil {
		return gatehouse.Reservation{}, gatehouse.Tally{}, err
	}
	q := &request{w: w, at: at, start: time.Now(), r: gatehouse.Reservation{Key: key, Limit: limit, ID: rand.Uint64N(1<<64-1) + 1}}
	most := w.maxWaiters
	if wait <= 0 {
		most = "0"
	}
	tally, held, err := q.ask(ctx, wait, most)
	if !held {
		q.r = gatehouse.Reservation{}
	}
	return q.r, tally, err
}

// ask asks for a place and waits for it.
func (q *request) ask(ctx context.Context, wait time.Duration, most string) (gatehouse.Tally, bool, error) {
	granted := make(chan gatehouse.Tally, 1)
	q.w.expect(q.r.ID, granted)
	defer q.w.unexpect(q.r.ID)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	now := q.at // exactly, if there is no wait
	for first := true; ; first, now = false, q.now() {
		said, tally, change, err := q.send(ctx, now, most)
		switch {
		case errors.Is(err, gatehouse.ErrUnavailable):
			if !first || mayHaveRun(err) {
				q.w.settleLate(q.now(), q.r, gatehouse.Abandoned)
			}
			return gatehouse.Tally{}, false, err
		case err != nil:
			q.leave()
			return gatehouse.Tally{}, false, err
		case said == saidHeld, said == saidFull:
			return tally, said == saidHeld, nil
		case said == saidTaken:
			return tally, false, errTaken
		case said == saidCrowded:
			return tally, false, errLine
		}
		// Where the key's clock is ahead of this one, the change is not seen when
		// it is due: do not ask for it without end.
		timer.Reset(max(0, min(wait-time.Since(q.start), max(change, askSooner), q.w.pause())))
		select {
		case tally := <-granted:
			return tally, !tally.Over, nil
		case <-ctx.Done():
			q.leave()
			return gatehouse.Tally{}, false, failed(ctx, ctx.Err())
		case <-q.w.client.ctx.Done():
			return gatehouse.Tally{}, false, fmt.Errorf("redis: %w: %w", gatehouse.ErrUnavailable, errClosed)
		case <-timer.C:
		}
		if time.Since(q.start) >= wait {
			q.leave()
			return tally, false, errTaken
		}
	}
}

// pause is how long one who waits does so before it asks again.
func (w *Windows) pause() time.Duration {
	d := askAgain
	if !w.listened.Load() {
		d = askSooner
	}
	return d*3/4 + rand.N(d/2)
}

// send asks the server. The change is when a place gets free by itself.
func (q *request) send(ctx context.Context, now time.Time, most string) (said int64, tally gatehouse.Tally, change time.Duration, err error) {
	r, err := q.w.client.conn()
	if err != nil {
		return 0, tally, 0, err
	}
	i := q.w.invocation(now, q.r, q.w.node, most)
	result, err := q.w.client.evalScript(ctx, r, reserveScript, i)
	if err != nil {
		return 0, tally, 0, err
	}
	reply, err := result.AsIntSlice()
	if err != nil || len(reply) != 3 {
		return 0, tally, 0, errReply
	}
	return reply[0], tallyOf(reply[1]), time.Duration(reply[2]) * time.Millisecond, nil
}

func (w *Windows) invocation(at time.Time, r gatehouse.Reservation, more ...string) invocation {
	length, _ := window(r.Limit) // it has been checked
	args := []string{unixMillis(at), strconv.Itoa(r.Limit.Threshold), strconv.FormatInt(length, 10),
		string(binary.BigEndian.AppendUint64(nil, r.ID))}
	return invocation{keys: []string{w.name(&r.Key)}, args: append(args, more...)}
}

// Settle implements gatehouse.Windows. Settling a second time does nothing. A
// failure is counted until ten minutes after it was reserved, though its place
// was given to others when it expired; in a window filled by them it is Over
// and not counted. A success clears the counter even so late.
//
// When the server does not answer, Settle returns an error and goes on trying
// in the background for ten seconds: to count the failure, or otherwise only to
// give the place back. At most 1,024 such are under way; what is beyond them
// expires.
func (w *Windows) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	if r.ID == 0 {
		return gatehouse.Tally{}, nil
	}
	if outcome < gatehouse.Failed || outcome > gatehouse.Abandoned {
		return gatehouse.Tally{}, fmt.Errorf("redis: unknown outcome %d", outcome)
	}
	if _, err := window(r.Limit); err != nil {
		return gatehouse.Tally{}, err
	}
	tally, err := w.settle(ctx, at, r, outcome)
	if err != nil {
		if outcome == gatehouse.Succeeded { // what has been counted since is not to be cleared
			outcome = gatehouse.Abandoned
		}
		w.settleLate(at, r, outcome)
	}
	return tally, err
}

func (w *Windows) settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	c, err := w.client.conn()
	if err != nil {
		return gatehouse.Tally{}, err
	}
	result, err := w.client.evalScript(ctx, c, settleScript, w.invocation(at, r, strconv.Itoa(int(outcome))))
	if err != nil {
		return gatehouse.Tally{}, err
	}
	n, err := result.AsInt64()
	if err != nil {
		return gatehouse.Tally{}, errReply
	}
	return tallyOf(n), nil
}

// leave gives back what was asked for, whether it has been granted or not.
func (q *request) leave() {
	if _, err := q.w.settle(q.w.client.ctx, q.now(), q.r, gatehouse.Abandoned); err != nil {
		q.w.settleLate(q.now(), q.r, gatehouse.Abandoned)
	}
}

// settleLate goes on trying to settle, in the background.
func (w *Windows) settleLate(at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) {
	select {
	case w.late <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-w.late }()
		ctx, cancel := context.WithTimeout(w.client.ctx, lateFor)
		defer cancel()
		left := 2 // what is still on its way to the server may arrive after the first
		for pause := leastPause; left > 0 && ctx.Err() == nil; pause = min(2*pause, mostPause) {
			w.client.pause(pause)
			if _, err := w.settle(ctx, at, r, outcome); err == nil {
				left--
				pause = mostPause / 2
			}
		}
	}()
}
