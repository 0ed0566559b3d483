package worldmap

import (
	"slices"
	"strconv"
	"strings"
)

// classCount is how many shades there are besides that of nothing: q1 to q6.
const classCount = 6

// classes sorts values into quantiles: as many countries have one shade as another,
// as far as that goes when some have the same number.
type classes struct{ sorted []int }

func classify(values map[string]int) classes {
	var c classes
	for code, v := range values {
		if v > 0 && world().names[code] != "" {
			c.sorted = append(c.sorted, v)
		}
	}
	slices.Sort(c.sorted)
	return c
}

// of returns the class of a value: 0 for nothing, otherwise 1 to classCount. The
// highest value is always in the highest class.
func (c classes) of(v int) int {
	if v <= 0 || len(c.sorted) == 0 {
		return 0
	}
	notAbove, _ := slices.BinarySearch(c.sorted, v+1)
	return max(1, (classCount*notAbove+len(c.sorted)-1)/len(c.sorted))
}

// legend says what the shades stand for, and what could not be shown.
func (m Map) legend(b *strings.Builder, q classes) {
	b.WriteString(`<ul class="map-legend">`)
	entry := func(class int, text string) {
		b.WriteString(`<li><svg viewBox="0 0 10 10" class="world" aria-hidden="true"><path class="land q` + strconv.Itoa(class) +
			`" d="M0 0h10v10h-10z"/></svg>` + text + `</li>`)
	}
	entry(0, "none")
	for i := 0; i < len(q.sorted); {
		class, first := q.of(q.sorted[i]), q.sorted[i]
		last := first
		for ; i < len(q.sorted) && q.of(q.sorted[i]) == class; i++ {
			last = q.sorted[i]
		}
		text := thousands(first)
		if last > first {
			text += "–" + thousands(last)
		}
		entry(class, text)
	}
	elsewhere := 0
	for code, v := range m.Values {
		if v > 0 && world().names[code] == "" {
			elsewhere += v
		}
	}
	if elsewhere > 0 {
		b.WriteString(`<li>place unknown: ` + thousands(elsewhere) + `</li>`)
	}
	b.WriteString(`</ul>`)
}

// thousands writes a number with a comma between thousands.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
