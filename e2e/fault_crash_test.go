package e2e_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// One node of three is killed again and again under load: what it had acknowledged
// is on record once.
func TestFaultNodeKilled(t *testing.T) {
	c := startCluster(t, 3, patient, nothingFails)
	c.nodes[0].signup("ada@example.com")
	s := c.unleash(t, 100, func(i int) call {
		if i%4 == 0 {
			return loginCall("ada@example.com", password, fmt.Sprintf("198.51.100.%d", i%200+1))
		}
		return guess(i % 50)
	})
	kills := rounds(50, 6)
	for i := range kills {
		<-time.After(time.Duration(100+i*7%200) * time.Millisecond)
		victim := c.nodes[i%3]
		victim.stop(syscall.SIGKILL)
		victim.run()
	}
	answers := s.calm()
	answered := slices.DeleteFunc(slices.Clone(answers), func(a stormAnswer) bool { return a.status == 0 }) // killed before
	kept := foundOnce(t, answered, c.recorded(t))
	for _, n := range c.nodes {
		if out, code := n.command("log", "verify"); code != 0 {
			t.Errorf("log verify: exit %d: %s", code, out)
		}
	}
	t.Logf("%d kills, %d sent, %d without an answer, by status %v; %d acknowledged and found", kills, len(answers), len(answers)-len(answered), byStatus(answers), kept)
}
