package rules_test

import (
	"fmt"

	"github.com/fluxstudio/gatehouse/rules"
)

func Example() {
	set, err := rules.Parse("rules.yaml", []byte(`
brute_force: {threshold: 3, respond: [alert, block_ip: 2h]}
bot_activity: {enabled: false}
`), rules.Default())
	fmt.Println(set.BruteForce.Limit.Threshold, set.BruteForce.Respond.BlockIP, set.BotActivity.Enabled, err)

	_, err = rules.Parse("rules.yaml", []byte("brute_force: {window: 300}"), rules.Default())
	fmt.Println(err)
	// Output:
	// 3 2h0m0s false <nil>
	// rules.yaml:1:23: brute_force.window: 300 is not allowed: use a duration from 1s to 168h, such as 90s, 5m or 1h30m
}
