package redis

import (
	_ "embed"
	"strconv"
	"time"
)

var (
	//go:embed blocks.lua
	blockText string

	// blockScript is the one script that changes a block: see its head.
	blockScript = newScript(blockText)
)

// blockChange is one call of the script. Its zero value changes nothing and
// asks what the key holds.
type blockChange struct {
	known    string        // what this node knows, as blockState.encode gives it
	knownFor time.Duration // how long a key of it has to live, or permanent
	want     string        // a block to place, as wish gives it
	wantFor  time.Duration
	again    bool  // it may have been placed before: if it was lifted, leave it so
	lift     bool  // afterwards
	at       int64 // the instant of the lift, in us since 1970
}

// permanent is the life of a key that does not expire.
const permanent time.Duration = -1

func (c blockChange) args() []string {
	return []string{
		c.known, millis(c.knownFor), c.want, millis(c.wantFor), flag(c.again), flag(c.lift),
		strconv.FormatInt(c.at, 10), millis(liftedFor),
	}
}

func millis(d time.Duration) string {
	if d == permanent {
		return "-1"
	}
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}
