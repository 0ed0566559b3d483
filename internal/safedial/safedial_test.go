package safedial_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/safedial"
)

func TestCheck(t *testing.T) {
	refused := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::808:808", "64:ff9b:1::7f00:1", "100::1",
		"2001::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:10::1", "2001:20::1", "2001:2::1", "2001:db8::1",
		"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1",
		"fc00::1", "fd12:3456::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1",
	}
	public := []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "172.15.255.255",
		"172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::1", "2606:4700:4700::1111", "2a00:1450:4001::1", "2003::1",
	}
	d := safedial.New(safedial.Options{})
	for _, s := range refused {
		if err := d.Check(netip.MustParseAddr(s)); !errors.Is(err, safedial.ErrRefused) {
			t.Errorf("Check(%s) = %v, want ErrRefused", s, err)
		}
	}
	for _, s := range public {
		if err := d.Check(netip.MustParseAddr(s)); err != nil {
			t.Errorf("Check(%s) = %v", s, err)
		}
	}
	if err := d.Check(netip.Addr{}); !errors.Is(err, safedial.ErrRefused) {
		t.Errorf("the zero address: %v", err)
	}
}

func TestCheckAllowed(t *testing.T) {
	d := safedial.New(safedial.Options{Allow: []netip.Prefix{
		netip.MustParsePrefix("10.1.2.3/8"), // unmasked on purpose
		netip.MustParsePrefix("::ffff:192.168.7.0/120"),
		netip.MustParsePrefix("fd00::/8"),
	}})
	for s, ok := range map[string]bool{
		"10.200.0.1": true, "::ffff:10.0.0.1": true, "64:ff9b::a00:1": true, "192.168.7.9": true, "192.168.8.1": false,
		"fd00::1": true, "fc00::1": false, "127.0.0.1": false, "172.16.0.1": false,
	} {
		if err := d.Check(netip.MustParseAddr(s)); (err == nil) != ok {
			t.Errorf("Check(%s) = %v, want allowed: %v", s, err, ok)
		}
	}
}

// listener accepts on loopback and counts who came.
func listener(t *testing.T, network, addr string) (port string, accepted <-chan struct{}) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	ch, done := make(chan struct{}, 8), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			ch <- struct{}{}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, ch
}

func TestDialRefusesBeforeConnecting(t *testing.T) {
	port, accepted := listener(t, "tcp", "127.0.0.1:0")
	d := safedial.New(safedial.Options{})
	for _, host := range []string{"127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::1", "169.254.169.254", "localhost", "0.0.0.0", "::"} {
		c, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if !errors.Is(err, safedial.ErrRefused) {
			t.Errorf("%s: %v, %v", host, c, err)
		}
	}
	if _, err := d.DialContext(t.Context(), "unix", "/run/docker.sock:1"); !errors.Is(err, safedial.ErrRefused) {
		t.Errorf("unix socket: %v", err)
	}
	if len(accepted) != 0 {
		t.Error("a connection was made")
	}
}

func TestDialAllowed(t *testing.T) {
	port, accepted := listener(t, "tcp", "127.0.0.1:0")
	for name, o := range map[string]safedial.Options{
		"by network": {Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		"by name":    {AllowHosts: []string{"LocalHost."}},
	} {
		host := "localhost"
		c, err := safedial.New(o).DialContext(t.Context(), "tcp4", net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		<-accepted
		c.Close()
	}
	named := safedial.New(safedial.Options{AllowHosts: []string{"localhost"}})
	if _, err := named.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port)); !errors.Is(err, safedial.ErrRefused) {
		t.Errorf("a name that is allowed allows no address: %v", err)
	}
}

func TestCheckHost(t *testing.T) {
	d := safedial.New(safedial.Options{AllowHosts: []string{"127.0.0.2"}})
	for host, ok := range map[string]bool{"localhost": false, "127.0.0.1": false, "::1": false, "127.0.0.2": true, "8.8.8.8": true} {
		if err := d.CheckHost(t.Context(), host); (err == nil) != ok {
			t.Errorf("CheckHost(%s) = %v, want ok %v", host, err, ok)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.CheckHost(ctx, "nowhere.invalid"); err == nil {
		t.Error("a name that cannot be resolved passed")
	}
}
