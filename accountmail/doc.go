// Package accountmail writes to account holders: what happened at their account,
// with a link to say "this was not me", and the link by which they choose a new
// password.
//
// A [Mailer] puts messages into the outbox, whose worker sends them through
// [Mailer.Notifier]. Nothing here can fail or hold up a login: what cannot be put
// there in time is told to Options.OnError and dropped.
//
// # No oracle
//
// Whether an account exists is looked up after the request was answered, at a
// moment that has nothing to do with it. Until then nothing depends on that.
//
// # Links
//
// A message that waits has the ticket of a link, and gets the link's token when
// it is sent, so neither the outbox nor a backup of the database holds anything
// that opens an account; see package accounts. Links are made of the configured
// address of the login server, never of what a client says the host is.
//
// # Limits
//
// An account gets at most so many notices an hour; how many were left out is told
// in the next one. One notice an hour tells of guesses at the password, so that
// guessing cannot use up what a login of the guesser will need.
package accountmail
