// Package redis keeps counters, blocks and the live feed in Redis or Valkey, so
// that several nodes act as one.
package redis
