package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeyFile is the name of the file in the data directory that holds the keys.
const KeyFile = "keys.pem"

// LoadOrCreateKeys reads the keys from KeyFile in dir, or makes new ones and
// writes them there, readable by the owner only and on the disk when it returns.
// Several processes that start at once end up with the same keys, and none reads
// a file that is half written. It returns an error for a file that everybody can
// read, or that is damaged: it never replaces one, since that would log everybody
// out.
func LoadOrCreateKeys(dir string) (Keys, error) {
	return LoadOrCreateKeyFile(filepath.Join(dir, KeyFile))
}

// LoadOrCreateKeyFile is LoadOrCreateKeys for a file of any name, such as one
// that several nodes share. Its directory must exist.
func LoadOrCreateKeyFile(path string) (Keys, error) {
	k, err := loadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	err = createKeys(filepath.Dir(path), path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // another process may have been first
		return Keys{}, fmt.Errorf("create keys: %w", err)
	}
	return loadKeys(path)
}

func loadKeys(path string) (Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Keys{}, fmt.Errorf("read keys: %w", err)
	}
	const most = 16 << 10
	if !info.Mode().IsRegular() || info.Size() > most {
		return Keys{}, fmt.Errorf("read keys: %s is not a key file", path)
	}
	if err := private(info); err != nil {
		return Keys{}, fmt.Errorf("read keys: %s: %w", path, err)
	}
	text := make([]byte, info.Size())
	n, err := f.ReadAt(text, 0)
	if n < len(text) {
		return Keys{}, fmt.Errorf("read keys: %w", err)
	}
	var k Keys
	if err := k.UnmarshalText(text); err != nil {
		return Keys{}, fmt.Errorf("read keys: %s: %w", path, err)
	}
	return k, nil
}

// createKeys writes a complete file under another name and links it to path,
// which is atomic and fails with fs.ErrExist when there is one already.
func createKeys(dir, path string) (err error) {
	k := GenerateKeys()
	text, err := k.MarshalText()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".keys-*") // 0600, with O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
