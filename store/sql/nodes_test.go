package sql_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// nodes is several stores on one database. Each call goes to the next of them.
type nodes struct {
	stores []*sql.Store
	calls  atomic.Uint64
}

func (n *nodes) next() *sql.Store { return n.stores[n.calls.Add(1)%uint64(len(n.stores))] }

func (n *nodes) Append(ctx context.Context, r ...gatehouse.Record) error {
	return n.next().Append(ctx, r...)
}

func (n *nodes) Query(ctx context.Context, q gatehouse.Query) iter.Seq2[gatehouse.Record, error] {
	return n.next().Query(ctx, q)
}

func (n *nodes) CountFindings(ctx context.Context, user string, since time.Time) ([]gatehouse.FindingCount, error) {
	return n.next().CountFindings(ctx, user, since)
}

func (n *nodes) Counts(ctx context.Context, q logstats.Query) ([]logstats.Count, error) {
	return n.next().Counts(ctx, q)
}

func (n *nodes) AddCounts(ctx context.Context, counts []logstats.Count) error {
	return n.next().AddCounts(ctx, counts)
}

func (n *nodes) Targets(ctx context.Context, since, until time.Time, limit int) (logstats.Targets, error) {
	return n.next().Targets(ctx, since, until, limit)
}

func (n *nodes) DeleteCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().DeleteCounts(ctx, before, limit)
}

func (n *nodes) See(ctx context.Context, user string, s gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	return n.next().See(ctx, user, s)
}

func (n *nodes) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	return n.next().Place(ctx, b)
}

func (n *nodes) Lift(ctx context.Context, p netip.Prefix, at time.Time) (gatehouse.Block, error) {
	return n.next().Lift(ctx, p, at)
}

func (n *nodes) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	return n.next().Blocked(ctx, ip, at)
}

func (n *nodes) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	return n.next().List(ctx, at)
}

func (n *nodes) CreateUser(ctx context.Context, u accounts.User) error {
	return n.next().CreateUser(ctx, u)
}

func (n *nodes) UserByAccount(ctx context.Context, account string) (accounts.User, error) {
	return n.next().UserByAccount(ctx, account)
}

func (n *nodes) UserByID(ctx context.Context, id string) (accounts.User, error) {
	return n.next().UserByID(ctx, id)
}

func (n *nodes) Users(ctx context.Context, after string, limit int) ([]accounts.User, error) {
	return n.next().Users(ctx, after, limit)
}

func (n *nodes) SetPassword(ctx context.Context, user, oldHash, newHash, keep string, at time.Time) (int, error) {
	return n.next().SetPassword(ctx, user, oldHash, newHash, keep, at)
}

func (n *nodes) UpgradeHash(ctx context.Context, user, oldHash, newHash string) error {
	return n.next().UpgradeHash(ctx, user, oldHash, newHash)
}

func (n *nodes) CreateSession(ctx context.Context, s accounts.Session, first accounts.TokenHash, passwordHash string) error {
	return n.next().CreateSession(ctx, s, first, passwordHash)
}

func (n *nodes) Session(ctx context.Context, id string) (accounts.Session, error) {
	return n.next().Session(ctx, id)
}

func (n *nodes) Sessions(ctx context.Context, user string, at time.Time) ([]accounts.Session, error) {
	return n.next().Sessions(ctx, user, at)
}

func (n *nodes) Rotate(ctx context.Context, r accounts.Rotation) (accounts.RotationResult, error) {
	return n.next().Rotate(ctx, r)
}

func (n *nodes) SessionWithUser(ctx context.Context, id string) (accounts.Session, accounts.User, error) {
	return n.next().SessionWithUser(ctx, id)
}

func (n *nodes) TouchSession(ctx context.Context, id string, client gatehouse.Client, at, expires time.Time) error {
	return n.next().TouchSession(ctx, id, client, at, expires)
}

func (n *nodes) CreateFirstAdministrator(ctx context.Context, u accounts.User) error {
	return n.next().CreateFirstAdministrator(ctx, u)
}

func (n *nodes) Operators(ctx context.Context) ([]accounts.User, error) {
	return n.next().Operators(ctx)
}

func (n *nodes) SetRole(ctx context.Context, user string, from, to accounts.Role) (accounts.User, error) {
	return n.next().SetRole(ctx, user, from, to)
}

