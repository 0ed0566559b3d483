package dashboard

import (
	"net/http"
	"slices"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// route is what a pattern of http.ServeMux leads to.
type route struct {
	pattern string
	// needs is the least role; anybody may use a route that needs none, signed in
	// or not.
	needs  accounts.Role
	handle func(w http.ResponseWriter, r *http.Request, v visitor) error
}

// routes is every route of the dashboard.
func (s *Server) routes() []route {
	return slices.Concat(
		[]route{{pattern: "/{path...}", handle: lost}},
		s.signInRoutes(),
		s.setupRoutes(),
		s.overviewRoutes(),
		s.liveRoutes(),
		s.findingsRoutes(),
		s.usersRoutes(),
		s.userActRoutes(),
		s.blockRoutes(),
		s.ruleRoutes(),
		s.operatorRoutes(),
		s.logRoutes(),
		s.failuresRoutes(),
	)
}

// lost answers whoever mistypes an address, or follows an old link.
func lost(http.ResponseWriter, *http.Request, visitor) error { return gatehouse.ErrNotFound }

// section is an entry of the navigation.
type section struct {
	Name, Path, Icon string
	needs            accounts.Role
}

// sections is the navigation, in its order.
var sections = []section{
	{"Overview", "/", "layout-dashboard", accounts.Viewer},
	{"Findings", "/findings", "shield-alert", accounts.Viewer},
	{"Failed logins", "/failures", "flame", accounts.Viewer},
	{"Users", "/users", "users", accounts.Viewer},
	{"Blocks", "/blocks", "ban", accounts.Viewer},
	{"Rules", "/rules", "sliders-horizontal", accounts.Viewer},
	{"Log", "/log", "scroll-text", accounts.Viewer},
	{"Operators", "/operators", "key-round", accounts.Administrator},
}

// Routes lists the pattern of each route with the least role that it needs; it is
// empty where none is needed.
func (s *Server) Routes() map[string]accounts.Role {
	all := map[string]accounts.Role{}
	for _, r := range s.routes() {
		all[r.pattern] = r.needs
	}
	return all
}
