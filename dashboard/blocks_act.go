package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// placeForm is the form that adds a block, as it was filled in.
type placeForm struct {
	Network, For, Own, Reason, Finding, Next string
	// Confirm is what has to be confirmed before the block is placed.
	Confirm string
	Open    bool // there is something to be looked at
}

func placeFormOf(form url.Values) placeForm {
	return placeForm{
		Network: form.Get("network"), For: form.Get("for"), Own: form.Get("own"), Reason: form.Get("reason"),
		Finding: form.Get("finding"), Next: next(form, ""), Open: true,
	}
}

// place adds a block. What a person can mend is shown beside the form.
func (s *Server) place(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := placeFormOf(r.PostForm)
	if warning := s.warning(r.PostForm, v); warning != "" && r.PostForm.Get("confirm") != "yes" {
		form.Confirm = warning
		return s.showBlocks(w, r, v, http.StatusConflict, form, "Nothing was blocked yet: please look at it once more.")
	}
	if _, err := s.placeBlock(r.Context(), v, r.PostForm); err != nil {
		return s.mend(w, r, v, form, err)
	}
	return back(w, r, next(r.PostForm, "/blocks"), "placed")
}

// lift ends a block.
func (s *Server) lift(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	_, err := s.liftBlock(r.Context(), v, r.PostForm)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return back(w, r, next(r.PostForm, "/blocks"), "unblocked")
	}
	if err != nil {
		return err
	}
	return back(w, r, next(r.PostForm, "/blocks"), "lifted")
}

// extend makes a block hold longer. It cannot be made shorter: between lifting it
// and placing it again the address would be let in, for good if the server fails
// there.
func (s *Server) extend(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	_, err := s.extendBlock(r.Context(), v, r.PostForm)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return back(w, r, next(r.PostForm, "/blocks"), "unblocked")
	}
	if err != nil {
		return err
	}
	return back(w, r, next(r.PostForm, "/blocks"), "extended")
}

// mend shows the form again with what is wrong with it, where a person can do better.
func (s *Server) mend(w http.ResponseWriter, r *http.Request, v visitor, form placeForm, err error) error {
	p := problemOf(err)
	if p.Status < 400 || p.Status >= 500 {
		return err
	}
	return s.showBlocks(w, r, v, p.Status, form, p.Detail)
}

// problemOf returns what a person is told of an error; the zero value where it is
// nothing for them.
func problemOf(err error) httpguard.ProblemDetails {
	var p httpguard.ProblemDetails
	errors.As(err, &p)
	return p
}

// warning says what an operator should know before a network is blocked; empty:
// nothing.
func (s *Server) warning(form url.Values, v visitor) string {
	network, err := networkOf(form)
	if err != nil {
		return ""
	}
	if network.IsSingleIP() {
		network = guard.CountingPrefix(network.Addr())
	}
	var warnings []string
	if network.Contains(v.Client.IP) {
		warnings = append(warnings, fmt.Sprintf("Your own address, %s, would be kept out.", v.Client.IP))
	}
	if known := s.allowedIn(network); len(known) > 0 {
		names := make([]string, 0, 3)
		for _, a := range known[:min(len(known), 3)] {
			names = append(names, gatehouse.FormatPrefix(a.Prefix))
		}
		list := strings.Join(names, ", ")
		if more := len(known) - len(names); more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		warnings = append(warnings, fmt.Sprintf("The allow list names %s. Its addresses are let in all the same.", list))
	}
	return strings.Join(warnings, " ")
}

// allowedIn returns the entries of the allow list that have addresses in common with
// a network.
func (s *Server) allowedIn(network netip.Prefix) []Allowed {
	var found []Allowed
	for _, a := range s.Allowed.List() {
		if a.Prefix.Overlaps(network) {
			found = append(found, a)
		}
	}
	return found
}