func (n *nodes) LockUser(ctx context.Context, user string, at time.Time) (int, error) {
	return n.next().LockUser(ctx, user, at)
}

func (n *nodes) UnlockUser(ctx context.Context, user string) error {
	return n.next().UnlockUser(ctx, user)
}

func (n *nodes) RequireStepUp(ctx context.Context, user string, at time.Time) error {
	return n.next().RequireStepUp(ctx, user, at)
}

func (n *nodes) StepUp(ctx context.Context, session, passwordHash string, at time.Time) error {
	return n.next().StepUp(ctx, session, passwordHash, at)
}

func (n *nodes) SearchUsers(ctx context.Context, prefix, after string, limit int) ([]accounts.User, error) {
	return n.next().SearchUsers(ctx, prefix, after, limit)
}

func (n *nodes) EndSessions(ctx context.Context, f accounts.SessionFilter, at time.Time, reason string) (int, error) {
	return n.next().EndSessions(ctx, f, at, reason)
}

func (n *nodes) DeleteExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	return n.next().DeleteExpired(ctx, before, limit)
}

const rounds = 10 // of what two nodes are to decide between them

// Of 64 clients that present one token at two nodes, one is given a successor and
// the others the same one.
func TestNodesRotateOneToken(t *testing.T) {
	n := postgres(t, 2)(t)
	ctx, at := t.Context(), time.Unix(1_772_000_000, 0)
	if err := n.CreateUser(ctx, accounts.User{ID: "u", Account: "u@example.com"}); err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		id := fmt.Sprint("session", round)
		first := accounts.TokenHash{byte(round), 1}
		if err := n.CreateSession(ctx, accounts.Session{ID: id, User: "u", Created: at, Expires: at.Add(time.Hour)}, first, ""); err != nil {
			t.Fatal(err)
		}
		var rotated, repeated atomic.Int32
		var salts sync.Map
		together(64, func(i int) {
			got, err := n.Rotate(ctx, accounts.Rotation{
				Presented: first, Successor: accounts.TokenHash{byte(round), 2, byte(i)}, Salt: [16]byte{byte(i), 1},
				At: at, Expires: at.Add(time.Hour), Grace: time.Minute,
			})
			switch {
			case err != nil:
				t.Errorf("Rotate: %v", err)
			case got.Outcome == accounts.Rotated:
				rotated.Add(1)
			case got.Outcome == accounts.Repeated:
				repeated.Add(1)
			default:
				t.Errorf("outcome %v", got.Outcome)
			}
			salts.Store(got.Salt, true)
		})
		different := 0
		salts.Range(func(any, any) bool { different++; return true })
		if rotated.Load() != 1 || repeated.Load() != 63 || different != 1 {
			t.Fatalf("round %d: %d rotated, %d repeated, %d salts", round, rotated.Load(), repeated.Load(), different)
		}
	}
}

// A session that is created with a password while that is being changed does not
// outlive the change.
func TestNodesChangePasswordAgainstLogins(t *testing.T) {
	n := postgres(t, 2)(t)
	ctx, at := t.Context(), time.Unix(1_772_000_000, 0)
	if err := n.CreateUser(ctx, accounts.User{ID: "u", Account: "u@example.com", PasswordHash: "0"}); err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		old, next := fmt.Sprint(round), fmt.Sprint(round+1)
		together(9, func(i int) {
			if i == 4 {
				if _, err := n.SetPassword(ctx, "u", old, next, "", at); err != nil {
					t.Errorf("SetPassword: %v", err)
				}
				return
			}
			id := fmt.Sprint(round, "-", i)
			err := n.CreateSession(ctx, accounts.Session{ID: id, User: "u", Created: at, Expires: at.Add(time.Hour)},
				accounts.TokenHash{byte(round), byte(i)}, old)
			if err != nil && !errors.Is(err, accounts.ErrPasswordChanged) {
				t.Errorf("CreateSession: %v", err)
			}
		})
		if left, err := n.Sessions(ctx, "u", at); err != nil || len(left) > 0 {
			t.Fatalf("round %d: %d sessions of the old password live (%v)", round, len(left), err)
		}
	}
}

