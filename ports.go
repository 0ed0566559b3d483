package gatehouse

import (
	"context"
	"iter"
	"net/netip"
	"time"
)

// Key names one counter: a keyed hash of fixed length, so that a dump of the
// counters shows no e-mail address.
type Key [16]byte

// Limit is "Threshold within Window". The window slides: an occurrence at t is
// counted while now is before t+Window. Stores may truncate times to whole
// milliseconds.
type Limit struct {
	Threshold int           // 1 to 10,000
	Window    time.Duration // 1 ms to 7 days
}

// Tally is the state of one counter after an operation.
type Tally struct {
	// Count is how many occurrences the window holds. It never exceeds the
	// threshold.
	Count int
	// Over reports that the window was full before, so that this occurrence
	// was not counted.
	Over bool
	// RetryAfter is how long it takes until the window has room again. It is
	// zero while it has.
	RetryAfter time.Duration
}

// Hit is one occurrence to count, and the answer.
type Hit struct {
	Key   Key
	Limit Limit
	Tally Tally // filled in by Windows.Hit
}

// Reservation is a place held for one attempt whose outcome is not known yet.
// The zero value holds nothing.
type Reservation struct {
	Key   Key
	Limit Limit
	ID    uint64
}

// Outcome is how a reserved attempt ended.
type Outcome uint8

// The outcomes of an attempt.
const (
	Failed    Outcome = iota + 1 // counts against the limit
	Succeeded                    // clears the counter
	Abandoned                    // as if it had not been made
)

// Windows counts occurrences in sliding windows. Every method is one atomic
// operation and safe for concurrent use. Times are given by the caller; one
// that lies before the newest of its key is taken as equal to that, so that a
// clock that steps back neither frees nor forgets.
//
// Errors wrap ErrUnavailable when the store cannot answer, ErrBusy when it has
// no room. Nothing was counted then, unless only the answer of a store elsewhere
// was lost.
type Windows interface {
	// Hit counts one occurrence for each of hits and fills in their tallies.
	Hit(ctx context.Context, at time.Time, hits []Hit) error

	// Reserve holds a place for one attempt, so that occurrences and held
	// places together never exceed the threshold. While only held places stand
	// in the way it waits its turn, first come first served, for at most wait
	// (ErrBusy after that) or until ctx ends. When the window is full of
	// occurrences it returns a zero Reservation and a Tally with Over set.
	// A reservation that is not settled within ReservationTTL expires as if
	// abandoned.
	Reserve(ctx context.Context, at time.Time, key Key, limit Limit, wait time.Duration) (Reservation, Tally, error)

	// Settle ends a reservation. A failure is counted even if the reservation
	// has expired. Settling the zero Reservation does nothing.
	Settle(ctx context.Context, at time.Time, r Reservation, outcome Outcome) (Tally, error)

	// Forget clears counters. Held places stay.
	Forget(ctx context.Context, keys ...Key) error
}

// ReservationTTL is how long a reservation is held for an attempt that never
// settles.
const ReservationTTL = 30 * time.Second

// Algorithm is how the use of a rate limit is forgotten.
type Algorithm uint8

// The algorithms of rate limits.
const (
	// SlidingWindow: what was taken at t is counted while now is before
	// t+Window. So no span of a window's length ever holds more than the
	// threshold.
	SlidingWindow Algorithm = iota
	// GCRA, the generic cell rate algorithm (ITU-T I.371), a leaky bucket: what
	// was taken drains evenly, one for each Window/Threshold, and at most the
	// threshold can be outstanding. A client may take the threshold at once and
	// then as much as drains, so a span of a window's length holds less than
	// twice the threshold. Its state is a few bytes, whatever the threshold.
	GCRA
)

// Take asks a rate limit for a request, and is the answer.
type Take struct {
	Key       Key
	Limit     Limit
	Algorithm Algorithm
	// Cost is how much of the threshold the request takes. Zero is taken as 1;
	// for more than the threshold there is never room.
	Cost int
	// Quota is filled in by Rates.Take.
	Quota Quota
}

// Quota is the state of a rate limit after a call of Rates.Take.
type Quota struct {
	// Remaining is how much of the threshold could be taken at once.
	Remaining int
	// ResetAfter is how long it takes, in whole milliseconds rounded up, until
	// all of the threshold can be taken.
	ResetAfter time.Duration
	// Over reports that there was no room for the cost.
	Over bool
	// RetryAfter is how long it takes, in whole milliseconds rounded up, until
	// there is room for the cost if nobody takes any. It is zero if there was
	// room, and if waiting is of no use.
	RetryAfter time.Duration
}

