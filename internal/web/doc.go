// Package web is what all pages of Gatehouse share: their look, their scripts,
// the headers they are sent with, and how their templates are written.
//
// A door (a server with pages) serves Assets below /assets/, parses its templates
// with Parse and Funcs, and renders them. A directory in static is one asset, made of
// its files in the order of their names: the classes of the stylesheet are listed at
// the top of each file of static/web.css, what the scripts look for at the top of each
// of static/app.js. All of it can be seen in package gallery. What is from others is
// in vendored, with its licences.
//
// Pages are sent with a Content-Security-Policy that allows no inline script and
// no inline style: write neither style nor on… attributes. They are never
// compressed, so that their length tells nothing about secrets beside text that an
// attacker chose (BREACH).
package web
