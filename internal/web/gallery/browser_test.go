package gallery_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
	"github.com/fluxstudio/gatehouse/internal/web/gallery"
)

var shots = flag.String("shots", "", "a folder for pictures of the gallery")

// open shows a page of the gallery in a browser, with a finding every so often. The
// page fails the test for whatever the console or the CSP reports.
func open(t *testing.T, every time.Duration, path string) *browser.Page {
	t.Helper()
	handler, err := gallery.New(every)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	p := browser.Open(t, server.URL)
	p.TimeZone("Asia/Kolkata")
	p.Go(server.URL + path)
	return p
}

// drawn waits until all charts are.
func drawn(p *browser.Page) {
	for _, kind := range []string{"timeline", "distribution", "bars"} {
		p.Await(browser.CSS("figure.is-ready[data-chart=" + kind + "] canvas"))
	}
}

func TestLooks(t *testing.T) {
	for name, path := range map[string]string{"gallery": "/", "plain": "/plain"} {
		t.Run(name, func(t *testing.T) {
			p := open(t, 0, path)
			if name == "gallery" {
				drawn(p)
			}
			p.Unharmed()
			p.Fits(360, 768, 1280, 2560)
			p.Accessible()
			for _, width := range []int{360, 1280, 2560} {
				for _, scheme := range []string{"light", "dark"} {
					if *shots == "" {
						continue
					}
					p.Size(width, 1200)
					p.Dark(scheme == "dark")
					p.Run(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))`) // charts follow
					p.Save(filepath.Join(*shots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), 0)
				}
			}
		})
	}
}
