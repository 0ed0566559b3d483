//go:build !unix

package accounts

import "io/fs"

// private leaves access to the directory's own rules: there are no mode bits.
func private(fs.FileInfo) error { return nil }

// syncDir does nothing: directories cannot be synced.
func syncDir(string) error { return nil }
