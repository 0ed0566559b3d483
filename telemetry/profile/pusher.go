package profile

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer is how much is read of what the server answers.
const maxAnswer = 4 << 10

// pusher is the HTTP client and the logger of the profiler: it bounds each push
// and counts what became of it.
type pusher struct {
	client  *http.Client
	timeout time.Duration
	logger  *slog.Logger
	ended   context.Context // of all pushes
	cancel  context.CancelFunc

	pushed, failed, dropped atomic.Uint64
	failing                 atomic.Bool
}

func newPusher(o Options) *pusher {
	p := &pusher{
		client: &http.Client{
			Transport: o.Transport,
			// The credentials are meant for this server only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		timeout: o.Timeout,
		logger:  o.Logger,
	}
	p.ended, p.cancel = context.WithCancel(context.Background())
	return p
}

// Do sends one profile and reads the answer, so that the connection can be used
// again. It takes no longer than the timeout.
func (p *pusher) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(p.ended, p.timeout)
	defer cancel()
	res, err := p.client.Do(r.WithContext(ctx))
	if err != nil {
		p.note(false, "error", err)
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	res.Body.Close()
	if err != nil {
		p.note(false, "error", err)
		return nil, err
	}
	res.Body = io.NopCloser(strings.NewReader(string(text)))
	p.note(res.StatusCode == http.StatusOK, "status", res.StatusCode)
	return res, nil
}

// note counts a push and tells when the server begins to fail or works again.
func (p *pusher) note(ok bool, attr string, value any) {
	if ok {
		p.pushed.Add(1)
		if p.failing.CompareAndSwap(true, false) {
			p.logger.Info("profiles are pushed again")
		}
		return
	}
	p.failed.Add(1)
	if p.ended.Err() == nil && p.failing.CompareAndSwap(false, true) {
		p.logger.Warn("profiles cannot be pushed", attr, value)
	}
}

func (p *pusher) close() {
	p.cancel()
	p.client.CloseIdleConnections()
}

// What the profiler says of itself is of no use to an operator, but for this.

// Errorf counts profiles that are dropped.
func (p *pusher) Errorf(format string, _ ...any) {
	if strings.Contains(format, "dropping") {
		p.dropped.Add(1)
	}
}

// Infof does nothing.
func (p *pusher) Infof(string, ...any) {}

// Debugf does nothing.
func (p *pusher) Debugf(string, ...any) {}
