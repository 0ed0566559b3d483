package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/app"
)

// BenchmarkLoginBesideAlerts logs in at servers that differ only in how the
// receiver of alerts treats them, in turns, and reports the median and the 99th
// percentile as parts of those without a route. Every login is a finding, and an
// alert of its own.
//
//	go test ./app -run '^$' -bench LoginBesideAlerts -benchtime 300x
func BenchmarkLoginBesideAlerts(b *testing.B) {
	receivers := []struct{ name, url string }{
		{"none", ""},
		{"accepts", receiverThat(b, func(http.ResponseWriter, *http.Request) {})},
		{"500", receiverThat(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })},
		{"refuses", strings.TrimSuffix(strings.Replace(refusing(b), "public@", "", 1), "/1")},
		{"hangs", receiverThat(b, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
	}
	var servers []*app.App
	for _, r := range receivers {
		servers = append(servers, serveAlerting(b, r.url))
	}
	var names []string
	for _, r := range receivers {
		names = append(names, r.name)
	}
	loginsInTurn(b, names, servers)
}

// serveAlerting runs a server that alerts a webhook at url, if there is one, of
// each failed login.
func serveAlerting(b *testing.B, url string) *app.App {
	c := app.Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", b.TempDir()
	c.TrustedProxies = []string{"127.0.0.1"}
	c.Rules.BruteForce.Limit.Threshold = 1
	c.Rules.BruteForce.Respond.BlockIP = 0
	if url != "" {
		c.Alerts.Channels = map[string]app.ChannelConfig{"hook": {
			Type: "webhook", URL: url, Secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true,
		}}
		c.Alerts.Routes = []alerting.Route{{Name: "all", Channels: []string{"hook"}, Limit: 10_000}}
	}
	return running(b, c, func(err error) {
		if err != nil {
			b.Error(err)
		}
	})
}

func receiverThat(b *testing.B, answer http.HandlerFunc) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else nobody notices that the client is gone
		answer(w, r)
	}))
	b.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}
