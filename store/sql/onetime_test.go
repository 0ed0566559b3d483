package sql_test

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
)

func (n *nodes) IssueOneTime(ctx context.Context, o accounts.OneTime, a accounts.Allowance) (int, error) {
	return n.next().IssueOneTime(ctx, o, a)
}

func (n *nodes) OneTime(ctx context.Context, p accounts.Purpose, hash accounts.TokenHash) (accounts.OneTime, error) {
	return n.next().OneTime(ctx, p, hash)
}

func (n *nodes) SpendOneTime(ctx context.Context, p accounts.Purpose, hash accounts.TokenHash, newHash string, at time.Time) (int, error) {
	return n.next().SpendOneTime(ctx, p, hash, newHash, at)
}

func (n *nodes) DeleteExpiredLinks(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().DeleteExpiredLinks(ctx, before, limit)
}
