// Package scrub takes secrets out of what leaves the process: log lines, events
// for an error tracker, alerts, exported records. It imports nothing but the
// standard library.
//
// A secret is known by its name or by its looks. By name: what stands under
// "password", "X-Api-Key", "refreshToken" or "mysql_pwd" in a header, cookie,
// query string, form, JSON document, Go value, command line or free text, in any
// spelling, percent-encoding or escaping; see [Scrubber.Name]. By looks: "Bearer
// ..." and its kin, JWTs, our own refresh tokens and other issuers' by their
// prefixes, password hashes, private keys, and the user information of URLs,
// Sentry DSNs included. What is replaced becomes [Scrubbed]; what is around it
// stays.
//
// Where it cannot be known whether something is a secret it is taken for one.
// What is not looked for: personal data (e-mail addresses, IP addresses are a
// matter of policy elsewhere) and a secret without a name that looks like any
// other word. In free text an unquoted value is taken to end at white space.
//
// # Guarantees
//
// Nothing here changes its input, panics, or fails: what cannot be understood is
// treated as free text, and what is larger or deeper than [Options] allow is
// replaced, never let through. Time is linear in the size of the input. Scrubbing
// twice gives the same as scrubbing once.
//
// # Names that need their value
//
// Some names are secret in one place and harmless in another:
//
//   - "code", "state", "nonce" (OAuth) are secret in queries, forms, cookies and
//     JSON. In free text and in Go values a number of up to five digits or a plain
//     lower-case word of up to sixteen letters is kept: "state=half-open", "code=404".
//   - "session", "session_id", "sid": Gatehouse's session IDs are no proof of
//     anything and join records, so a UUID of version 7, which they are, is kept
//     everywhere but in queries, forms, cookies and headers. Other values are
//     secret, as in Sentry's own list.
//   - "tokens", "sessions", "cookies", "secrets": a number is a count.
//   - "key", "ticket": in queries, forms and cookies only.
//   - A name that ends in a word about the secret, such as "token_type",
//     "password_changed", "cookie_name" or "secret_file", is public.
//   - After "name: " in prose, words such as "expired", "missing" or "invalid" are
//     not values.
//   - "X-Forwarded-For" is not touched: addresses are the business of the caller.
package scrub