// Of logins of one user from new devices at the same time, each sees another, but
// for the first.
func TestNodesSeeEachOther(t *testing.T) {
	n := postgres(t, 2)(t)
	at := time.Unix(1_772_000_000, 0)
	for round := range rounds {
		var seen [32]atomic.Int32
		together(len(seen), func(i int) {
			earlier, err := n.See(t.Context(), fmt.Sprint("user", round),
				gatehouse.Sighting{Time: at, Device: gatehouse.Device{ID: fmt.Sprint(i)}})
			if err != nil {
				t.Errorf("See: %v", err)
				return
			}
			seen[len(earlier)].Add(1)
		})
		for before := range seen {
			if got := seen[before].Load(); got != 1 {
				t.Fatalf("round %d: %d calls saw %d earlier ones, want 1", round, got, before)
			}
		}
	}
}

// Of 64 clients that place and lift one block, as many have lifted it as the log
// of blocks says, and no two stand.
func TestNodesPlaceAndLift(t *testing.T) {
	n := postgres(t, 2)(t)
	ctx, at := t.Context(), time.Unix(1_772_000_000, 0)
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	for round := range rounds {
		var placed, lifted atomic.Int32
		together(64, func(i int) {
			if i%2 == 0 {
				b, err := n.Place(ctx, gatehouse.Block{ID: fmt.Sprint(round, "-", i), Prefix: prefix, Created: at})
				if err != nil {
					t.Errorf("Place: %v", err)
				} else if b.ID == fmt.Sprint(round, "-", i) {
					placed.Add(1) // else the one that stood has been returned
				}
				return
			}
			switch _, err := n.Lift(ctx, prefix, at); {
			case err == nil:
				lifted.Add(1)
			case !errors.Is(err, gatehouse.ErrNotFound):
				t.Errorf("Lift: %v", err)
			}
		})
		standing, err := n.List(ctx, at)
		if err != nil || int(placed.Load()-lifted.Load()) != len(standing) {
			t.Fatalf("round %d: %d placed, %d lifted, %d stand (%v)", round, placed.Load(), lifted.Load(), len(standing), err)
		}
		if len(standing) == 1 {
			if _, err := n.Lift(ctx, prefix, at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// together runs n calls at the same time.
func together(n int, call func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	wg.Wait()
}

// Nodes append at the same time: each record is found once, and the log is sound.
// Two processes may even have one name by mistake.
func TestNodesAppend(t *testing.T) {
	const each, clients, size = verified / 10, 10, 10
	for name, names := range map[string][]string{"two nodes": {"a", "b"}, "one name twice": {"a", "a"}} {
		t.Run(name, func(t *testing.T) {
			database := testserver.SharedPostgres(t).Database(t)
			var stores []*sql.Store
			for _, node := range names {
				stores = append(stores, openPostgres(t, database, sql.Options{Node: node, Sign: signing}))
			}
			together(len(stores)*clients, func(i int) {
				s := stores[i%len(stores)]
				for from := 0; from < each/clients; from += size {
					var records []gatehouse.Record
					for j := range size {
						r := sample(int64(from + j))
						r.ID = fmt.Sprintf("%d-%04d", i, from+j)
						r.Session, r.Count = fmt.Sprint(i), from+j
						records = append(records, r)
					}
					if err := s.Append(t.Context(), records...); err != nil {
						t.Errorf("Append: %v", err)
						return
					}
				}
			})
			got, err := stores[0].VerifyLog(t.Context(), verifies, nil, nil)
			if err != nil || got.Records != 2*each {
				t.Errorf("VerifyLog: %d records, %v", got.Records, err)
			}
			found := map[string]bool{}
			for r, err := range stores[1].Query(t.Context(), gatehouse.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				found[r.ID] = true
			}
			if len(found) != 2*each {
				t.Errorf("%d records found, want %d", len(found), 2*each)
			}
			inOrder(t, database)
		})
	}
}

// inOrder checks that the records of each client stand in the order in which they
// were appended.
func inOrder(t *testing.T, database string) {
	t.Helper()
	var wrong int
	err := connectPostgres(t, database).QueryRow(t.Context(), `SELECT count(*) FROM (
		SELECT id, lag(id) OVER (PARTITION BY detail::json->>'session_id' ORDER BY seq) AS before FROM security_log
		) AS log WHERE id <= before`).Scan(&wrong)
	if err != nil || wrong > 0 {
		t.Errorf("%d records stand before one that came earlier (%v)", wrong, err)
	}
}
