package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// PostgreSQL is restarted, and then stopped for a while, under load: what was
// acknowledged is on record once, and in its order on each node.
func TestFaultPostgresStopped(t *testing.T) {
	postgres := testserver.Postgres(t)
	c := startClusterOn(t, 3, patient, testserver.Redis(t).URL, nothingFails, postgres.Database(t))

	// Besides the storm, one client of each node that waits for each answer
	// before it asks again: its records must come in the order of its requests.
	ctx, enough := context.WithCancel(t.Context())
	inTurn := make([][]string, len(c.nodes)) // correlation IDs
	var clients sync.WaitGroup
	for i, n := range c.nodes {
		clients.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				a, err := n.try(t.Context(), loginCall(fmt.Sprintf("patient%d@example.com", k), "wrong", fmt.Sprintf("198.51.100.%d", i+1)))
				if err != nil {
					t.Error(err)
					return
				}
				if acknowledged(a.status) {
					inTurn[i] = append(inTurn[i], a.header.Get("X-Correlation-ID"))
				}
			}
		})
	}
	s := c.unleash(t, 60, func(i int) call { return guess(i % 40) })
	pause := func() { <-time.After(2 * time.Second) }
	pause()
	postgres.Restart()
	recovered := func() bool { return c.everywhere("records", "ok") && c.readyEverywhere() }
	restarted := within(t, 20*time.Second, "all nodes ready after the restart", recovered)
	pause()
	postgres.Stop()
	seen := within(t, 5*time.Second, "the degraded state on all health pages", func() bool { return c.everywhere("records", "degraded") })
	<-time.After(lasting(30*time.Second, 3*time.Second))
	spooled := 0
	for _, n := range c.nodes {
		spooled += n.health("/healthz").Spooled
	}
	postgres.Cont()
	resumed := within(t, 20*time.Second, "all nodes ready after the stop", recovered)
	pause()
	enough()
	clients.Wait()
	answers := s.calm()
	within(t, 10*time.Second, "empty spools", recovered)

	recorded := c.recorded(t)
	kept := foundOnce(t, answers, recorded)
	for i, ids := range inTurn {
		last := int64(0)
		for k, id := range ids {
			at := recorded[id]
			if len(at) == 0 {
				t.Fatalf("node %d: the %dth login is not on record", i+1, k)
			}
			if at[0].seq <= last || at[0].node != fmt.Sprintf("node-%d", i+1) {
				t.Fatalf("node %d: the %dth login is record %d of %s, after record %d", i+1, k, at[0].seq, at[0].node, last)
			}
			last = at[len(at)-1].seq
		}
	}
	if spooled == 0 {
		t.Error("nothing was spooled: the stop was none")
	}
	for _, n := range c.nodes {
		if out, code := n.command("log", "verify"); code != 0 {
			t.Errorf("log verify: exit %d: %s", code, out)
		}
	}
	t.Logf("%d sent, by status %v; %d acknowledged, all found once; %d, %d and %d in turn; %d were in the spools; ready %v after the restart, degraded seen after %v, ready %v after the stop",
		len(answers), byStatus(answers), kept, len(inTurn[0]), len(inTurn[1]), len(inTurn[2]), spooled, restarted, seen, resumed)
}

// acknowledged reports whether an answer says that something is on record.
func acknowledged(status int) bool {
	return status == http.StatusOK || status == http.StatusUnauthorized || status == http.StatusTooManyRequests
}

// foundOnce wants each answer that says that something is on record to be right, and
// all others to say that the server cannot now. It returns how many there are of the
// first kind.
func foundOnce(t *testing.T, answers []stormAnswer, recorded map[string][]place) (kept int) {
	t.Helper()
	for _, a := range answers {
		switch {
		case acknowledged(a.status):
			kept++
			if n := len(recorded[a.correlation]); n != 1 {
				t.Errorf("the login %s, answered %d, is on record %d times", a.correlation, a.status, n)
			}
		case a.status != http.StatusServiceUnavailable:
			t.Errorf("answered %d (%v)", a.status, a.err)
		}
	}
	return kept
}

func (c *cluster) readyEverywhere() bool {
	for _, n := range c.nodes {
		if n.health("/readyz").Status != "ok" {
			return false
		}
	}
	return true
}

// place is where a record stands.
type place struct {
	node string
	seq  int64
}

// recorded returns where the records of logins stand in the chains of their
// nodes, by correlation ID.
func (c *cluster) recorded(t *testing.T) map[string][]place {
	t.Helper()
	db, err := sql.Open("pgx", c.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT correlation_id, node, chain_seq FROM security_log
		WHERE kind IN ('login_failed', 'login_refused', 'login_succeeded') ORDER BY chain_seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string][]place{}
	for rows.Next() {
		var id string
		var p place
		if err := rows.Scan(&id, &p.node, &p.seq); err != nil {
			t.Fatal(err)
		}
		found[id] = append(found[id], p)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
