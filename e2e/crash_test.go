package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// A killed server has on record every login that it answered.
func TestKilledDuringLoginStorm(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {bot_activity: {enabled: false}}\n")
	s.signup("ada@example.com")
	const clients, rounds = 32, 20
	var answered sync.Map // correlation ID -> status
	for round := range rounds {
		var wg sync.WaitGroup
		enough := make(chan struct{})
		var once sync.Once
		for client := range clients {
			wg.Go(func() {
				for i := 0; ; i++ {
					secret := password
					if i%3 == 1 {
						secret = "wrong"
					}
					c := loginCall("ada@example.com", secret, fmt.Sprintf("192.0.2.%d", client+1))
					a, err := s.try(t.Context(), c)
					if err != nil {
						return // killed
					}
					answered.Store(a.header.Get("X-Correlation-ID"), a.status)
					if i == 5+round {
						once.Do(func() { close(enough) })
					}
				}
			})
		}
		<-enough
		s.stop(syscall.SIGKILL)
		wg.Wait()
		s.run()
	}
	if out, code := s.command("log", "verify"); code != 0 {
		t.Errorf("the log that was left: exit %d: %s", code, out)
	}
	recorded := make(map[string]bool)
	for _, r := range s.log() {
		recorded[r.CorrelationID] = true
	}
	total, succeeded := 0, 0
	answered.Range(func(id, status any) bool {
		total++
		if status == http.StatusOK {
			succeeded++
		}
		if !recorded[id.(string)] {
			t.Errorf("the login %s was answered with %s and is not on record", id, strconv.Itoa(status.(int)))
		}
		return true
	})
	if succeeded < rounds {
		t.Errorf("only %d of %d logins succeeded: the storm was no storm", succeeded, total)
	}
	t.Logf("%d logins answered, %d of them with success, %d kills", total, succeeded, rounds)
}
