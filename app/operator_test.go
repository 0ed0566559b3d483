package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// serving runs a login server on a data directory and returns what ends it.
func serving(t *testing.T, dir string) (stop func()) {
	t.Helper()
	c := app.Default()
	c.Data, c.Listen, c.AdminListen = dir, "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func operate(t *testing.T, dir string) *app.Operator {
	t.Helper()
	c := app.Default()
	c.Data = dir
	o, err := app.Operate(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

var somebody = netip.MustParsePrefix("192.0.2.1/32")

// A server that was killed leaves control.json behind, and another program may
// have its port by now. It must be believed neither to do nor to know anything.
func TestOperatorDoesNotAskStrangers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"all well":  func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"prefix":"192.0.2.1/32"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			serving(t, dir)()
			asked := false
			stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = true
				answer(w, r)
			}))
			defer stranger.Close()
			left, err := json.Marshal(map[string]string{"url": stranger.URL, "token": "left over"})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "control.json"), left, 0o600); err != nil {
				t.Fatal(err)
			}
			o := operate(t, dir)
			if _, err := o.Block(t.Context(), somebody, time.Hour, "test", "an operator"); err != nil {
				t.Fatal(err)
			}
			if b, found, err := o.Store().Blocked(t.Context(), somebody.Addr(), time.Now()); !found || err != nil {
				t.Errorf("the block that was reported: %+v, %v", b, err)
			}
			if _, err := o.Unblock(t.Context(), somebody, "an operator"); err != nil {
				t.Errorf("it cannot be lifted: %v", err)
			}
			if asked {
				t.Error("a stranger was asked, and given the token")
			}
		})
	}
}

// What an operator asks for while a server starts is done by whoever has the
// data then.
func TestOperatorWhileServersStart(t *testing.T) {
	dir := t.TempDir()
	serving(t, dir)()
	o := operate(t, dir)
	for range 5 {
		acted := make(chan error)
		go func() {
			_, placed := o.Block(t.Context(), somebody, time.Hour, "test", "an operator")
			_, lifted := o.Unblock(t.Context(), somebody, "an operator")
			acted <- errors.Join(placed, lifted)
		}()
		stop := serving(t, dir)
		if err := <-acted; err != nil {
			t.Error(err)
		}
		stop()
	}
}

func TestOperatorHearsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	stop := serving(t, dir)
	o := operate(t, dir)
	everybody := netip.MustParsePrefix("0.0.0.0/0")
	want := func(state string) string {
		t.Helper()
		_, err := o.Block(t.Context(), everybody, time.Hour, "test", "an operator")
		if !errors.Is(err, guard.ErrInvalidBlock) {
			t.Errorf("%s: error %v", state, err)
			return ""
		}
		if _, err := o.Unblock(t.Context(), somebody, "an operator"); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("%s: error %v", state, err)
		}
		return err.Error()
	}
	through := want("with a server")
	stop()
	if alone := want("without one"); through != alone {
		t.Errorf("with a server %q, without one %q", through, alone)
	}
}

// A command on a machine without a node acts on all nodes, with their keys only, and
// what it puts on record does not spoil the security log.
func TestOperatorOnAMachineOfItsOwn(t *testing.T) {
	shared := testserver.Redis(t)
	c := app.Default()
	c.Redis.URL, c.Redis.Timeout = shared.URL, nothingFails
	c.Postgres.URL = testserver.SharedPostgres(t).Database(t)
	c.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
	startNode(t, c, "elsewhere", 0)

	c.Data, c.Node = t.TempDir(), "desk"
	o, err := app.Operate(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Block(t.Context(), somebody, time.Hour, "test", "an operator"); err != nil {
		t.Fatal(err)
	}
	if found, err := o.VerifyLog(t.Context(), nil, nil); err != nil || found.Records == 0 {
		t.Errorf("the log afterwards: %+v, %v", found, err)
	}

	none := c
	none.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
	if o, err := app.Operate(t.Context(), none); !errors.Is(err, os.ErrNotExist) {
		if err == nil {
			o.Close()
		}
		t.Errorf("without keys: %v", err)
	}
	if _, err := os.Stat(none.KeysFile); err == nil {
		t.Error("it has made keys")
	}
	if _, err := accounts.LoadOrCreateKeyFile(none.KeysFile); err != nil {
		t.Fatal(err)
	}
	other, err := app.Operate(t.Context(), none)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Unblock(t.Context(), somebody, "an operator"); !errors.Is(err, redis.ErrDisagree) {
		t.Errorf("with other keys: %v", err)
	}

	shared.Kill()
	if _, err := o.Unblock(t.Context(), somebody, "an operator"); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("while Redis is down: %v", err)
	}
	if _, found, err := o.Store().Blocked(t.Context(), somebody.Addr(), time.Now()); !found || err != nil {
		t.Errorf("the block is gone: %v", err)
	}
}
