// Package e2e drives the real gatehouse binary over HTTP. It has only tests.
package e2e
