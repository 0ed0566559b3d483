package app

import (
	"fmt"
	"strconv"
	"strings"
)

// The units of sizes, the largest first.
var sizeUnits = [...]struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func size(key, about string, low, high int, field func(*Config) *int) setting {
	return setting{
		key: key, about: about,
		allowed: fmt.Sprintf("use a size from %s to %s, such as 512KiB, 64MiB or 1GiB", formatSize(low), formatSize(high)),
		get:     func(c *Config) string { return formatSize(*field(c)) },
		set: func(c *Config, s string) error {
			n, ok := parseSize(s)
			if !ok || n < low || n > high {
				return errNotAllowed
			}
			*field(c) = n
			return nil
		},
	}
}

// parseSize reads a number of bytes, or of a unit.
func parseSize(s string) (bytes int, ok bool) {
	unit := 1
	for _, u := range sizeUnits {
		if rest, has := strings.CutSuffix(s, u.name); has {
			s, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n) * unit, err == nil
}

func formatSize(n int) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(n)
}
