// Package accounts keeps people's accounts: users and their passwords, sessions
// on devices, and the families of refresh tokens that belong to them.
package accounts
