package sql

import (
	"context"
	"math"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
)

// targetsText counts, among the newest records of failed and refused logins, those
// of each account and address.
const targetsText = `WITH seen AS (
		SELECT account, ip FROM security_log WHERE kind || '' IN ('` + string(gatehouse.LoginFailed) + `', '` + string(gatehouse.LoginRefused) + `')
		AND time >= $1 AND time < $2 ORDER BY time DESC LIMIT $3
	)
	SELECT * FROM (SELECT 0 AS what, CAST(NULL AS TEXT) AS account, CAST(NULL AS BYTEA) AS ip, count(*) AS n FROM seen) AS total
	UNION ALL SELECT * FROM (SELECT 1, account, CAST(NULL AS BYTEA), count(*) AS n FROM seen WHERE account IS NOT NULL GROUP BY account ORDER BY n DESC, account LIMIT $4) AS accounts
	UNION ALL SELECT * FROM (SELECT 2, CAST(NULL AS TEXT), ip, count(*) AS n FROM seen WHERE ip IS NOT NULL GROUP BY ip ORDER BY n DESC, ip LIMIT $4) AS addresses`

// Targets implements logstats.Store.
func (s *Store) Targets(ctx context.Context, since, until time.Time, limit int) (logstats.Targets, error) {
	end := int64(math.MaxInt64)
	if !until.IsZero() {
		end = micros(until)
	}
	type found struct {
		what int
		logstats.Target
	}
	scan := func(read scan) (f found, err error) {
		var account *string
		var ip []byte
		err = read(&f.what, &account, &ip, &f.N)
		if account != nil {
			f.Account = *account
		}
		f.IP = fromAddr(ip)
		return f, err
	}
	return look(ctx, s, func(ctx context.Context, h *handle) (t logstats.Targets, err error) {
		// One more than is asked for shows whether that was all.
		rows, err := all(ctx, h, scan, targetsText, micros(since), end, logstats.MaxTargetsSeen, max(limit, 0))
		for _, f := range rows {
			switch f.what {
			case 0:
				t.Seen = f.N
			case 1:
				t.Accounts = append(t.Accounts, f.Target)
			case 2:
				t.Addresses = append(t.Addresses, f.Target)
			}
		}
		t.Complete = t.Seen < logstats.MaxTargetsSeen
		return t, err
	})
}
