package browser

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/page"
)

// Picture returns the whole page as PNG, the window's width and at most so many
// CSS pixels high; 0 is the whole page.
func (p *Page) Picture(height int) []byte {
	p.t.Helper()
	p.settle()
	size := Eval[struct{ W, H float64 }](p, `document.fonts.ready.then(() => ({W: innerWidth, H: document.documentElement.scrollHeight}))`)
	if height > 0 {
		size.H = math.Min(size.H, float64(height))
	}
	beyond := true
	return must(p, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: &beyond,
		Clip: &page.Viewport{Width: size.W, Height: size.H, Scale: 1},
	}).Data
}

// Save writes a picture of the page to a file, made small.
func (p *Page) Save(path string, height int) {
	p.t.Helper()
	picture, err := png.Decode(bytes.NewReader(p.Picture(height)))
	if err != nil {
		p.t.Fatal(err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, fewColours(picture)); err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, small.Bytes(), 0o644); err != nil {
		p.t.Fatal(err)
	}
}
