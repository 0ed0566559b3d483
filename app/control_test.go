package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"
)

func newApp(t *testing.T) *App {
	t.Helper()
	c := Default()
	c.Listen, c.AdminListen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	a, err := New(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestControlNeedsItsToken(t *testing.T) {
	a := newApp(t)
	for authorization, want := range map[string]int{
		"": http.StatusUnauthorized, "Bearer ": http.StatusUnauthorized, "Bearer guess": http.StatusUnauthorized,
		a.token: http.StatusUnauthorized, "Bearer " + a.token: http.StatusNotFound, // there is no such block
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("DELETE", "/control/blocks?prefix=192.0.2.1/32", nil)
		r.Header.Set("Authorization", authorization)
		if a.controlHandler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("Authorization %q: %d, want %d", authorization, w.Code, want)
		}
	}
}

func TestControlFileIsTheServersAlone(t *testing.T) {
	a := newApp(t)
	remove, err := a.announce()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(controlPath(a.config.Data))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	remove()
	if _, err := os.Stat(controlPath(a.config.Data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOneServerHasTheData(t *testing.T) {
	a := newApp(t)
	if second, err := New(t.Context(), a.config, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second server: %v, %v", second, err)
	}
}

// What an operator does holds in the server that runs, at once and for as long
// as was said, under the operator's name.
func TestOperatorActsThroughTheServer(t *testing.T) {
	a := newApp(t)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	o, err := Operate(t.Context(), a.config)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	somebody := netip.MustParsePrefix("192.0.2.1/32")
	if _, err := o.Block(t.Context(), somebody, time.Hour, "test", "ada"); err != nil {
		t.Fatal(err)
	}
	b, found, err := a.guard.IsIPBlocked(t.Context(), time.Now(), somebody.Addr())
	if !found || err != nil || b.By != "ada" || b.Until.Sub(b.Created) != time.Hour {
		t.Errorf("in the server: %+v, %v, %v", b, found, err)
	}
	if b, err := o.Unblock(t.Context(), somebody, "grace"); err != nil || b.By != "grace" {
		t.Errorf("lifted: %+v, %v", b, err)
	}
	if b, found, _ := a.guard.IsIPBlocked(t.Context(), time.Now(), somebody.Addr()); found {
		t.Errorf("still in the server: %+v", b)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
