package worldmap

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// Point is a place.
type Point struct {
	Lat, Lon float64 // degrees north and east
	Label    string  // shown when it is pointed at
	Class    string  // a class of the stylesheet, such as "is-bad"
}

// Arc is the shortest way from one place to another, drawn with an arrow.
type Arc struct {
	From, To Point  // their labels and classes are not used
	Label    string // shown when it is pointed at
	Class    string // a class of the stylesheet, such as "is-bad"
}

// Map says what to draw. The zero value is an empty map of the world.
type Map struct {
	// Label says what the map shows, for those who cannot see it. Default: "Map of
	// the world".
	Label string
	// Values colours the countries by their alpha-2 codes. Nil: no colours, no legend.
	Values map[string]int
	// One and Many are what is counted, for example "failed login" and "failed
	// logins".
	One, Many string
	Arcs      []Arc
	Points    []Point
	// Fit shows only the part of the world in which there are arcs and points.
	Fit bool
	// Link returns where a click on a country leads: a path or a query of this site.
	// Nil, or an empty string: nowhere.
	Link func(country string) string
}

// SVG draws the map, and below it the legend, if there are values. All text is
// escaped, whoever wrote it. It is safe for concurrent use.
func (m Map) SVG() template.HTML {
	var b strings.Builder
	role := "img"
	if m.Link != nil {
		role = "group" // what is in an image cannot be reached
	}
	label := m.Label
	if label == "" {
		label = "Map of the world"
	}
	fmt.Fprintf(&b, `<svg class="world" xmlns="http://www.w3.org/2000/svg" viewBox="%s" role="%s" aria-label="%s">`, m.viewBox(), role, html.EscapeString(label))
	b.WriteString(`<path class="sea" d="` + sea() + `"/>`)
	q := classify(m.Values)
	for _, c := range world().countries {
		m.country(&b, c, q)
	}
	for _, a := range m.Arcs {
		drawArc(&b, a)
	}
	for _, p := range m.Points {
		drawPoint(&b, p)
	}
	b.WriteString("</svg>")
	if m.Values != nil {
		m.legend(&b, q)
	}
	return template.HTML(b.String())
}

func (m Map) country(b *strings.Builder, c country, q classes) {
	value := m.Values[c.code]
	shape := ` class="land q` + strconv.Itoa(q.of(value)) + `" d="` + c.path + `"`
	if c.path == "" {
		if value <= 0 {
			return // too small to be seen, and nothing to see
		}
		shape = ` class="small q` + strconv.Itoa(q.of(value)) + `" d="` + dot(c.x, c.y) + `"`
	}
	title := c.name
	if m.Values != nil {
		title += ": " + m.count(value)
	}
	title = html.EscapeString(title)
	link := ""
	if m.Link != nil && (value > 0 || m.Values == nil) {
		link = safeLink(m.Link(c.code))
	}
	if link == "" {
		b.WriteString(`<path` + shape + `><title>` + title + `</title></path>`)
		return
	}
	b.WriteString(`<a href="` + html.EscapeString(link) + `" aria-label="` + title + `"><path` + shape + `><title>` + title + `</title></path></a>`)
}

