// Package failover keeps counting when the store of counters that all nodes
// share cannot answer: at once, in this process, and more strictly.
//
// [Windows] asks the shared store, the primary, and notes in a local store, the
// mirror, what this node itself let through.
//
//   - Healthy: the primary decides. The mirror is not heeded: it may be fuller
//     than it should, since it does not hear that another node's success cleared
//     a counter.
//   - Degraded, when the primary cannot answer: the mirror decides, together
//     with a stricter counter that holds only what was counted while degraded.
//     Both must have room. After a few failures in a row a breaker opens and
//     the primary is no longer asked, so nobody waits for it; a probe finds out
//     when it is back.
//   - Probation, for one window of the key and a ReservationTTL after anything
//     was decided without the primary or it was found emptied: the primary and
//     the mirror must both have room.
//
// # What holds whatever fails
//
// One node lets through at most the threshold of failures per key within any
// window, so all nodes together at most nodes x threshold, in every sequence of
// outages, recoveries and restarts of an empty primary. While the primary stays
// up, the bound is the threshold for all nodes together and every answer is the
// primary's. The argument:
//
//  1. What a node lets through, it has room for in its mirror or notes there,
//     in every state. The mirror is never emptied by an outage.
//  2. So a node can exceed the threshold only by letting something through that
//     the mirror has no room for. It does so only when healthy, and only after
//     it has seen that the primary was not emptied since: each node keeps a
//     marker in the primary, which nobody else can put back.
//  3. The primary then still has every guess that it was told of, and outside
//     of probation it was told of all that this node let through within the
//     window. So it counted them and still had room: another node's success has
//     cleared the counter in between, or calls overtook each other on the way
//     and the two windows end a little apart. The guess is noted in the mirror
//     all the same, which from then on holds at least what the primary counts.
//
// It holds by the callers' clocks, for attempts that settle before their
// reservation expires, as far as the local store has room for all keys (what it
// does when short of room is its driver's to say), and where the primary is one
// server. In a cluster the marker lies in one slot: the loss of another slot's
// data is noticed only by the calls that fail meanwhile. After another node's
// success the mirror is brought up to date in two steps; a primary that dies
// between them, within microseconds, leaves it with fewer.
//
// What is counted during an outage is not told to the primary afterwards: the
// argument does not need it, since probation lasts as long as it counts.
package failover
