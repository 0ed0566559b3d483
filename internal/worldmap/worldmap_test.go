package worldmap_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

func ExampleMap_SVG() {
	svg := string(worldmap.Map{Label: "Failed logins by country", Values: map[string]int{"BR": 1204}, One: "failed login", Many: "failed logins"}.SVG())
	fmt.Println(strings.Contains(svg, "<title>Brazil: 1,204 failed logins</title>"))
	// Output: true
}

// parse reads an SVG as XML and returns its elements.
func parse(t testing.TB, svg string) []xml.StartElement {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader("<x>" + svg + "</x>"))
	var elements []xml.StartElement
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return elements
		}
		if err != nil {
			t.Fatalf("not well-formed: %v in %.200s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements = append(elements, e.Copy())
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// rings reads the path of a country: M x y, l dx dy …, z.
func rings(t *testing.T, path string) [][][2]float64 {
	t.Helper()
	var all [][][2]float64
	for _, part := range strings.Split(strings.TrimSuffix(path, "z"), "z") {
		numbers := regexp.MustCompile(`-?\d+`).FindAllString(part, -1)
		var ring [][2]float64
		x, y := 0.0, 0.0
		for i := 0; i+1 < len(numbers); i += 2 {
			dx, _ := strconv.ParseFloat(numbers[i], 64)
			dy, _ := strconv.ParseFloat(numbers[i+1], 64)
			x, y = x+dx, y+dy
			ring = append(ring, [2]float64{x, y})
		}
		all = append(all, ring)
	}
	return all
}

// distance is 0 inside, otherwise how far the nearest corner is.
func distance(all [][][2]float64, x, y float64) float64 {
	inside, nearest := false, math.Inf(1)
	for _, ring := range all {
		for i, a := range ring {
			b := ring[(i+1)%len(ring)]
			if (a[1] > y) != (b[1] > y) && x < a[0]+(y-a[1])*(b[0]-a[0])/(b[1]-a[1]) {
				inside = !inside
			}
			nearest = min(nearest, math.Hypot(a[0]-x, a[1]-y))
		}
	}
	if inside {
		return 0
	}
	return nearest
}

var capitals = []struct {
	code     string
	lat, lon float64
}{
	{"PT", 38.72, -9.14}, {"US", 38.90, -77.04}, {"BR", -15.79, -47.88}, {"JP", 35.68, 139.69}, {"AU", -35.28, 149.13}, {"ZA", -25.75, 28.19}, {"RU", 55.76, 37.62},
	{"NZ", -41.29, 174.78}, {"AR", -34.60, -58.38}, {"IS", 64.15, -21.94}, {"KE", -1.29, 36.82}, {"IN", 28.61, 77.21}, {"CN", 39.90, 116.41}, {"CA", 45.42, -75.70},
	{"FJ", -18.14, 178.44}, {"XK", 42.66, 21.17}, {"CY", 35.17, 33.36}, {"GL", 64.18, -51.72}, {"CL", -33.45, -70.67}, {"MG", -18.88, 47.51}, {"TW", 25.03, 121.57},
}

// Places are projected as the countries were: a capital is in its country, or, on a
// coast that is drawn coarsely, beside it.
func TestCapitals(t *testing.T) {
	paths := countries(t)
	for _, c := range capitals {
		path := paths[worldmap.Countries()[c.code]]
		if path == "" {
			t.Fatalf("%s has no path", c.code)
		}
		x, y := where(t, c.lat, c.lon)
		if d := distance(rings(t, path), x, y); d > 6 {
			t.Errorf("the capital of %s, at %.1f %.1f, is %.1f from it", c.code, x, y, d)
		}
	}
}

// What d3-geo says, with which the countries were projected (scripts/worldmap.mjs).
func TestProjection(t *testing.T) {
	for _, c := range [][4]float64{
		{0, 11, 1000.0, 482.4},
		{38.72, -9.14, 900.0, 204.5},
		{-41.29, 174.78, 1799.8, 776.9},
		{64.15, -21.94, 867.9, 60.6},
		{-33.45, -70.67, 582.6, 725.1},
		{35.68, 139.69, 1649.9, 224.6},
		{83.7, 11, 1000.0, 0.0},
		{21.31, -157.86, 92.7, 324.8},
		{66, -169.5, 1706.1, 52.4},
		{66, -168.5, 293.9, 52.4},
	} {
		x, y := where(t, c[0], c[1])
		if math.Abs(x-c[2]) > 0.11 || math.Abs(y-c[3]) > 0.11 {
			t.Errorf("%v, %v is at %v, %v, want %v, %v", c[0], c[1], x, y, c[2], c[3])
		}
	}
}

// countries are the paths by the countries' names.
func countries(t *testing.T) map[string]string {
	t.Helper()
	paths := map[string]string{}
	for _, m := range regexp.MustCompile(`<path class="land q0" d="([^"]+)"><title>([^<]+)</title>`).FindAllStringSubmatch(string(worldmap.Map{}.SVG()), -1) {
		paths[strings.ReplaceAll(m[2], "&amp;", "&")] = m[1]
	}
	return paths
}

// where asks where on the map a point is drawn.
func where(t *testing.T, lat, lon float64) (x, y float64) {
	t.Helper()
	svg := worldmap.Map{Points: []worldmap.Point{{Lat: lat, Lon: lon}}}.SVG()
	m := regexp.MustCompile(`class="point-dot" d="M(\S+) (\S+)h0"`).FindStringSubmatch(string(svg))
	if m == nil {
		t.Fatalf("%v, %v is not drawn", lat, lon)
	}
	x, _ = strconv.ParseFloat(m[1], 64)
	y, _ = strconv.ParseFloat(m[2], 64)
	return x, y
}

func TestCountries(t *testing.T) {
	names := worldmap.Countries()
	if len(names) != 250 { // 249 of ISO 3166-1 and Kosovo
		t.Errorf("%d countries", len(names))
	}
	for code, name := range names {
		if len(code) != 2 || strings.ToUpper(code) != code || name == "" || strings.ContainsAny(name, "<>\t\"") {
			t.Errorf("%q: %q", code, name)
		}
	}
	for code, want := range map[string]string{"DE": "Germany", "HK": "Hong Kong", "CI": "Côte d’Ivoire", "TR": "Türkiye", "XK": "Kosovo"} {
		if names[code] != want {
			t.Errorf("%s is %q", code, names[code])
		}
	}
	if n := len(countries(t)); n < 170 {
		t.Errorf("%d countries are drawn", n)
	}
	if info, err := os.Stat("data/countries.tsv"); err != nil || info.Size() > 150_000 {
		t.Errorf("%v %v", info, err)
	}
}

// Every country can be shown, those that are too small as dots on the map.
func TestEveryCountry(t *testing.T) {
	values := map[string]int{}
	for code := range worldmap.Countries() {
		values[code] = 1
	}
	delete(values, "AQ") // which the map leaves out
	svg := string(worldmap.Map{Values: values}.SVG())
	for code := range values {
		if name := strings.ReplaceAll(worldmap.Countries()[code], "&", "&amp;"); !strings.Contains(svg, "<title>"+name+": 1</title>") {
			t.Errorf("%s, %s, is not there", code, name)
		}
	}
	for _, e := range parse(t, svg) {
		if d := attribute(e, "d"); strings.HasPrefix(attribute(e, "class"), "small") {
			var x, y float64
			if _, err := fmt.Sscanf(d, "M%f %fh0", &x, &y); err != nil || x < 0 || x > 2000 || y < 0 || y > 864 {
				t.Errorf("a dot at %s", d)
			}
		}
	}
}

func TestNoCountryCrossesTheMap(t *testing.T) {
	for name, path := range countries(t) {
		for _, ring := range rings(t, path) {
			for i := 1; i < len(ring); i++ {
				if d := math.Hypot(ring[i][0]-ring[i-1][0], ring[i][1]-ring[i-1][1]); d > 200 {
					t.Errorf("%s has a line of %.0f", name, d)
				}
			}
		}
	}
}

const hostile = `"><script>alert(1)</script><!--'&amp;` + "\u202e\x00\xff"

func TestHostileTexts(t *testing.T) {
	p := worldmap.Point{Lat: 1, Lon: 2, Label: hostile, Class: `x" onclick="alert(1)`}
	svg := string(worldmap.Map{
		Label: hostile, One: hostile, Many: hostile, Values: map[string]int{"BR": 1, "US": 2, hostile: 3}, Points: []worldmap.Point{p},
		Arcs: []worldmap.Arc{{From: p, To: worldmap.Point{Lat: 40}, Label: hostile, Class: hostile}},
		Link: func(code string) string { return "/x?c=" + code + hostile },
	}.SVG())
	clean := strings.NewReplacer("\x00", "", "\ufffd", "").Replace(strings.ToValidUTF8(svg, ""))
	for _, e := range parse(t, clean) {
		if e.Name.Local == "script" {
			t.Error("a script came through")
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style" {
				t.Errorf("%s has the attribute %s", e.Name.Local, a.Name.Local)
			}
		}
	}
	if strings.Contains(svg, "<script") || strings.Contains(svg, `onclick="`) {
		t.Error("text became markup")
	}
}

func TestLinks(t *testing.T) {
	link := ""
	m := worldmap.Map{Values: map[string]int{"BR": 3, "SG": 1}, Link: func(string) string { return link }}
	for l, want := range map[string]int{"/log?country=x": 2, "?c=x": 2, "#x": 2, "": 0, "//example.com": 0, `/\example.com`: 0, "https://example.com": 0, "javascript:alert(1)": 0, "log": 0} {
		link = l
		svg := string(m.SVG())
		if got := strings.Count(svg, "<a href="); got != want {
			t.Errorf("%q: %d links, want %d", l, got, want)
		}
		if !strings.Contains(svg, `role="group"`) {
			t.Error("links in an image cannot be reached")
		}
	}
	if !strings.Contains(string(worldmap.Map{}.SVG()), `role="img" aria-label="Map of the world"`) {
		t.Error("the map is no image")
	}
}

func TestClasses(t *testing.T) {
	values := map[string]int{"": 5, "ZZ": 7, "QQ": 1200, "FR": 0, "ES": -3}
	for i, code := range strings.Fields("BR US RU CN IN DE NL VN ID PT NG GB") {
		values[code] = (i + 1) * 100
	}
	svg := string(worldmap.Map{Values: values}.SVG())
	for i, code := range strings.Fields("BR US RU CN IN DE NL VN ID PT NG GB") {
		want := fmt.Sprintf(`class="land q%d"`, 1+i/2)
		if m := regexp.MustCompile(`(class="land q\d")[^>]*><title>` + worldmap.Countries()[code] + ":").FindStringSubmatch(svg); m == nil || m[1] != want {
			t.Errorf("%s: %v, want %s", code, m, want)
		}
	}
	for _, want := range []string{"<title>France: 0</title>", "</svg>none</li>", "</svg>100–200</li>", "</svg>1,100–1,200</li>", "place unknown: 1,212"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not there", want)
		}
	}
	one := string(worldmap.Map{Values: map[string]int{"BR": 7}, One: "finding", Many: "findings"}.SVG())
	if !strings.Contains(one, `class="land q6" d="`) || strings.Count(one, "<li>") != 2 || !strings.Contains(one, "Brazil: 7 findings") {
		t.Error("a single country has not the darkest shade")
	}
	if none := string(worldmap.Map{Values: map[string]int{}}.SVG()); strings.Count(none, "<li>") != 1 {
		t.Error("nothing has a legend of its own")
	}
	if plain := string(worldmap.Map{}.SVG()); strings.Contains(plain, "<ul") || !strings.Contains(plain, "<title>Brazil</title>") {
		t.Error("a map without values has a legend, or numbers")
	}
}

