package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// spark draws values as a small line without axes. It says nothing to a screen
// reader: the numbers that matter stand beside it.
func spark(values []int) template.HTML {
	if len(values) < 2 {
		return ""
	}
	const width, height = 100.0, 30.0
	most := float64(max(slices.Max(values), 1))
	var line strings.Builder
	for i, v := range values {
		x := width * float64(i) / float64(len(values)-1)
		y := 1 + (height-2)*(1-float64(max(v, 0))/most)
		fmt.Fprintf(&line, " %.1f %.1f", x, y)
	}
	points := line.String()[1:]
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %g %g" preserveAspectRatio="none" aria-hidden="true" focusable="false">`+
		`<path class="spark-area" d="M0 %g L%s L%g %g Z"/><path class="spark-line" d="M%s"/></svg>`,
		width, height, height, points, width, height, points))
}
