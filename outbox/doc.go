// Package outbox keeps messages until they are delivered: across restarts, dead
// receivers and kill -9, at least once each, and with the same idempotency key
// each time.
//
// Who wants something told calls [Store.Enqueue], or writes the delivery in the
// transaction of the change that it tells of. A [Worker] on each node claims what
// is due, makes one attempt with the [notify.Notifier] of its channel, and marks
// the delivery as sent, to be tried again, or dead. Each channel has its own few
// workers, so that a receiver who hangs holds up nobody else.
//
// A process that dies between an attempt and its mark leaves the delivery to be
// tried again once its lease has ended: the receiver may get it twice, with one
// key. It is not lost.
package outbox