// lines are those of the only arc.
func lines(t testing.TB, m worldmap.Map) [][][2]float64 {
	t.Helper()
	d := regexp.MustCompile(`class="arc-line" d="([^"]+)"`).FindStringSubmatch(string(m.SVG()))
	if d == nil {
		return nil
	}
	var all [][][2]float64
	for _, part := range strings.Split(d[1], "M")[1:] {
		var line [][2]float64
		for _, p := range strings.Split(part, "L") {
			var x, y float64
			if _, err := fmt.Sscanf(p, "%f %f", &x, &y); err != nil {
				t.Fatalf("%q: %v", p, err)
			}
			line = append(line, [2]float64{x, y})
		}
		all = append(all, line)
	}
	return all
}

func way(lat1, lon1, lat2, lon2 float64) worldmap.Map {
	return worldmap.Map{Arcs: []worldmap.Arc{{From: worldmap.Point{Lat: lat1, Lon: lon1}, To: worldmap.Point{Lat: lat2, Lon: lon2}}}}
}

func TestArcs(t *testing.T) {
	if n := len(lines(t, way(38.7, -9.1, 35.7, 139.7))); n != 1 {
		t.Errorf("Lisbon to Tokyo: %d lines", n)
	}
	over := lines(t, way(35.7, 139.7, 37.8, -122.4))
	if len(over) != 2 {
		t.Fatalf("Tokyo to San Francisco: %d lines", len(over))
	}
	end, begin := over[0][len(over[0])-1], over[1][0]
	if end[0] < 1500 || begin[0] > 500 || math.Abs(end[1]-begin[1]) > 1 || math.Abs(end[0]+begin[0]-2000) > 1 {
		t.Errorf("it leaves at %v and comes back at %v", end, begin)
	}
	north := lines(t, way(50, 0, 50, 90))
	_, y := where(t, 50, 45)
	for _, p := range north[0] {
		if p[1] > y+40 {
			t.Errorf("the shortest way goes north, not by %v", p)
		}
	}
	if n := lines(t, way(10, 20, 10, 20)); len(n) != 1 {
		t.Errorf("from a place to itself: %v", n)
	}
	for _, nowhere := range []float64{math.NaN(), math.Inf(1), 91} {
		if n := lines(t, way(nowhere, 0, 0, 0)); n != nil {
			t.Errorf("from %v: %v", nowhere, n)
		}
	}
}

