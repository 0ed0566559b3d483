package accounts_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse/accounts"
)

func TestKeysAreCreatedOnce(t *testing.T) {
	dir := t.TempDir()
	const starters = 16
	var keys [starters]accounts.Keys
	var wg sync.WaitGroup
	for i := range starters {
		wg.Go(func() {
			k, err := accounts.LoadOrCreateKeys(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	for _, k := range keys {
		if !k.Signing.Equal(keys[0].Signing) || k.Secret != keys[0].Secret || k.Secret == [32]byte{} {
			t.Fatal("two starters have different keys")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != accounts.KeyFile {
		t.Errorf("directory holds %v, %v; want only %s", entries, err, accounts.KeyFile)
	}
	info, err := os.Stat(filepath.Join(dir, accounts.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// The file may come into being after it was looked for.
func TestLateStarterTakesTheKeysOfTheFirst(t *testing.T) {
	dir := t.TempDir()
	first, err := accounts.LoadOrCreateKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.CreateKeys(dir, filepath.Join(dir, accounts.KeyFile)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create beside the first: %v, want fs.ErrExist", err)
	}
	if again, err := accounts.LoadOrCreateKeys(dir); err != nil || again.Secret != first.Secret {
		t.Errorf("the keys were replaced: %v", err)
	}
}

func TestKeyFileIsNotReplaced(t *testing.T) {
	good, err := accounts.GenerateKeys().MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		text []byte
		mode os.FileMode
		want string
	}{
		{"everybody can read it", good, 0o644, "chmod 600"},
		{"empty", nil, 0o600, "missing or damaged"},
		{"cut", good[:len(good)-20], 0o600, "missing or damaged"},
		{"other key", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600, "not an Ed25519 key"},
		{"huge", bytes.Repeat([]byte("x"), 1<<20), 0o600, "not a key file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), accounts.KeyFile)
			if err := os.WriteFile(path, tt.text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := accounts.LoadOrCreateKeys(filepath.Dir(path))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one about %s with %q", err, path, tt.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, tt.text) {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := accounts.LoadOrCreateKeys(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a directory that does not exist is accepted")
	}
}

func TestKeysDerive(t *testing.T) {
	k := accounts.GenerateKeys()
	a, b := k.Derive("one"), k.Derive("two")
	if len(a) != 32 || bytes.Equal(a, b) || !bytes.Equal(a, k.Derive("one")) || bytes.Equal(a, accounts.GenerateKeys().Derive("one")) {
		t.Error("derived keys are not one for each purpose and secret")
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := accounts.GenerateKeys()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, k); text != "keys (not shown)" {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}
