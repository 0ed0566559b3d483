package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/scrub"
)

// What operators do about blocks, for every page with a button for it. The forms
// send "network", an address or a network; "for", one of blockTerms, or "own" with a
// duration in "own"; "reason"; and "next", the page to come back to. Package guard
// records what was done, and by whom.

// term is for how long something is to hold.
type term struct {
	Value, Name string
	length      time.Duration // 0: until it is lifted
}

// blockTerms are for how long an operator keeps somebody out.
var blockTerms = []term{
	{"1h", "1 hour", time.Hour},
	{"24h", "24 hours", 24 * time.Hour},
	{"7d", "7 days", 7 * 24 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour},
	{"lifted", "until it is lifted", 0},
}

// from returns when the term ends if it begins at t; zero: never.
func (t term) from(begin time.Time) time.Time {
	if t.length == 0 {
		return time.Time{}
	}
	return begin.Add(t.length)
}

// liftBlock ends the block of exactly the network that a form names. Where there is
// none, or not any more, the error is gatehouse.ErrNotFound.
func (s *Server) liftBlock(ctx context.Context, v visitor, form url.Values) (gatehouse.Block, error) {
	network, err := networkOf(form)
	if err != nil {
		return gatehouse.Block{}, err
	}
	return s.Guard.UnblockIP(ctx, s.Now(), network, v.user.Account)
}

// extendBlock makes the block of exactly the network that a form names hold longer,
// counted from its end. It stays the block of its finding, and lifting it still gives
// the accounts whose failed logins led to it their attempts back. Where there is none, or
// not any more, the error is gatehouse.ErrNotFound.
func (s *Server) extendBlock(ctx context.Context, v visitor, form url.Values) (gatehouse.Block, error) {
	network, err := networkOf(form)
	if err != nil {
		return gatehouse.Block{}, err
	}
	term, err := termOf(form)
	if err != nil {
		return gatehouse.Block{}, err
	}
	now := s.Now()
	held, err := s.blockOf(ctx, network, now)
	if err != nil {
		return gatehouse.Block{}, err
	}
	if held.Until.IsZero() {
		return held, nil // longer than for ever is no longer
	}
	reason := reasonOf(form)
	if reason == "" {
		reason = held.Reason
	}
	return placed(s.Guard.BlockIP(ctx, gatehouse.Block{
		Prefix: network, Reason: reason, By: v.user.Account, Finding: held.Finding, Accounts: held.Accounts,
		Created: now, Until: term.from(held.Until),
	}))
}

// placed tells a person why a block could not be placed.
func placed(b gatehouse.Block, err error) (gatehouse.Block, error) {
	if errors.Is(err, guard.ErrInvalidBlock) {
		err = unprocessable("This cannot be blocked: " + strings.TrimPrefix(err.Error(), guard.ErrInvalidBlock.Error()+": ") + ".")
	}
	return b, err
}

// placeBlock keeps the address or network that a form names out; for a single IPv6
// address the network by which it is counted, since its owner has all of that.
func (s *Server) placeBlock(ctx context.Context, v visitor, form url.Values) (gatehouse.Block, error) {
	network, err := networkOf(form)
	if err != nil {
		return gatehouse.Block{}, err
	}
	term, err := termOf(form)
	if err != nil {
		return gatehouse.Block{}, err
	}
	if network.IsSingleIP() {
		network = guard.CountingPrefix(network.Addr())
	}
	b := gatehouse.Block{Prefix: network, By: v.user.Account, Created: s.Now(), Finding: form.Get("finding")}
	b.Until = term.from(b.Created)
	if b.Reason = reasonOf(form); b.Reason == "" {
		return b, unprocessable("Say why the address is to be kept out: whoever looks at the block later will ask.")
	}
	if len(b.Finding) > maxID {
		return b, unprocessable("There is no such finding.")
	}
	return placed(s.Guard.BlockIP(ctx, b))
}

// blockOf returns the block in force of exactly a network, or gatehouse.ErrNotFound.
func (s *Server) blockOf(ctx context.Context, network netip.Prefix, at time.Time) (gatehouse.Block, error) {
	l := lookup{blocks: s.Blocks, at: at}
	b, found, err := l.of(ctx, network)
	if err == nil && !found {
		err = gatehouse.ErrNotFound
	}
	return b, err
}

// networkOf reads "network": an address, or a network in CIDR notation.
func networkOf(form url.Values) (netip.Prefix, error) {
	text := strings.TrimSpace(form.Get("network"))
	p, err := netip.ParsePrefix(text)
	if err != nil {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return p, unprocessable("Write an address like 192.0.2.7 or a network like 192.0.2.0/24 or 2001:db8::/32.")
		}
		ip = gatehouse.CleanAddr(ip)
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	return gatehouse.CleanPrefix(p), nil
}

// longestTerm is longer than anybody plans, and short enough to be added to a time.
const longestTerm = 10 * 365 * 24 * time.Hour

// termOf reads "for" and, if that is "own", "own": a number of minutes, hours, days or
// weeks.
func termOf(form url.Values) (term, error) {
	for _, t := range blockTerms {
		if t.Value == form.Get("for") {
			return t, nil
		}
	}
	if form.Get("for") != "own" {
		return term{}, unprocessable("Choose for how long: 1h, 24h, 7d, 30d, lifted, or own.")
	}
	text := strings.ToLower(strings.ReplaceAll(form.Get("own"), " ", ""))
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	for letter, unit := range units {
		digits, ok := strings.CutSuffix(text, letter)
		if n, err := strconv.ParseUint(digits, 10, 32); ok && err == nil && n > 0 && time.Duration(n) <= longestTerm/unit {
			return term{Value: "own", Name: text, length: time.Duration(n) * unit}, nil
		}
	}
	return term{}, unprocessable("Write your own duration as a number of minutes, hours, days or weeks, such as 90m, 12h, 3d or 2w; ten years at most.")
}

// reasonOf reads "reason" as it is kept: without what is secret, since people paste
// what they have before them.
func reasonOf(form url.Values) string {
	text := scrub.New(scrub.Options{}).Text(form.Get("reason"))
	return gatehouse.CleanText(strings.TrimSpace(text), gatehouse.MaxText)
}

// maxID is longer than any ID.
const maxID = 64

// unprocessable tells a person what to do better.
func unprocessable(detail string) error {
	return httpguard.ProblemDetails{Status: http.StatusUnprocessableEntity, Detail: detail}
}

// next is where a form wants to come back to: "next", if it is a page of ours, or
// another path.
func next(form url.Values, otherwise string) string {
	if path := form.Get("next"); path != "" && local(path) == path {
		return path
	}
	return otherwise
}
