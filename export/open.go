package export

import (
	"fmt"
	"strings"
)

// Open returns the target that a setting names: "stdout", "file:PATH",
// "syslog" (which is /dev/log), "unix:PATH", "udp://HOST:PORT",
// "tcp://HOST:PORT" or "tls://HOST:PORT".
func Open(name string) (Target, error) {
	switch name {
	case "stdout":
		return Stdout(), nil
	case "syslog":
		return opened(NewSyslog(SyslogOptions{}))
	}
	scheme, rest, ok := strings.Cut(name, ":")
	if ok && rest != "" {
		switch scheme {
		case "file":
			return opened(NewFile(rest))
		case "unix":
			return opened(NewSyslog(SyslogOptions{Address: rest}))
		case "udp", "tcp", "tls":
			if host, ok := strings.CutPrefix(rest, "//"); ok {
				return opened(NewSyslog(SyslogOptions{Network: scheme, Address: host}))
			}
		}
	}
	return nil, fmt.Errorf("export: unknown target %q: use stdout, file:PATH, syslog, unix:PATH, "+
		"udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT", name)
}

// opened keeps a nil pointer from becoming a target.
func opened[T Target](t T, err error) (Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// FormatNamed returns the format of that name: "ocsf" or "ecs".
func FormatNamed(name string) (Format, error) {
	switch name {
	case "ocsf":
		return OCSF, nil
	case "ecs":
		return ECS, nil
	}
	return nil, fmt.Errorf("export: unknown format %q: use ocsf or ecs", name)
}
