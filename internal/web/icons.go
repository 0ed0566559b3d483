package web

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"sync"
)

//go:embed vendored/lucide.tsv
var lucide string

var icons = sync.OnceValue(func() map[string]template.HTML {
	m := map[string]template.HTML{}
	for line := range strings.Lines(lucide) {
		name, paths, _ := strings.Cut(strings.TrimSpace(line), "\t")
		m[name] = template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + paths + `</svg>`)
	}
	return m
})

// icon returns an image that goes with a text. The names are in vendored/lucide.tsv.
func icon(name string) (template.HTML, error) {
	if html, ok := icons()[name]; ok {
		return html, nil
	}
	return "", fmt.Errorf("there is no icon %q", name)
}

// head is what every page has in its <head>. theme.js runs before anything is
// painted, so that nothing flashes; echarts is fetched by app.js where there is a chart.
var head = sync.OnceValue(func() template.HTML {
	var b strings.Builder
	b.WriteString(`<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content='{"allowEval":false,"includeIndicatorStyles":false}'>
`)
	fmt.Fprintf(&b, `<link rel="icon" href="%s" type="image/svg+xml">`+"\n", AssetPath("icon.svg"))
	fmt.Fprintf(&b, `<link rel="stylesheet" href="%s">`+"\n", AssetPath("web.css"))
	fmt.Fprintf(&b, `<script src="%s"></script>`+"\n", AssetPath("theme.js"))
	for _, script := range []string{"htmx.min.js", "htmx-sse.min.js"} {
		fmt.Fprintf(&b, `<script defer src="%s"></script>`+"\n", AssetPath(script))
	}
	fmt.Fprintf(&b, `<script defer src="%s" data-echarts="%s"></script>`, AssetPath("app.js"), AssetPath("echarts.min.js"))
	return template.HTML(b.String())
})
