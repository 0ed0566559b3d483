package redis

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

var (
	//go:embed windows_gate.lua
	gateText string
	//go:embed windows_hit.lua
	hitText string
	//go:embed windows_reserve.lua
	reserveText string
	//go:embed windows_settle.lua
	settleText string
	//go:embed windows_forget.lua
	forgetText string

	hitScript     = newScript(hitText)
	reserveScript = newScript(reserveText)
	settleScript  = newScript(settleText)
	forgetScript  = newScript(forgetText)
)

// script is a Lua script, which the server knows by its hash once it has run.
type script struct{ text, hash string }

func newScript(text string) *script {
	text = strings.Replace(text, "-- include windows_gate.lua\n", gateText, 1)
	sum := sha1.Sum([]byte(text)) // what EVALSHA wants
	return &script{text, hex.EncodeToString(sum[:])}
}

// invocation is what one run of a script is given. In a Cluster, the keys are
// of one slot.
type invocation struct{ keys, args []string }

func (s *script) byHash(r rueidis.Client, i invocation) rueidis.Completed {
	return r.B().Evalsha().Sha1(s.hash).Numkeys(int64(len(i.keys))).Key(i.keys...).Arg(i.args...).Build()
}

func (s *script) byText(r rueidis.Client, i invocation) rueidis.Completed {
	return r.B().Eval().Script(s.text).Numkeys(int64(len(i.keys))).Key(i.keys...).Arg(i.args...).Build()
}

// evalScript runs a script in one round trip, or two when the server does not know it.
func (c *Client) evalScript(ctx context.Context, r rueidis.Client, s *script, i invocation) (rueidis.RedisResult, error) {
	result, err := c.do(ctx, r, s.byHash(r, i))
	if unknownScript(err) {
		result, err = c.do(ctx, r, s.byText(r, i))
	}
	return result, err
}

// evalScripts runs a script once for each of some invocations, all in one round
// trip, or two when a server does not know it. An error says that not all have
// run.
func (c *Client) evalScripts(ctx context.Context, r rueidis.Client, s *script, all []invocation) ([]rueidis.RedisResult, error) {
	cmds := make([]rueidis.Completed, len(all))
	for i := range all {
		cmds[i] = s.byHash(r, all[i])
	}
	results, err := c.doMulti(ctx, r, cmds...)
	if !unknownScript(err) {
		return results, err
	}
	var again []int
	cmds = cmds[:0]
	for i := range results {
		if unknownScript(results[i].Error()) {
			again = append(again, i)
			cmds = append(cmds, s.byText(r, all[i]))
		}
	}
	repeated, err := c.doMulti(ctx, r, cmds...)
	for n := range repeated {
		results[again[n]] = repeated[n]
	}
	for i := range results {
		if err == nil {
			err = c.judge(ctx, results[i].Error())
		}
	}
	return results, err
}

func unknownScript(err error) bool {
	var reply *rueidis.RedisError
	return errors.As(err, &reply) && reply.IsNoScript()
}

var errReply = fmt.Errorf("redis: %w: a script was answered with something else", gatehouse.ErrUnavailable)
