// Package notify tells people: one small delivery each, by mail, by a signed
// webhook, through a chat or push service, or by SMS.
//
// A Notifier makes one attempt per call and says whether another makes sense
// (ErrPermanent) and when (RetryAfter). It keeps nothing: what must outlive a
// restart is kept by the outbox that calls it, and who is told about what is
// decided there. Every attempt carries the message's idempotency key, so a
// receiver recognises what it has seen before.
//
// All text in a message may come from an attacker: an account name, a user
// agent. Each delivery makes of it what is text there and nothing else: no
// header, no HTML, no Markdown, no mention that wakes up a whole team, no
// terminal escapes, no reversed writing, no link.
package notify
