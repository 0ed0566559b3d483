// Package accounts keeps people's accounts: users and their passwords, sessions
// on devices, and the families of refresh tokens that belong to them.
//
// [Service] is the way in. It judges and hashes passwords ([Policy], [Hasher]),
// signs access tokens, rotates refresh tokens and tells devices apart, and it
// keeps everything in a [Store]. It knows nothing of HTTP, and nothing of
// attacks: how many guesses an address has is the business of package guard,
// whose answer is asked before a password is looked at.
//
// # Passwords
//
// Passwords are normalised to NFKC (NIST SP 800-63B-3, section 5.1.1.2), so that
// the same characters typed on two keyboards are the same password, and hashed
// with Argon2id (RFC 9106) with the parameters that the OWASP Password Storage
// Cheat Sheet recommends. How many are hashed at the same time is bounded, and
// with it the memory that a storm of logins can take.
//
// # Tokens
//
// An access token is a JWT (RFC 9068) signed with Ed25519. It is believed only
// while its session lives, so a logout holds at once.
//
// A refresh token is "ghr_" and 32 random bytes. Only its SHA-256 is stored. Each
// use spends it and gives a successor, which is HMAC-SHA256(key, token || salt)
// with a salt of its own: a client that asks twice at the same time, or did not
// hear the answer, gets the same successor for a short grace although it is
// stored nowhere. A spent token that comes back later ends its session: two
// people hold it, and one of them stole it.
//
// # Browsers
//
// A page that is rendered by a server has no place for tokens. Its session is held
// by a cookie: the session's ID and an HMAC of it, so that who reads IDs in a log or
// a database cannot make one. Otherwise it is a session like any other, and each of
// both kinds ends the same ways.
//
// # Operators
//
// A [Role] says what a user may do on the dashboard. Somebody who administers is
// always left: the last one keeps the role and cannot be locked, whatever two
// administrators do to each other at the same time. A locked account has no
// sessions, and its password is answered as a wrong one is. A step-up (RFC 9470)
// limits the sessions of a user until the password is given again in each.
//
// # Devices
//
// [Devices] tells one browser from another by a signed cookie, and without one by
// the user agent. It is a hint that makes the list of devices readable, never a
// proof of who somebody is.
package accounts
