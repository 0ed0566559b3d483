package guard_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// A login that exists already, guarded: ask before the password is looked at,
// and tell how it ended.
func Example() {
	journal := memory.NewJournal(memory.Options{})
	g, err := guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(),
		Sightings: memory.NewSightings(memory.Options{}), Journal: journal, Log: journal,
	})
	if err != nil {
		panic(err)
	}
	ctx, ip := context.Background(), netip.MustParseAddr("192.0.2.1")
	login := func(account, password string) string {
		attempt, decision := g.Begin(ctx, gatehouse.Event{Time: time.Now(),
			Subject: gatehouse.Subject{Account: account}, Client: gatehouse.Client{IP: ip}})
		if !decision.Allowed() {
			return "429 " + decision.Verdict.String()
		}
		if password != "correct horse battery staple" { // your own check
			attempt.Fail(ctx, time.Now(), "password")
			return "401"
		}
		attempt.Succeed(ctx, time.Now(), gatehouse.Subject{User: account}, gatehouse.Device{})
		return "200"
	}
	for range 5 {
		fmt.Println(login("ada@example.com", "a guess"))
	}
	fmt.Println(login("ada@example.com", "correct horse battery staple"))
	// Output:
	// 401
	// 401
	// 401
	// 401
	// 401
	// 429 blocked
}

// The operations can be called one by one. They judge; they do not respond.
func ExampleGuard_CheckFailedLogin() {
	journal := memory.NewJournal(memory.Options{})
	g, err := guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(),
		Sightings: memory.NewSightings(memory.Options{}), Journal: journal,
	})
	if err != nil {
		panic(err)
	}
	ctx, ip, at := context.Background(), netip.MustParseAddr("192.0.2.1"), time.Now()
	for i := range 5 {
		finding, err := g.CheckFailedLogin(ctx, at, "ada@example.com", ip)
		if err != nil {
			panic(err)
		}
		if finding != nil {
			fmt.Printf("failure %d: %s, %d in %s\n", i+1, finding.Kind, finding.Observed, finding.Window)
		}
	}
	// Output: failure 5: brute_force_detected, 5 in 5m0s
}
