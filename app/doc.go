// Package app reads the configuration and wires Gatehouse together. It is the
// only place that knows every driver.
package app
