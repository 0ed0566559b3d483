package web_test

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/web"
)

// colours are the custom properties that are light-dark(#…, #…).
func colours(t *testing.T) map[string][2]string {
	t.Helper()
	css := body(t, ask("GET", web.AssetPath("web.css"), http.Header{}))
	all := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`).FindAllSubmatch(css, -1) {
		all[string(m[1])] = [2]string{string(m[2]), string(m[3])}
	}
	return all
}

// luminance is that of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	l := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Texts have a contrast of 4.5 to 1 on all that they stand on, marks and borders of
// fields 3 to 1, light and dark (WCAG 2.2 AA, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	grounds := []string{"ground", "surface", "raised", "hover"}
	type pair struct {
		front string
		on    []string
		least float64
	}
	pairs := []pair{
		{"text", append(grounds, "accent-soft"), 7}, {"muted", grounds, 4.5}, {"link", append(grounds, "accent-soft"), 4.5},
		{"on-accent", []string{"accent", "accent-strong"}, 4.5}, {"on-danger", []string{"danger"}, 4.5},
		{"focus", append(grounds, "accent-soft"), 3}, {"line-strong", []string{"surface", "ground", "raised"}, 3}, {"accent", []string{"surface", "ground"}, 3},
	}
	for _, tone := range []string{"critical", "high", "warning", "info", "ok", "neutral", "shadow"} {
		pairs = append(pairs, pair{tone, append(grounds, tone+"-soft"), 4.5}, pair{"text", []string{tone + "-soft"}, 4.5})
	}
	for i := range 10 {
		pairs = append(pairs, pair{fmt.Sprintf("h%d-on", i), []string{fmt.Sprintf("h%d", i)}, 4.5})
	}
	for i := 1; i <= 5; i++ {
		pairs = append(pairs, pair{fmt.Sprintf("series-%d", i), []string{"surface"}, 3})
	}
	all := colours(t)
	for _, p := range pairs {
		for _, on := range p.on {
			for i, scheme := range []string{"light", "dark"} {
				a, b := all[p.front][i], all[on][i]
				if a == "" || b == "" {
					t.Fatalf("--%s or --%s is no colour", p.front, on)
				}
				if c := contrast(t, a, b); c < p.least {
					t.Errorf("%s: --%s %s on --%s %s has a contrast of %.2f, less than %.1f", scheme, p.front, a, on, b, c, p.least)
				}
			}
		}
	}
}

// Each step of the heat map is darker than the one before in light, lighter in dark.
func TestHeatRises(t *testing.T) {
	all := colours(t)
	for i := 1; i < 9; i++ {
		a, b := all[fmt.Sprintf("h%d", i)], all[fmt.Sprintf("h%d", i+1)]
		if luminance(t, a[0]) <= luminance(t, b[0]) || luminance(t, a[1]) >= luminance(t, b[1]) {
			t.Errorf("h%d %v, h%d %v", i, a, i+1, b)
		}
	}
}
