package export

import (
	"runtime/debug"
	"sync"
)

// version is the version of this module in the running program, or nothing for
// one that was built from a checkout.
var version = sync.OnceValue(func() string {
	const module = "github.com/fluxstudio/gatehouse"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	v := ""
	if info.Main.Path == module {
		v = info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == module {
			v = d.Version
		}
	}
	if v == "(devel)" {
		return ""
	}
	return v
})
