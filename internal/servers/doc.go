// Package servers runs real Redis and PostgreSQL servers for tests and for
// trying Gatehouse out: on loopback, on free ports, each with a directory of its
// own under [os.TempDir]. It needs Linux, and the servers' programs installed.
//
// Nothing outlives the program that started it, however it ended: beside each
// server waits a small shell script, the reaper, on a pipe that only that program
// holds open. When it closes, the reaper ends what still runs in the server's
// directory, stopped processes as well, and removes the directory. That is used
// instead of Linux's parent-death signal because that one is bound to the thread
// that started the child, which Go may end at any time, and because it leaves the
// directory and PostgreSQL's children behind.
//
// No goroutine is kept, so that a test can look for those of its subject.
package servers