// Rates limits how often things are done. It is safe for concurrent use.
type Rates interface {
	// Take charges each limit with its cost, or none if one has no room for
	// it: then the Quota of each that has none is Over. So a request that is
	// refused takes nothing. A key may come up once in a call. A key that is
	// used with another limit than before keeps what was taken, up to the new
	// threshold; with another algorithm it starts anew.
	//
	// A time that lies before the newest charge of a key is taken as equal to
	// that, so that a clock that steps back neither frees nor forgets. Stores
	// truncate times to whole milliseconds and round windows up to them.
	//
	// It is one atomic operation. A driver that spreads keys over several
	// servers may decide for each server by itself, but keeps keys together
	// whose second halves (Key[8:]) are equal; the first halves must differ.
	//
	// Errors wrap ErrUnavailable when the store cannot answer, ErrBusy when it
	// has no room; nothing was charged then, as far as the store can know.
	Take(ctx context.Context, at time.Time, takes []Take) error
}

// Blocks keeps addresses and networks out. Implementations are safe for
// concurrent use. What Place and Lift acknowledge survives a restart where the
// driver says that it is durable.
type Blocks interface {
	// Place adds b. Where its prefix is blocked already, the later end wins
	// and the block in force afterwards is returned.
	Place(ctx context.Context, b Block) (Block, error)
	// Lift removes the block of exactly this prefix and returns it, or
	// ErrNotFound.
	Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (Block, error)
	// Blocked returns a block in force that covers ip, the one that ends last.
	Blocked(ctx context.Context, ip netip.Addr, at time.Time) (Block, bool, error)
	// List returns the blocks in force, in order of their prefixes.
	List(ctx context.Context, at time.Time) ([]Block, error)
}

// Sightings remembers on which devices and in which countries each user was
// seen. Implementations are safe for concurrent use and may forget all but a
// user's 64 most recent pairs of device and country.
type Sightings interface {
	// See records s and returns, newest first, the user's earlier sightings:
	// the last one of each pair of device and country. Of two calls for one
	// user at the same time, one sees the other.
	See(ctx context.Context, user string, s Sighting) ([]Sighting, error)
}

// Journal is the writing end of the security log.
type Journal interface {
	// Append returns nil once all records are durable, or an error and none is
	// promised. A record whose ID is known already is left as it is. It is
	// safe for concurrent use; concurrent calls share the cost of being
	// durable.
	Append(ctx context.Context, records ...Record) error
}

// Log is the reading end of the security log. It is safe for concurrent use.
type Log interface {
	// Query yields the matching records, newest first, and stops with an error
	// if the store fails.
	Query(ctx context.Context, q Query) iter.Seq2[Record, error]
	// CountFindings counts the findings about a user since an instant, by type
	// and severity. Records of one finding, by its ID, count once.
	CountFindings(ctx context.Context, user string, since time.Time) ([]FindingCount, error)
}

// Query selects records of the security log. Zero fields select everything.
type Query struct {
	User        string       // matches a user ID or a canonical account name
	Prefix      netip.Prefix // addresses in it
	Kinds       []Kind
	Correlation string
	Finding     string    // the ID of a finding, whose records are selected
	Since       time.Time // at or after
	Until       time.Time // before
	// After is the ID of a record: only those are selected that come after it in
	// the order of the answer. It is how a reader goes on from page to page. If
	// there is no such record the answer is ErrNotFound.
	After string
	Limit int // at most so many; 0: no limit
}

// FindingCount is how many findings of one type and severity there were.
type FindingCount struct {
	Kind     Kind     `json:"type"`
	Severity Severity `json:"severity"`
	Count    int      `json:"count"`
}

// Places tells where an address is. Private and unknown addresses are the zero
// Place. It is safe for concurrent use and never blocks on the network.
type Places interface {
	Place(ip netip.Addr) Place
}

// Alerts tells people about findings.
type Alerts interface {
	// Alert accepts a finding for delivery. It must not wait for the delivery,
	// and an error says that the alert was not accepted.
	Alert(ctx context.Context, r Record) error
}

// Feed passes on what was just recorded to everybody who watches, on every
// node. It keeps nothing: who was not watching, or watches too slowly, has the
// security log. Implementations are safe for concurrent use.
type Feed interface {
	// Publish passes records on, in their order. It never waits. What the
	// records point to must not be changed afterwards.
	Publish(records ...Record)
	// Subscribe returns what is published from now on. The channel is closed
	// soon after ctx has ended.
	Subscribe(ctx context.Context) <-chan FeedMessage
}

// FeedMessage is what a watcher of a Feed gets.
type FeedMessage struct {
	// Record is shared by all watchers and must not be changed.
	Record *Record
	// Missed is how many records this watcher was too slow for since the one
	// before.
	Missed int
}
