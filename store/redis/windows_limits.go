package redis

import (
	"encoding/binary"
	"maps"
	"strconv"
	"sync/atomic"

	"github.com/fluxstudio/gatehouse"
)

// limits keeps what limits are as arguments of the script that counts: there are
// few of them, and each is needed often. It is safe for concurrent use.
type limits struct {
	known atomic.Pointer[map[gatehouse.Limit]limitArgs]
}

type limitArgs struct {
	limit    string // threshold and window
	lifetime string // of a counter
}

const maxLimits = 256

// args returns what l is, or an error if it is no limit.
func (ls *limits) args(l gatehouse.Limit) (limitArgs, error) {
	known := ls.known.Load()
	if known != nil {
		if args, ok := (*known)[l]; ok {
			return args, nil
		}
	}
	w, err := window(l)
	if err != nil {
		return limitArgs{}, err
	}
	packed := binary.BigEndian.AppendUint16(nil, uint16(l.Threshold))
	packed = binary.BigEndian.AppendUint32(packed, uint32(w))
	args := limitArgs{string(packed), strconv.FormatInt(w+w/8+slack, 10)}
	more := map[gatehouse.Limit]limitArgs{}
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
