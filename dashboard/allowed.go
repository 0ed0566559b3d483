package dashboard

import (
	"net/http"
	"net/url"
)

// allowedShown is how many entries of the allow list a page shows.
const allowedShown = 100

// allowedList is the page of the addresses that no rule keeps out.
type allowedList struct {
	Search search
	Total  int
	Rows   []Allowed
	Pager  pager
	Form   allowForm
	Here   string
}

// allowForm is the form that adds to the list, as it was filled in.
type allowForm struct {
	Network, Reason string
	Open            bool // there is something to be looked at
}

func (s *Server) allowedPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	return s.showAllowed(w, r, v, http.StatusOK, allowForm{}, "")
}

func (s *Server) showAllowed(w http.ResponseWriter, r *http.Request, v visitor, status int, form allowForm, alert string) error {
	q := r.URL.Query()
	l := allowedList{Search: searchOf(q), Form: form, Here: "/blocks/allowed"}
	if r.Method == http.MethodGet {
		l.Here = withoutDone(r.URL)
	}
	if l.Search.Problem != "" && status == http.StatusOK {
		status = http.StatusUnprocessableEntity
	}
	all := s.Allowed.List()
	l.Total = len(all)
	var found []Allowed
	for _, a := range all {
		if l.Search.Problem == "" && l.Search.selects(a.Prefix) {
			found = append(found, a)
		}
	}
	l.Pager = pagerOf(q, "/blocks/allowed", len(found), allowedShown)
	l.Rows = found[l.Pager.begin:l.Pager.end]
	return s.show(w, r, v, status, "blocks_allowed", page{Title: "Allow list", Section: "/blocks", Alert: alert, Data: l})
}

// allow adds to the list.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := allowForm{r.PostForm.Get("network"), r.PostForm.Get("reason"), true}
	if err := s.addAllowed(r, v); err != nil {
		if p := problemOf(err); p.Status >= 400 && p.Status < 500 {
			return s.showAllowed(w, r, v, p.Status, form, p.Detail)
		}
		return err
	}
	return back(w, r, next(r.PostForm, "/blocks/allowed"), "allowed")
}

func (s *Server) addAllowed(r *http.Request, v visitor) error {
	network, err := networkOf(r.PostForm)
	if err != nil {
		return err
	}
	reason := reasonOf(r.PostForm)
	if reason == "" {
		return unprocessable("Say why the address is never to be kept out: whoever looks at the list later will ask.")
	}
	return s.Allowed.Add(r.Context(), network, reason, v.user.Account)
}

// disallow takes what an operator added from the list.
func (s *Server) disallow(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	network, err := networkOf(url.Values{"network": r.PostForm["network"]})
	if err == nil {
		err = s.Allowed.Remove(r.Context(), network, v.user.Account)
	}
	if err != nil {
		return err
	}
	return back(w, r, next(r.PostForm, "/blocks/allowed"), "disallowed")
}
