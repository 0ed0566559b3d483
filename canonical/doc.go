// Package canonical gives every account name one form, so that an attacker
// cannot multiply a budget of guesses by writing one name in many ways.
//
// The form is that of Unicode's NFKC_Casefold: compatibility characters are
// unified, case is folded and invisible characters are taken out. The domain of
// an e-mail address is treated as a domain name (IDNA, in its ASCII form)
// instead, because there "ß" and "ss" are different places.
//
// What mail providers do with an address is theirs to know: dots and "+tags" in
// the local part are kept.
//
// All functions here are pure and safe for concurrent use.
package canonical
