package browser

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/page"
)

// Picture returns the whole page as PNG, as it is in a window as high as the page,
// or at most so many CSS pixels high; 0 is the whole page.
func (p *Page) Picture(height int) []byte {
	p.t.Helper()
	size := Eval[struct{ W, H, Page int }](p, `document.fonts.ready.then(() => ({W: innerWidth, H: innerHeight, Page: document.documentElement.scrollHeight}))`)
	if height == 0 || size.Page < height {
		height = size.Page
	}
	p.Size(size.W, max(height, size.H))
	p.settle()
	picture := must(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}).Data
	p.Size(size.W, size.H)
	return picture
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
