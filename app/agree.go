package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// How long the nodes that run hold the keys that they share, and how often they
// say so.
const (
	keysHeld  = time.Minute
	keysCheck = 15 * time.Second
)

// agree makes sure that all nodes on one Redis have the same keys. With others
// they would count apart, and refuse each other's tokens.
func (a *App) agree(ctx context.Context, keys accounts.Keys) error {
	a.fingerprint = fingerprint(keys)
	if a.redis == nil {
		return nil
	}
	a.health.watch(partKeys)
	if err := agree(ctx, a.redis, a.fingerprint); errors.Is(err, redis.ErrDisagree) {
		return err
	}
	return nil // a Redis that does not answer is asked again
}

// agree asks for the keys with a fingerprint to be the ones that all nodes have.
func agree(ctx context.Context, client *redis.Client, fingerprint string) error {
	err := client.Agree(ctx, "keys", fingerprint, keysHeld)
	if errors.Is(err, redis.ErrDisagree) {
		return fmt.Errorf("%w: give all nodes the same keys_file, or wait a minute after the others were stopped", err)
	}
	return err
}

// fingerprint tells keys apart, and nothing else about them.
func fingerprint(keys accounts.Keys) string {
	return hex.EncodeToString(keys.Derive("fingerprint")[:8])
}

// agreeUntil says which keys this node has until ctx ends, and tells of a
// disagreement that could not be seen at the start.
func (a *App) agreeUntil(ctx context.Context) error {
	if a.redis == nil {
		return nil
	}
	every(ctx, keysCheck, nil, func(bool) {
		if err := a.redis.Agree(ctx, "keys", a.fingerprint, keysHeld); err == nil || errors.Is(err, redis.ErrDisagree) {
			a.health.report(partKeys, err)
		}
	})
	return nil
}
