// Package dashboard shows operators what happens at the login page, while it
// happens, and lets them act: pages rendered on the server, kept up to date by
// server-sent events.
//
// It reads through the ports of package gatehouse and acts through package guard
// and package accounts, and knows no driver. Every page is one file here, one
// template of the same name, and one line in (*Server).routes, where a route says
// which role it needs; what nobody may do without signing in is the rule, and
// what anybody may do the exception.
//
// Everything but live updates and charts works without JavaScript; behind each
// chart there is the table that it is drawn from. Texts from outside are escaped
// by html/template, and the Content-Security-Policy of package internal/web lets no
// script run but those that were built in.
package dashboard
