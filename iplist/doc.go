// Package iplist is about lists of addresses and networks: it reads them from
// text, asks them whether an address is on them, and writes them as text again.
//
// A Set is built once and never changes. A List holds the Set in force and
// swaps it as a whole, so that look-ups take no lock and allocate nothing while
// a file is read anew.
//
// Three formats are read and written: Plain, one address or network a line; NFT,
// what nft(8) lists and "nft -f" takes; and JSON, texts or objects with the end
// and the reason of a block, as "gatehouse blocks --json" prints them.
//
// Lists come from outside. Reading is bounded in bytes and entries, errors name
// the line and what is allowed there, and a list that would hold everybody is
// refused unless it is asked for.
package iplist
