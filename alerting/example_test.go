package alerting_test

import (
	"fmt"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
)

// A route says which findings it is for. A Dispatcher makes messages of those,
// which a worker of package outbox delivers.
func Example() {
	night := alerting.Route{
		Name: "night", Severity: gatehouse.High, Rules: []string{"account_takeover", "brute_force"}, Channels: []string{"phone"},
	}
	fmt.Println(night.Matches("brute_force", gatehouse.BruteForceDetected, gatehouse.High))
	fmt.Println(night.Matches("brute_force", gatehouse.BruteForceDetected, gatehouse.Warning))
	fmt.Println(night.Matches("bot_activity", gatehouse.BotActivityDetected, gatehouse.Critical))
	// Output:
	// true
	// false
	// false
}
