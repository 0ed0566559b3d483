// Package clientip tells which address a request came from.
//
// That is the address of the connection, unless the connection comes from a
// proxy that the operator has declared as trusted. Then the one header that this
// proxy is configured to write is read from right to left: each trusted proxy
// vouches for the entry that it appended, and the first address that is not a
// trusted proxy is the client. What stands further left was sent by the client
// and is never looked at. All other headers are never looked at either.
//
// Anything malformed on the way means the address of the connection, so that a
// client can at worst be taken for the proxy that forwarded it.
package clientip
