package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluxstudio/gatehouse/accounts"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// loadKeys reads the keys of the server, or makes them.
func loadKeys(c Config) (accounts.Keys, error) {
	if c.KeysFile != "" {
		return accounts.LoadOrCreateKeyFile(c.KeysFile)
	}
	return accounts.LoadOrCreateKeys(c.Data)
}

// ownKeys reads the keys of a server for a command beside it, which makes none: with
// keys of its own it would spoil the security log.
func ownKeys(c Config) (accounts.Keys, error) {
	path := cmp.Or(c.KeysFile, filepath.Join(c.Data, accounts.KeyFile))
	if _, err := os.Stat(path); err != nil {
		return accounts.Keys{}, fmt.Errorf("the keys of the server are needed: %w", err)
	}
	return loadKeys(c)
}

// NodeName returns the name that this node's records have in the security log.
func (c Config) NodeName() string {
	host := ""
	if c.Postgres.URL != "" {
		host, _ = os.Hostname() // without one, the name says as much as it can
	}
	return cmp.Or(c.Node, host, "local")
}

func recordOptions(c Config, keys accounts.Keys) sqlstore.Options {
	return sqlstore.Options{Sign: logKey(keys), Node: c.NodeName()}
}

// openRecords opens the record store, creating what is missing.
func openRecords(ctx context.Context, c Config, keys accounts.Keys) (*sqlstore.Store, error) {
	if c.Postgres.URL != "" {
		s, err := sqlstore.OpenPostgres(ctx, c.Postgres.URL, recordOptions(c, keys))
		return s, explained(err, "postgres.url")
	}
	s, err := sqlstore.OpenSQLite(ctx, databasePath(c.Data), recordOptions(c, keys))
	return s, explained(err, "open the records in "+c.Data)
}

// attachRecords opens the record store of a server for a command beside it.
func attachRecords(ctx context.Context, c Config, keys accounts.Keys) (*sqlstore.Store, error) {
	if c.Postgres.URL != "" {
		s, err := sqlstore.AttachPostgres(ctx, c.Postgres.URL, recordOptions(c, keys))
		return s, explained(err, "postgres.url")
	}
	s, err := sqlstore.AttachSQLite(ctx, databasePath(c.Data), recordOptions(c, keys))
	return s, explained(err, "open the records in "+c.Data)
}

func explained(err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