// Whatever the places, a line begins and ends at them, stays on the map, and jumps
// nowhere but at the edges.
func TestArcsAnywhere(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lat, lon := rapid.OneOf(rapid.Float64Range(-90, 90), rapid.SampledFrom([]float64{-90, 0, 90})), rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{-180, -169, 11, 180}))
		a, b, c, d := lat.Draw(r, "a"), lon.Draw(r, "b"), lat.Draw(r, "c"), lon.Draw(r, "d")
		m := way(a, b, c, d)
		all := lines(t, m)
		if len(all) == 0 || len(all) > 4 {
			r.Fatalf("%d lines", len(all))
		}
		for _, line := range all {
			for i, p := range line {
				if math.IsNaN(p[0]+p[1]) || p[0] < -0.1 || p[0] > 2000.1 {
					r.Fatalf("%v is beyond the map", p)
				}
				// Near the poles a degree of longitude is nothing, but 5 on the map.
				if i > 0 && math.Abs(p[0]-line[i-1][0]) > 1300 {
					r.Fatalf("from %v to %v", line[i-1], p)
				}
			}
		}
		m.Fit = true
		var x, y, w, h float64
		box := regexp.MustCompile(`viewBox="([^"]+)"`).FindStringSubmatch(string(m.SVG()))[1]
		if _, err := fmt.Sscanf(box, "%f %f %f %f", &x, &y, &w, &h); err != nil || x < 0 || y < 0 || w < 399 || x+w > 2001 || y+h > 866 || math.Abs(w/h-2000.0/864) > 0.02 {
			r.Fatalf("the part is %s: %v", box, err)
		}
	})
}

func BenchmarkSVG(b *testing.B) {
	m := worldmap.Map{Values: map[string]int{"BR": 3, "US": 7}, Link: func(c string) string { return "/?c=" + c }}
	for b.Loop() {
		m.SVG()
	}
}
