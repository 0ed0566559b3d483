// Package redis keeps counters, rate limits, blocks and the live feed in Redis or Valkey, so
// that several nodes act as one. It works with a single server, one that
// Sentinels watch over, and a Cluster, from Redis 7.0.
//
// A Client is the way there; Windows, Rates, Blocks and Feed are what is kept there.
// See Blocks, Feed and Rates for their keys and channels; what follows is about
// Windows.
//
// # Keys and channels
//
// Names begin with Options.Prefix, "gatehouse" by default.
//
//	<prefix>:w1:<key>     a counter: a string, the key's 16 bytes as they are
//	<prefix>:n1:<node>    a channel on which a node is told whose turn has come
//
// The digit is the version of the format. A counter on which no place is held is
//
//	1 byte    1
//	5 bytes   each occurrence, in order: the lower 40 bits of its ms since 1970
//
// so that one of five occurrences has 26 bytes, and none has more than its
// threshold. With places held it is, big-endian,
//
//	1 byte    2
//	2 bytes   how many places are, or were, held: h
//	2 bytes   how many wait: w
//	6 bytes   threshold and window (2 and 4 bytes, in ms)
//	h times   the ID of a reservation (8) and when it expires (5)
//	w times   the ID of one who waits (8), its node (8), and when it last asked (5)
//	the rest  occurrences as above
//
// Every key has a lifetime: an eighth more than the window and ten seconds, and
// at least ten minutes with places held, because a failure may be late. A
// message is one or more pairs of an ID and a tally (8 bytes each).
//
// # Clocks
//
// Occurrences and reservations have the callers' times, so the nodes must agree
// on one clock; Client.Time offers the server's. Lifetimes, and whether one who
// waits is still there, go by the server's clock.
//
// # What the server needs
//
// A maxmemory-policy that evicts keys without being asked would forget counters:
// use noeviction, which makes calls fail instead. Scripts are run by their hash
// (EVALSHA) and sent again when the server has forgotten them. For Windows, an ACL
// has to allow ~<prefix>:* &<prefix>:* and the commands GET, MGET, SET, DEL, TIME,
// PUBLISH, SUBSCRIBE, EVAL, EVALSHA and PING.
//
// The work for one occurrence grows with the threshold, since a counter is
// written as a whole: up to 100 it is hardly felt, at 1,000 it has doubled, and at
// 10,000 it is ten times as much.
package redis
