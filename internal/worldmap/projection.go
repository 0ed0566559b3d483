package worldmap

import "math"

// The same numbers are in scripts/worldmap.mjs, which projects the countries.
const (
	middle = 11.0   // the meridian in the middle
	width  = 2000.0 // of the whole world
	top    = 83.7   // the northern edge
	scale  = width / (2 * 2.7066297)
)

// raw is Equal Earth at scale 1, for radians east of the middle and north.
func raw(lambda, phi float64) (x, y float64) {
	const a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
	m := math.Sqrt(3) / 2
	l := math.Asin(m * math.Sin(phi))
	l2 := l * l
	l6 := l2 * l2 * l2
	x = lambda * math.Cos(l) / (m * (a1 + 3*a2*l2 + l6*(7*a3+9*a4*l2)))
	y = l * (a1 + a2*l2 + l6*(a3+a4*l2))
	return x, y
}

// project returns where on the map a place is: x to the right, y down.
func project(lat, lon float64) (x, y float64) {
	return place(wrap(lon-middle)*math.Pi/180, lat)
}

// place is project with radians east of the middle, of which π and -π are the two
// edges of the map.
func place(lambda, lat float64) (x, y float64) {
	_, edge := raw(0, top*math.Pi/180)
	x, y = raw(lambda, min(max(lat, -90), 90)*math.Pi/180)
	return width/2 + scale*x, scale * (edge - y)
}

// wrap brings an angle into [-180, 180).
func wrap(degrees float64) float64 {
	return degrees - 360*math.Floor((degrees+180)/360)
}

// spot is a place as a unit vector.
type spot [3]float64

func toSpot(lat, lon float64) spot {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return spot{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func (s spot) degrees() (lat, lon float64) {
	return math.Atan2(s[2], math.Hypot(s[0], s[1])) * 180 / math.Pi, math.Atan2(s[1], s[0]) * 180 / math.Pi
}

// greatCircle returns the function that goes the shortest way from a, at 0, to b, at
// 1, and the angle between them. Between antipodes every way is the shortest: one
// over the north pole is taken.
func greatCircle(a, b spot) (at func(t float64) spot, angle float64) {
	dot := a[0]*b[0] + a[1]*b[1] + a[2]*b[2]
	cross := spot{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
	size := math.Sqrt(cross[0]*cross[0] + cross[1]*cross[1] + cross[2]*cross[2])
	angle = math.Atan2(size, dot)
	// side is at a right angle to a, on the way to b.
	side := spot{b[0] - dot*a[0], b[1] - dot*a[1], b[2] - dot*a[2]}
	if size < 1e-9 {
		if dot > 0 {
			return func(float64) spot { return a }, 0
		}
		side = spot{-a[2] * a[0], -a[2] * a[1], 1 - a[2]*a[2]}
		if 1-math.Abs(a[2]) < 1e-9 { // from pole to pole
			side = spot{1, 0, 0}
		}
	}
	length := math.Sqrt(side[0]*side[0] + side[1]*side[1] + side[2]*side[2])
	return func(t float64) spot {
		sin, cos := math.Sincos(t * angle)
		return spot{
			cos*a[0] + sin*side[0]/length,
			cos*a[1] + sin*side[1]/length,
			cos*a[2] + sin*side[2]/length,
		}
	}, angle
}

// arc returns the shortest way between two places as lines on the map: one, or two
// where it crosses the edge. A way along a meridian over a pole may have more.
func arc(from, to Point) [][][2]float64 {
	at, angle := greatCircle(toSpot(from.Lat, from.Lon), toSpot(to.Lat, to.Lon))
	steps := 2 + int(angle*40) // about 1.5 degrees each
	east := func(t float64) (lambda, lat float64) {
		lat, lon := at(t).degrees()
		return wrap(lon-middle) * math.Pi / 180, lat
	}
	var lines [][][2]float64
	var line [][2]float64
	add := func(lambda, lat float64) {
		x, y := place(lambda, lat)
		line = append(line, [2]float64{x, y})
	}
	last, lat := east(0)
	add(last, lat)
	for i := 1; i <= steps; i++ {
		t := float64(i) / float64(steps)
		lambda, lat := east(t)
		if math.Abs(lambda-last) > math.Pi { // over the edge: where, and on with the other side
			low, high := t-1/float64(steps), t
			for range 30 {
				half := (low + high) / 2
				if l, _ := east(half); math.Abs(l-last) > math.Pi {
					high = half
				} else {
					low = half
				}
			}
			_, edge := east(low)
			add(math.Copysign(math.Pi, last), edge)
			lines = append(lines, line)
			line = nil
			add(math.Copysign(math.Pi, lambda), edge)
		}
		add(lambda, lat)
		last = lambda
	}
	return append(lines, line)
}
