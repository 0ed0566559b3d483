package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// ErrDisagree says that other nodes hold another value; see Client.Agree.
var ErrDisagree = errors.New("other nodes that run on this Redis have another one")

// Agree holds a value that all nodes must have in common for so long, and returns
// an error that wraps ErrDisagree while others hold another one. Call it again
// before the time is over. The key is <prefix>:agreed:<name>, a string.
func (c *Client) Agree(ctx context.Context, name, value string, hold time.Duration) error {
	r, err := c.conn()
	if err != nil {
		return err
	}
	key := c.prefix + ":agreed:" + name
	held, err := c.do(ctx, r, r.B().Set().Key(key).Value(value).Nx().Get().Px(hold).Build())
	if err == nil || rueidis.IsRedisNil(err) {
		if held.Error() != nil { // nobody held one
			return nil
		}
	} else {
		return err
	}
	other, err := held.ToString()
	if err != nil || other != value {
		return fmt.Errorf("redis: %s: %w", name, ErrDisagree)
	}
	_, err = c.do(ctx, r, r.B().Pexpire().Key(key).Milliseconds(hold.Milliseconds()).Build())
	return err
}