// safeLink lets through only what stays on this site.
func safeLink(link string) string {
	if link == "" || strings.HasPrefix(link, "//") || strings.HasPrefix(link, `/\`) || !strings.ContainsRune("/?#", rune(link[0])) {
		return ""
	}
	return link
}

func (m Map) count(n int) string {
	one, many := m.One, m.Many
	if many == "" {
		return thousands(n)
	}
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func drawArc(b *strings.Builder, a Arc) {
	if !located(a.From) || !located(a.To) {
		return
	}
	lines := arc(a.From, a.To)
	class := html.EscapeString(strings.TrimSpace("arc " + a.Class))
	b.WriteString(`<g class="` + class + `">`)
	if a.Label != "" {
		b.WriteString(`<title>` + html.EscapeString(a.Label) + `</title>`)
	}
	b.WriteString(`<path class="arc-line" d="`)
	longest := lines[0]
	for _, line := range lines {
		for i, p := range line {
			command := "L"
			if i == 0 {
				command = "M"
			}
			b.WriteString(command + coordinate(p[0]) + " " + coordinate(p[1]))
		}
		if len(line) > len(longest) {
			longest = line
		}
	}
	b.WriteString(`"/>`)
	// The arrow is two short strokes at the middle of the longest line. It is left
	// out where there is no room for it.
	i := len(longest) / 2
	from, to := longest[i-1], longest[i]
	first, last := longest[0], longest[len(longest)-1]
	if math.Hypot(last[0]-first[0], last[1]-first[1]) > 40 {
		direction := math.Atan2(to[1]-from[1], to[0]-from[0])
		b.WriteString(`<path class="arc-head" d="`)
		for k, turn := range []float64{math.Pi - 0.5, 0, math.Pi + 0.5} {
			size := 16.0
			if k == 1 {
				size = 0
			}
			b.WriteString([]string{"M", "L", "L"}[k] + coordinate(to[0]+size*math.Cos(direction+turn)) + " " + coordinate(to[1]+size*math.Sin(direction+turn)))
		}
		b.WriteString(`"/>`)
	}
	b.WriteString(`</g>`)
}

func drawPoint(b *strings.Builder, p Point) {
	if !located(p) {
		return
	}
	x, y := project(p.Lat, p.Lon)
	d := dot(x, y)
	b.WriteString(`<g class="` + html.EscapeString(strings.TrimSpace("point "+p.Class)) + `">`)
	if p.Label != "" {
		b.WriteString(`<title>` + html.EscapeString(p.Label) + `</title>`)
	}
	b.WriteString(`<path class="point-edge" d="` + d + `"/><path class="point-dot" d="` + d + `"/></g>`)
}

// located reports whether a place is one.
func located(p Point) bool {
	return math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 360 // NaN is neither
}

// dot is a line of no length, whose round ends are as wide on every screen: the
// stylesheet makes it so with vector-effect.
func dot(x, y float64) string { return "M" + coordinate(x) + " " + coordinate(y) + "h0" }

func coordinate(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// sea is the outline of the map.
func sea() string {
	var b strings.Builder
	const south = -56.0
	command := "M"
	add := func(lambda, lat float64) {
		x, y := place(lambda, lat)
		b.WriteString(command + coordinate(x) + " " + coordinate(y))
		command = "L"
	}
	for lat := top; lat > south; lat -= 5 {
		add(math.Pi, lat)
	}
	add(math.Pi, south)
	add(-math.Pi, south)
	for lat := south + 4; lat < top; lat += 5 {
		add(-math.Pi, lat)
	}
	add(-math.Pi, top)
	return b.String() + "Z"
}

// viewBox is the part of the map that is shown.
func (m Map) viewBox() string {
	height := world().height
	left, up, right, down := width, height, 0.0, 0.0
	include := func(x, y float64) {
		left, right = min(left, x), max(right, x)
		up, down = min(up, y), max(down, y)
	}
	for _, p := range m.Points {
		if located(p) {
			include(project(p.Lat, p.Lon))
		}
	}
	for _, a := range m.Arcs {
		if !located(a.From) || !located(a.To) {
			continue
		}
		for _, line := range arc(a.From, a.To) {
			for _, p := range line {
				include(p[0], p[1])
			}
		}
	}
	if !m.Fit || right < left {
		return fmt.Sprintf("0 0 %g %g", width, height)
	}
	// With room around, at least a fifth of the world, in its proportions.
	w := max(right-left+160, (down-up+120)*width/height, width/5)
	w = min(w, width)
	h := w * height / width
	x := min(max((left+right-w)/2, 0), width-w)
	y := min(max((up+down-h)/2, 0), height-h)
	return fmt.Sprintf("%.0f %.0f %.0f %.0f", x, y, w, h)
}
