package sql

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

// plan returns how SQLite would run a statement.
func plan(t *testing.T, s *Store, text string, args ...any) string {
	t.Helper()
	steps, err := allOnce(t.Context(), s.reader, func(read scan) (step string, err error) {
		var id, parent, unused int
		err = read(&id, &parent, &unused, &step)
		return step, err
	}, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// Each mixture of conditions walks the index that it is meant to walk, and
// nothing but a network has to sort a whole range.
func TestLogQueriesUseTheirIndex(t *testing.T) {
	s := openTest(t, Options{})
	for mask := range 1 << 6 {
		var q gatehouse.Query
		want := []string{"security_log_time"}
		sorts := false
		if mask&1 != 0 {
			q.Kinds = []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginSucceeded}
			want = []string{"security_log_kind"}
		}
		if mask&2 != 0 {
			q.Prefix = netip.MustParsePrefix("192.0.2.0/24")
			want, sorts = []string{"security_log_ip"}, true
		} else if mask&16 != 0 {
			q.Prefix = netip.MustParsePrefix("192.0.2.1/32")
			want = []string{"security_log_ip"}
		}
		if mask&4 != 0 {
			q.User = "u"
			want, sorts = []string{"security_log_user", "security_log_account"}, false
		}
		if mask&8 != 0 {
			q.Correlation = "c"
			want, sorts = []string{"security_log_correlation"}, false
		}
		if mask&32 != 0 {
			q.Finding = "f"
			want, sorts = []string{"security_log_finding"}, false
		}
		text, args := newSelection(q).page(position{math.MaxInt64, 0})
		got := plan(t, s, text, args...)
		t.Run(fmt.Sprintf("%06b", mask), func(t *testing.T) {
			for _, step := range strings.Split(got, "\n") {
				if strings.Contains(step, "security_log") {
					found := slices.ContainsFunc(want, func(index string) bool {
						return strings.Contains(step, " "+index+" ") || strings.HasSuffix(step, " "+index)
					})
					if !found && !strings.Contains(step, "INTEGER PRIMARY KEY (rowid=?)") {
						t.Errorf("%+v: want %v, got\n%s", q, want, got)
					}
				}
			}
			for _, index := range want {
				if !strings.Contains(got, index) {
					t.Errorf("%+v: %s is not used:\n%s", q, index, got)
				}
			}
			// A leg that sorts does so straight after its search; sorting what legs
			// have yielded is sorting a page.
			if leg := regexp.MustCompile(`SEARCH security_log .*\n\s*USE TEMP B-TREE`); leg.MatchString(got) != sorts {
				t.Errorf("%+v: want a sorted range: %t, got\n%s", q, sorts, got)
			}
		})
	}
}

// A wide network is walked by time, and so is one with many records.
func TestWideNetworksAreWalkedByTime(t *testing.T) {
	s := openTest(t, Options{})
	for _, prefix := range []string{"0.0.0.0/0", "192.0.0.0/8", "::/0", "2001:d00::/24", "192.0.2.0/24"} {
		sel := newSelection(gatehouse.Query{Prefix: netip.MustParsePrefix(prefix)})
		if sel.bounds != nil { // has many records
			sel.byTime()
		}
		text, args := sel.page(position{math.MaxInt64, 0})
		if got := plan(t, s, text, args...); !strings.Contains(got, "security_log_time") || strings.Contains(got, "security_log_ip") {
			t.Errorf("%s:\n%s", prefix, got)
		}
	}
}
