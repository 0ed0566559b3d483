package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// The control interface lets the command line act through a running server, so
// that a block holds, or is gone, the moment the command returns. It answers on
// the admin listener to whoever can read the file control.json in the data
// directory, which only the server's user can.

// control is the content of control.json.
type control struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

func newToken() string { return rand.Text() }

func controlPath(dir string) string { return filepath.Join(dir, "control.json") }

// announce writes control.json and returns what removes it.
func (a *App) announce() (remove func(), err error) {
	addr := onThisMachine(a.admin.Addr().(*net.TCPAddr).AddrPort())
	text, err := json.Marshal(control{URL: "http://" + addr.String(), Token: a.token})
	if err != nil {
		return nil, err
	}
	path := controlPath(a.config.Data)
	// Renamed into place, so that nobody reads half of it.
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return nil, err
	}
	return func() { os.Remove(path) }, nil
}

// onThisMachine is how somebody on this machine reaches a listener.
func onThisMachine(listening netip.AddrPort) netip.AddrPort {
	if listening.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), listening.Port())
	}
	return listening
}

// blockRequest asks to keep a network out.
type blockRequest struct {
	Prefix netip.Prefix  `json:"prefix"`
	For    time.Duration `json:"for_ns"` // 0: until lifted
	Reason string        `json:"reason"`
	By     string        `json:"by"`
}

func (a *App) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /control/blocks", httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		var q blockRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&q); err != nil {
			return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: err.Error()}
		}
		return respondBlock(w)(placeBlock(r.Context(), a.guard, a.clock.now(), q))
	}))
	mux.Handle("DELETE /control/blocks", httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		prefix, err := netip.ParsePrefix(r.URL.Query().Get("prefix"))
		if err != nil {
			return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: err.Error()}
		}
		return respondBlock(w)(a.guard.UnblockIP(r.Context(), a.clock.now(), prefix, r.URL.Query().Get("by")))
	}))
	a.importRoute(mux)
	a.userRoutes(mux)
	a.watchRoutes(mux)
	a.cleanUpRoutes(mux)
	want := []byte("Bearer " + a.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			httpguard.Problem(w, r, httpguard.ProblemDetails{Status: http.StatusUnauthorized})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// respondBlock answers with a block, or turns the error into a problem.
func respondBlock(w http.ResponseWriter) func(gatehouse.Block, error) error {
	return func(b gatehouse.Block, err error) error {
		switch {
		case errors.Is(err, gatehouse.ErrNotFound):
			return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "There is no such block."}
		case errors.Is(err, guard.ErrInvalidBlock):
			return httpguard.ProblemDetails{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
		case err != nil:
			return httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(b)
	}
}

// errNoServer says that nobody answers at the address in control.json.
var errNoServer = errors.New("no server answers")

// ask sends a request to the server that runs on dir, or returns errNoServer.
// patience bounds it with its answer; 0 is for an answer without an end.
func ask(ctx context.Context, dir string, patience time.Duration, method, path string, body any) (*http.Response, error) {
	text, err := os.ReadFile(controlPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNoServer
	}
	var c control
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", controlPath(dir), err)
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
	resp, err := client.Do(req)
	var refused *net.OpError
	if errors.As(err, &refused) && refused.Op == "dial" {
		return nil, errNoServer
	}
	return resp, err
}

// call asks the server that runs on dir to change a block, or returns errNoServer.
func call(ctx context.Context, dir, method string, query url.Values, body any) (gatehouse.Block, error) {
	var b gatehouse.Block
	resp, err := ask(ctx, dir, 15*time.Second, method, "/control/blocks?"+query.Encode(), body)
	if err != nil {
		return b, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return b, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return b, json.Unmarshal(answer, &b)
	case http.StatusNotFound:
		return b, gatehouse.ErrNotFound
	case http.StatusUnprocessableEntity:
		var p httpguard.ProblemDetails
		if json.Unmarshal(answer, &p) == nil {
			return b, fmt.Errorf("%w%s", guard.ErrInvalidBlock, strings.TrimPrefix(p.Detail, guard.ErrInvalidBlock.Error()))
		}
	case http.StatusUnauthorized:
		// The server has changed, and its file is about to.
		return b, errNoServer
	}
	return b, fmt.Errorf("the server answered %s: %s", resp.Status, strings.TrimSpace(string(answer)))
}
