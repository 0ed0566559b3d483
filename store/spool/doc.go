// Package spool stands in front of the durable store of records and blocks and
// takes over while that store is down: what it cannot take is kept in a local
// file, acknowledged once it is on the disk, and handed over later, in order.
//
// # What holds
//
//   - What Append, Place and Lift acknowledge is durable, in the store or in the
//     file, and survives kill -9 and the loss of power.
//   - What one caller had acknowledged before another call began comes first in
//     the store, too. While the file holds anything, everything goes into it;
//     when its last piece is handed over, calls wait for a moment (at most
//     Options.Hold), so that none overtakes.
//   - Nobody waits for a store that is known to be down: after the first failure
//     only the spool asks it.
//   - A record may reach the store more than once, with the same ID, as when a
//     deadline passed and yet it was kept; see gatehouse.Journal.
//
// # The file
//
// It is text, two lines of header and then one line for each entry: the CRC-32C
// of the rest in hexadecimal, a space, and JSON: {"record":...}, {"place":...} or
// {"lift":...}. The second line of the header says up to where entries have been
// handed over. The file is emptied when all have. A last line without its end was
// never acknowledged and is cut off when the file is opened.
//
// Beside it may lie two more, which only grow and which nothing reads again:
// with the suffix .damaged, pieces that were no entries; with .rejected, entries
// that the store refused for good, in the same format. Each such piece is told
// to Options.OnError and counted in State.
//
// # Blocks
//
// A block that is placed or lifted while the store is down goes into the same
// file, in order with the records; of each batch that is handed over the blocks go
// first, in order for each prefix, and then the records, in order. List and Blocked show what the store held when
// it was last asked, and what is in the file on top of that. A lift of a block
// that cannot be seen, as another node may have placed it meanwhile, goes into
// the file all the same and returns gatehouse.ErrNotFound. When it is handed
// over, a lift spares a block that was created after it. A block that another
// node lifted while it was still in this node's file is placed again by the hand
// over: there is nothing that tells one from the other.
package spool
