package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse/notify"
)

// A finding is posted to a signed webhook. The receiver is on this machine, which
// must be allowed.
func Example() {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Type string
			Data struct{ Severity, Subject string }
		}
		_ = json.NewDecoder(r.Body).Decode(&event)
		fmt.Println(r.Header.Get("webhook-id"))
		fmt.Println(event.Type, event.Data.Severity)
		fmt.Println(event.Data.Subject)
	}))
	defer receiver.Close()

	var n notify.Notifier
	n, err := notify.NewWebhook(notify.WebhookOptions{
		URL:    receiver.URL,
		Secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		Reach:  notify.Reach{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, _ := notify.ForFinding(notify.Opened, bruteForce("ada@example.com", "curl/8.5"), time.UTC)
	if err := n.Send(context.Background(), m); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 019ab3f2-9c1e-7d00-8000-1f2e3d4c5b6a-opened
	// finding.opened high
	// Somebody is guessing a password: ada@example.com
}
