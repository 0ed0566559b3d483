package app_test

import (
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/app"
)

// fullAlerts is what testdata/working_full.yaml says of alerts.
func fullAlerts() app.AlertsConfig {
	return app.AlertsConfig{
		Channels: map[string]app.ChannelConfig{
			"ops": {Type: "mail", To: "ops@example.com"},
			"hook": {
				Type: "webhook", URL: "https://hooks.example.com/gatehouse", Secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
				Files: map[string]string{"url": "testdata/webhook_url.txt", "secret": "testdata/webhook_secret.txt"},
				Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}, AllowHosts: []string{"hooks.example.com"}, AllowHTTP: true,
			},
			"phone": {
				Type: "sms", Account: "AC0", Token: "not-a-real-token", From: "+15005550006", To: "+491700000000",
				Files: map[string]string{"token": "testdata/sms_token.txt"},
			},
		},
		Routes: []alerting.Route{
			{Name: "ops", Severity: gatehouse.High, Channels: []string{"hook", "ops"}},
			{
				Name: "night", Severity: gatehouse.Critical, Rules: []string{"brute_force"}, Types: []gatehouse.Kind{gatehouse.BruteForceDetected},
				Channels: []string{"phone"}, GroupBy: []alerting.By{alerting.ByRule}, Repeat: time.Hour, ResolveAfter: 5 * time.Minute, Limit: 3,
			},
		},
	}
}
