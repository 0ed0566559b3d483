package strictyaml

import (
	"strings"
	"time"
)

// FormatDuration writes d in the shortest form that time.ParseDuration reads:
// 1h and not 1h0m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// DidYouMean returns `; did you mean "x"?` with the one of the names that word
// is a misspelling of, or a semicolon alone.
func DidYouMean(word string, names []string) string {
	const longest = 64
	if len(word) > longest {
		return ";"
	}
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	best, distance := "", len(word)/3+2
	for _, name := range names {
		if d := editDistance(word, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ";"
	}
	return `; did you mean "` + best + `"?`
}

// Misspelt returns the one of the names that word is at most two letters off,
// or nothing.
func Misspelt(word string, names []string) string {
	for _, name := range names {
		if len(word) <= 2*len(name) && editDistance(word, name) <= 2 {
			return name
		}
	}
	return ""
}

// editDistance counts the bytes to insert, delete or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
