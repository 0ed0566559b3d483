package logstats_test

import (
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
)

// Records of one slot are counted together, failed logins by country.
func Example() {
	at := time.Date(2026, 3, 2, 12, 7, 0, 0, time.UTC)
	failed := gatehouse.Record{Event: gatehouse.Event{
		Kind: gatehouse.LoginFailed, Time: at, Client: gatehouse.Client{Place: gatehouse.Place{Country: "NL"}},
	}}
	refused := gatehouse.Record{Event: gatehouse.Event{Kind: gatehouse.RequestRefused, Time: at}, Count: 500}
	for _, c := range logstats.Of(failed, failed, refused) {
		fmt.Println(c.Slot.Format("15:04"), c.Name, c.Country, c.N)
	}
	// Output:
	// 12:00 login_failed NL 2
	// 12:00 request_refused  500
}
