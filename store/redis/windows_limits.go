package redis

import (
	"maps"
	"sync/atomic"

	"github.com/fluxstudio/gatehouse"
)

// limits keeps what limits are as arguments: there are few of them, and each is
// needed often. It is safe for concurrent use.
type limits struct {
	known atomic.Pointer[map[gatehouse.Limit][3]string]
}

const maxLimits = 256

// args returns threshold, window and lifetime, or an error if l is no limit.
func (ls *limits) args(l gatehouse.Limit) ([3]string, error) {
	known := ls.known.Load()
	if known != nil {
		if args, ok := (*known)[l]; ok {
			return args, nil
		}
	}
	args, err := limitArgs(l)
	if err != nil {
		return args, err
	}
	more := map[gatehouse.Limit][3]string{}
	if known != nil {
		if len(*known) >= maxLimits {
			return args, nil
		}
		maps.Copy(more, *known)
	}
	more[l] = args
	ls.known.CompareAndSwap(known, &more) // or the next call does
	return args, nil
}
