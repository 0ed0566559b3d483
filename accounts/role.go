package accounts

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody may do on the dashboard. Each one includes those before it.
type Role string

// The roles.
const (
	Holder        Role = ""              // of an account of their own, and nothing else
	Viewer        Role = "viewer"        // sees what happens
	Analyst       Role = "analyst"       // acts on addresses and sessions
	Administrator Role = "administrator" // acts on accounts, roles and rules
)

var roles = []Role{Holder, Viewer, Analyst, Administrator}

// Roles lists the roles of operators, the least first.
func Roles() []Role { return slices.Clone(roles[1:]) }

// Includes reports whether who has the role r may do what other may. A role that is
// not known includes none and is included by none.
func (r Role) Includes(other Role) bool {
	has, wants := slices.Index(roles, r), slices.Index(roles, other)
	return wants >= 0 && has >= wants
}

// String returns the role as people read it.
func (r Role) String() string {
	if r == Holder {
		return "holder"
	}
	return string(r)
}

// ParseRole reads a role; "holder" and "" are Holder.
func ParseRole(text string) (Role, error) {
	i := slices.IndexFunc(roles, func(r Role) bool { return text == string(r) || text == r.String() })
	if i < 0 {
		names := make([]string, len(roles))
		for i, r := range roles {
			names[i] = r.String()
		}
		return Holder, fmt.Errorf("role %q: use one of %s", text, strings.Join(names, ", "))
	}
	return roles[i], nil
}
