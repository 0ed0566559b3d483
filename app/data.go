package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
)

// ErrInUse says that a running server holds the data directory.
var ErrInUse = errors.New("a running gatehouse uses this data directory")

// How long a server that starts waits for a command that has the data directory
// for a moment, and how often it looks.
const (
	commandDone  = time.Second
	commandCheck = 20 * time.Millisecond
)

func databasePath(dir string) string { return filepath.Join(dir, "gatehouse.db") }

// logKey signs how far the security log has come.
func logKey(keys accounts.Keys) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(keys.Derive("security log"))
}

// openData creates the data directory if it is missing and takes it for this
// process until the returned file is closed or the process ends.
func openData(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, commandDone)
	defer cancel()
	for {
		lock, err := lockData(dir)
		if !errors.Is(err, ErrInUse) {
			return lock, err
		}
		select {
		case <-time.After(commandCheck):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// lockData takes an existing data directory, or returns ErrInUse.
func lockData(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}
