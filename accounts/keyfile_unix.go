//go:build unix

package accounts

import (
	"fmt"
	"io/fs"
	"os"
)

// private refuses a file that strangers can read or change. A group may have it:
// orchestrators hand volumes to a group of the container.
func private(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fmt.Errorf("everybody can use this secret (mode %#o): run chmod 600 on it", mode)
	}
	return nil
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
