//go:build !linux

package main

// pinApart does nothing where we do not know how.
func pinApart(int) (undo func()) { return func() {} }
