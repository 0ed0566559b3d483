package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

// keepLogOf is a list of kinds of records and how long each is kept.
func keepLogOf() setting {
	const most = 10 * 365 * 24 * time.Hour
	field := func(c *Config) *map[gatehouse.Kind]time.Duration { return &c.CleanUp.KeepLogOf }
	return setting{
		key: "clean_up.keep_log_of", list: true,
		about: "Types of records that go before the others, wherever they stand in the security log, and how long each is kept.",
		allowed: fmt.Sprintf("use types of records, each once, with a duration from %s to %s, such as login_refused=720h",
			strictyaml.FormatDuration(time.Hour), strictyaml.FormatDuration(most)),
		get: func(c *Config) string {
			var list []string
			for _, kind := range slices.Sorted(maps.Keys(*field(c))) {
				list = append(list, string(kind)+"="+strictyaml.FormatDuration((*field(c))[kind]))
			}
			return strings.Join(list, ",")
		},
		set: func(c *Config, text string) error {
			var keep map[gatehouse.Kind]time.Duration
			for one := range strings.SplitSeq(text, ",") {
				if one = strings.TrimSpace(one); one == "" {
					continue
				}
				name, age, _ := strings.Cut(one, "=")
				kind := gatehouse.Kind(strings.TrimSpace(name))
				d, err := time.ParseDuration(strings.TrimSpace(age))
				if _, twice := keep[kind]; twice || err != nil || d < time.Hour || d > most || !slices.Contains(gatehouse.Kinds(), kind) {
					return errNotAllowed
				}
				if keep == nil {
					keep = map[gatehouse.Kind]time.Duration{}
				}
				keep[kind] = d
			}
			*field(c) = keep
			return nil
		},
	}
}

// keepLog checks that no type of record is to stay longer than the whole log.
func (l *loader) keepLog() {
	c := l.config.CleanUp
	for _, kind := range slices.Sorted(maps.Keys(c.KeepLogOf)) {
		if c.KeepLog > 0 && c.KeepLogOf[kind] > c.KeepLog {
			l.errs = append(l.errs, fmt.Errorf("%s: %s is kept for %s, longer than clean_up.keep_log, %s, which removes all that is older",
				l.where("clean_up.keep_log_of", "clean_up.keep_log"), kind,
				strictyaml.FormatDuration(c.KeepLogOf[kind]), strictyaml.FormatDuration(c.KeepLog)))
		}
	}
}
