package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// patience bounds each wait: generous, for a busy machine.
const patience = 20 * time.Second

// flags have Chromium draw the same everywhere, ask nobody for anything, and give
// hidden windows as much time as the one in front.
var flags = map[string]any{
	"headless":                               true,
	"no-sandbox":                             true, // root has none
	"disable-gpu":                            true,
	"disable-quic":                           true,
	"no-first-run":                           true,
	"no-default-browser-check":               true,
	"disable-background-networking":          true,
	"disable-component-update":               true,
	"disable-sync":                           true,
	"disable-breakpad":                       true,
	"disable-default-apps":                   true,
	"disable-extensions":                     true,
	"disable-dev-shm-usage":                  true,
	"disable-hang-monitor":                   true,
	"disable-background-timer-throttling":    true,
	"disable-backgrounding-occluded-windows": true,
	"disable-renderer-backgrounding":         true,
	"disable-features":                       "Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,PasswordLeakDetection",
	"password-store":                         "basic",
	"force-color-profile":                    "srgb",
	"font-render-hinting":                    "none",
	"hide-scrollbars":                        true,
	"allow-pre-commit-input":                 true, // keys reach a page that was not painted yet
	"lang":                                   "en-GB",
	// The usual one would tell of a robot.
	"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
}

// chromium is a running browser. The scratch directory is held so that it lives
// as long as this process.
type chromium struct {
	ctx     context.Context
	scratch *servers.Scratch
}

// shared is one for a process, since a start takes a second.
var shared = sync.OnceValues(startChromium)

func startChromium() (*chromium, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	scratch, err := servers.NewScratch("chromium")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(scratch.Dir),
		chromedp.Env("HOME="+scratch.Dir, "TMPDIR="+scratch.Dir, "LC_ALL=C.UTF-8"),
		// The scratch directory's end is Chromium's. A process group of its own
		// keeps Ctrl-C from it, and a death signal is bound to a thread.
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			c.Dir = scratch.Dir
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		}),
	}
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := within(3*patience, cancel, func() error { return chromedp.Do(ctx) }); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", path, err), scratch.Remove())
	}
	return &chromium{ctx, scratch}, nil
}

// within runs what binds the life of something to its context, so that a context
// with a deadline won't do. It gives up by cancelling.
func within(d time.Duration, cancel func(), do func() error) error {
	timer := time.AfterFunc(d, cancel)
	defer timer.Stop()
	return do()
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("chromium is %w: \"make tools\" installs it on Debian and Ubuntu", servers.ErrMissing)
}

// browserFor returns the Chromium that all tests share.
func browserFor(t testing.TB) *chromium {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
