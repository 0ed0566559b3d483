// Package authserver is the login server of package accounts over HTTP, guarded
// by package guard. It must run behind the middleware of package httpguard, which
// tells who asks and keeps blocked addresses out.
//
//	POST   /api/auth/signup        {"email","password","name"}             201 {"id","email","name","created"}
//	POST   /api/auth/login         {"email","password"}                    200 tokens
//	POST   /api/auth/refresh       {"refresh_token"}                       200 tokens
//	POST   /api/auth/logout                                       bearer   204
//	POST   /api/auth/logout-all                                   bearer   204
//	GET    /api/auth/me                                           bearer   200 {"id","email","name","created"}
//	POST   /api/auth/password      {"current_password","new_password"}
//	                                                              bearer   204
//	POST   /api/auth/step-up       {"password"}                    bearer   204
//	POST   /api/auth/password/forgot {"email"}                             202 {"detail"}
//	POST   /api/auth/password/reset  {"token","new_password"}              204
//	GET    /api/auth/devices                                      bearer   200 {"devices":[...]}
//	DELETE /api/auth/devices/{id}                                 bearer   204
//
// Tokens are {"access_token","refresh_token","token_type":"Bearer","expires_in"}.
// A device is {"id","name","ip","country","city","last_used","created","current"}.
//
// Everything else is a problem document (RFC 9457): 400 for a body that is not
// what is asked for, 401 for wrong credentials or no valid token, 403 for a wrong
// current password (the caller is signed in, and 401 would tell clients to
// refresh the token and try again) and for requests that another site makes a
// browser send, 404, 405, 409 for a taken address, 413, 415, 422 for an address,
// name or password that may not be chosen, 429 and 503 with Retry-After. Answers
// are never to be cached.
//
// # Step-up
//
// An operator may require the password of an account to be given again. Until it
// is, each session answers 401 with
//
//	WWW-Authenticate: Bearer realm="gatehouse", error="insufficient_user_authentication"
//
// (RFC 9470) to everything but step-up, logout and refresh. A client that gets
// this asks its user for the password and sends it to /api/auth/step-up, which is
// guarded like a change of the password: 403 for a wrong one, and all of it counts
// against the account's attempts. To log in anew is as good.
//
// # Bodies
//
// A body is one JSON object of at most 16 KiB, sent as application/json. Fields
// are matched exactly, and must be strings; a field that comes twice is refused,
// since two readers could disagree about it. Fields that are not known are
// ignored, so that a client may be newer than the server.
//
// # What is not told
//
// In each state (wrong password, limited, blocked) the answer for an account that
// exists is the answer for one that does not, to the byte and with the same work
// behind it; only the correlation ID differs. A locked account answers to every
// password as to a wrong one. While an address is limited or
// blocked, nobody looks at the password. All refresh tokens that are not good
// get the same answer.
//
// A request for a new password is recorded and answered before anybody looks
// whether there is such an account; see package accountmail. All one-time links
// that are of no use get the same answer.
//
// Signup does tell: a taken address is 409. Hiding it takes mail to be confirmed,
// which this server does not ask for; pretending success would hide nothing from
// somebody who then tries to log in. The rapid-signup rule bounds how many
// addresses can be tried.
//
// # Pages
//
// Account holders who come with a browser have pages, which need no script:
//
//	/account                     where they are signed in, and what happened lately
//	/account/signup, /account/login, /account/logout, /account/forgot
//	/account/password            change the password
//	/account/step-up             give it again
//	/account/sessions/end, /account/sessions/end-others
//
// Each does what the API does, by the same functions: with the same guard in front
// and the same answers, shown instead of sent. Who is signed in is told by a
// cookie, gatehouse_session, over TLS __Host-gatehouse_session; it is not good for
// the API, and tokens are not good for the pages. A holder sees records that have
// their own ID or account name, and of operators only what they did.
//
// The links in mails lead to two more, /account/reset and /account/not-me. GET
// shows a form and does nothing, whatever the token is, since scanners of mail
// follow links; POST does what its button says. They tell nobody where they are,
// as their address holds the token.
//
// Pages are not cached or framed, and run no inline script (Content-Security-Policy).
// [Server.ErrorPages] shows refusals of the middleware as pages, too.
//
// # Other sites
//
// Credentials of the API are a JSON body or a bearer token, which no other site
// can make a browser send; its one cookie only says which device this is. Even so,
// cross-origin requests are refused (http.CrossOriginProtection), but for
// Options.TrustedOrigins. Forms of pages are taken from this server's own pages
// only, and their cookie is SameSite=Lax.
package authserver
