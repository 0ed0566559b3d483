package authserver

import (
	"maps"
	"slices"
)

// Parse parses a body for the fields of a login.
func Parse(body []byte) (email, password string, err error) {
	err = parse(body, fields{"email": &email, "password": &password})
	return email, password, err
}

// PagePatterns lists the patterns of all pages.
func (s *Server) PagePatterns() []string {
	return slices.Sorted(maps.Keys(s.pageRoutes()))
}
