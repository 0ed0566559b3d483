package testserver

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// FaultProxy stands between a client and a server, and fails as it is told to.
// What it is told holds for connections that are open as well as for new ones.
type FaultProxy struct {
	Addr string // host:port

	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Proxy starts a proxy before an address, host:port.
func Proxy(t testing.TB, upstream string) *FaultProxy {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &FaultProxy{p.Listen, t, p}
}

// Latency delays each answer, in whole milliseconds.
func (p *FaultProxy) Latency(d time.Duration) {
	p.t.Helper()
	p.add("latency", "latency", d.Milliseconds())
}

// Blackhole accepts connections and answers nothing.
func (p *FaultProxy) Blackhole() {
	p.t.Helper()
	p.add("timeout", "timeout", 0)
}

// Reset answers each request with a TCP reset.
func (p *FaultProxy) Reset() {
	p.t.Helper()
	p.add("reset_peer", "timeout", 0)
}

func (p *FaultProxy) add(kind, attribute string, ms int64) {
	p.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "attributes": map[string]int64{attribute: ms}})
	check(p.t, err)
	_, err = p.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	check(p.t, err)
}

// Down cuts all connections and refuses new ones.
func (p *FaultProxy) Down() { p.proxy.Stop() }

// Up accepts connections again.
func (p *FaultProxy) Up() {
	p.t.Helper()
	if err := p.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		p.t.Error(err)
	}
}

// Heal ends every fault.
func (p *FaultProxy) Heal() {
	p.t.Helper()
	p.proxy.Toxics.ResetToxics(context.Background())
	p.Up()
}
