// Package worldmap draws maps of the world as SVG, on the server: countries coloured
// by a number, places, and ways between them. The maps need no script and no style
// attribute; their classes are in the stylesheet of internal/web.
//
// The projection is Equal Earth (Šavrič, Patterson, Jenny 2018), which shows areas as
// they are, with 11° east in the middle, so that the cut runs through the Bering
// Strait. The countries are those of Natural Earth; who claims what is not ours to say.
package worldmap

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:embed data/countries.tsv
var data string

//go:embed data/world-atlas.LICENSE
var atlasLicence string

//go:embed data/cldr.LICENSE
var cldrLicence string

//go:embed data/i18n-iso-countries.LICENSE
var codesLicence string

// Licences returns the licences of the countries' outlines, names and codes.
func Licences() string {
	return "==== world-atlas (outlines of countries, from Natural Earth) ====\n\n" + strings.TrimSpace(atlasLicence) +
		"\n\n==== Unicode CLDR (names of countries) ====\n\n" + strings.TrimSpace(cldrLicence) +
		"\n\n==== i18n-iso-countries (codes of countries) ====\n\n" + strings.TrimSpace(codesLicence) + "\n\n"
}

type country struct {
	code, name string
	x, y       float64 // where it is, on the map
	path       string  // empty where it is too small
}

type atlas struct {
	height    float64
	countries []country // by code
	names     map[string]string
}

// world is read once, when it is needed first.
var world = sync.OnceValue(func() atlas {
	a := atlas{names: map[string]string{}}
	for line := range strings.Lines(data) {
		field := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if field[0] == "#" {
			a.height = must(field[1])
			continue
		}
		c := country{code: field[0], name: field[1], path: field[4]}
		c.x, c.y = project(must(field[2]), must(field[3]))
		a.countries = append(a.countries, c)
		a.names[c.code] = c.name
	}
	return a
})

// must reads a number of the embedded data, which the tests read, too.
func must(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("worldmap: " + err.Error())
	}
	return f
}

// Countries returns the English names of all countries by their ISO 3166-1 alpha-2
// codes, and of Kosovo by XK. The map is shared and must not be changed.
func Countries() map[string]string { return world().names }
