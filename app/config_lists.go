package app

import (
	"strings"

	"github.com/fluxstudio/gatehouse/iplist"
)

// ListsConfig says who is kept out, and who never is, whatever the rules find.
type ListsConfig struct {
	BlockFiles []string // files with addresses that are kept out
	Allow      []string // addresses and networks that are never kept out
	AllowFiles []string // files with more of them
}

func files(key, about string, field func(*Config) *[]string) setting {
	return items(key, about, "use the paths of files, without commas", field, func(s string) bool { return !strings.ContainsRune(s, 0) })
}

func networks(key, about string, field func(*Config) *[]string) setting {
	allowed := "use addresses, networks and ranges, such as 192.0.2.1, 2001:db8::/32 or 192.0.2.1-192.0.2.9, but not everybody"
	return items(key, about, allowed, field, func(s string) bool {
		if strings.ContainsAny(s, "#;\r\n") { // a comment to iplist
			return false
		}
		_, err := iplist.Read(strings.NewReader(s), iplist.Options{})
		return err == nil
	})
}

// items is a list of texts that are all valid.
func items(key, about, allowed string, field func(*Config) *[]string, valid func(string) bool) setting {
	return setting{
		key: key, about: about, allowed: allowed, list: true,
		get: func(c *Config) string { return strings.Join(*field(c), ",") },
		set: func(c *Config, s string) error {
			var list []string
			for one := range strings.SplitSeq(s, ",") {
				if one = strings.TrimSpace(one); one == "" {
					continue
				}
				if !valid(one) {
					return errNotAllowed
				}
				list = append(list, one)
			}
			*field(c) = list
			return nil
		},
	}
}
