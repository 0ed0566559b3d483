// Package worldmap draws maps of the world as SVG.
package worldmap

import "html/template"

// Countries returns the names of countries by their ISO 3166-1 alpha-2 codes. It
// must not be changed.
func Countries() map[string]string { return nil }

// Point is a place in degrees north and east.
type Point struct {
	Lat, Lon float64
	Label    string
	// Class is a CSS class, if not empty.
	Class string
}

// Arc is a way from one place to another.
type Arc struct {
	From, To Point
	Label    string
	Class    string
}

// Map is what to draw.
type Map struct {
	Label  string         // what the map is about, for a screen reader
	Unit   [2]string      // "failed login", "failed logins"
	Values map[string]int // by country
	Arcs   []Arc
	Points []Point
	Link   func(country string) string // nil: no links
}

// SVG draws the map.
func (m Map) SVG() template.HTML { return "" }
