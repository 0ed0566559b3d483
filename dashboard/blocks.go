package dashboard

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/respond"
)

func (s *Server) blockRoutes() []route {
	return []route{
		{"GET /blocks", accounts.Viewer, s.blocksPage},
		{"GET /blocks/past", accounts.Viewer, s.pastBlocksPage},
		{"GET /blocks/allowed", accounts.Viewer, s.allowedPage},
		{"POST /blocks/place", accounts.Analyst, s.place},
		{"POST /blocks/lift", accounts.Analyst, s.lift},
		{"POST /blocks/extend", accounts.Analyst, s.extend},
		{"POST /blocks/allowed/add", accounts.Administrator, s.allow},
		{"POST /blocks/allowed/remove", accounts.Administrator, s.disallow},
	}
}

// blocksShown is how many blocks a page lists.
const blocksShown = 50

// blocks is the page of the blocks in force.
type blocks struct {
	Search search
	By     string // of whom: "people", or a rule
	Rules  []string
	Total  int // in force
	Found  int // of these, what was asked for
	Rows   []gatehouse.Block
	Pager  pager
	Verdict
	Terms []term
	Form  placeForm
	Here  string // the page itself, to come back to
}

// Verdict answers whether an address is kept out.
type Verdict struct {
	Asked   netip.Addr // zero: nobody has asked
	Blocked bool
	Block   gatehouse.Block // by which
	// Listed says that the block is none of those in force but of a list that is
	// kept in a file, and Allowed that the allow list wins over all of them.
	Listed, Allowed bool
}

// search is an address or a network that somebody looks for.
type search struct {
	Text    string
	Problem string // why it is none
	Network netip.Prefix
}

// searchOf reads the parameter "q".
func searchOf(q url.Values) search {
	at := search{Text: gatehouse.CleanText(strings.TrimSpace(q.Get("q")), gatehouse.MaxText)}
	if at.Text == "" {
		return at
	}
	network, err := networkOf(url.Values{"network": {at.Text}})
	if err != nil {
		at.Problem = problemOf(err).Detail
		return at
	}
	at.Network = network
	return at
}

// selects reports whether a network has something to do with what is looked for.
func (s search) selects(p netip.Prefix) bool { return s.Text == "" || s.Network.Overlaps(p) }

func (s *Server) blocksPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	q := r.URL.Query()
	form := placeForm{For: blockTerms[1].Value}
	if q.Get("add") != "" { // a link from elsewhere that brings an address
		form.Network = gatehouse.CleanText(q.Get("add"), gatehouse.MaxText)
	}
	return s.showBlocks(w, r, v, http.StatusOK, form, "")
}

// showBlocks shows the page, with what was filled into its form and what was wrong
// with it.
func (s *Server) showBlocks(w http.ResponseWriter, r *http.Request, v visitor, status int, form placeForm, alert string) error {
	q := r.URL.Query()
	b := blocks{Search: searchOf(q), By: q.Get("by"), Terms: blockTerms, Form: form, Here: "/blocks"}
	if r.Method == http.MethodGet {
		b.Here = withoutDone(r.URL)
	}
	set := s.Guard.Rules()
	for _, rule := range set.All() {
		b.Rules = append(b.Rules, rule.Name)
	}
	if b.Search.Problem != "" && status == http.StatusOK {
		status = http.StatusUnprocessableEntity
	}
	if err := s.listBlocks(r.Context(), &b, q); err != nil {
		return err
	}
	return s.show(w, r, v, status, "blocks", page{Title: "Blocks", Section: "/blocks", Alert: alert, Data: b})
}

// listBlocks fills in what the page lists, newest first.
func (s *Server) listBlocks(ctx context.Context, b *blocks, q url.Values) error {
	all, err := s.Blocks.List(ctx, s.Now())
	if err != nil {
		return err
	}
	b.Total = len(all)
	type entry struct {
		created int64
		at      int32
	}
	found := make([]entry, 0, len(all)) // small, since there may be many to sort
	for i := range all {
		if b.Search.Problem == "" && b.Search.selects(all[i].Prefix) && placedBy(&all[i], b.By) {
			found = append(found, entry{all[i].Created.UnixMicro(), int32(i)})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { // of those placed at once, by address
		switch {
		case a.created > b.created:
			return -1
		case a.created < b.created:
			return 1
		}
		return int(a.at - b.at)
	})
	b.Found = len(found)
	b.Pager = pagerOf(q, "/blocks", len(found), blocksShown)
	for _, e := range found[b.Pager.begin:b.Pager.end] {
		b.Rows = append(b.Rows, all[e.at])
	}
	if n := b.Search.Network; n.IsValid() && n.IsSingleIP() {
		return s.judge(ctx, b, n.Addr())
	}
	return nil
}

// judge says whether one address is kept out; the rows are those that cover it.
func (s *Server) judge(ctx context.Context, b *blocks, ip netip.Addr) error {
	block, blocked, err := s.Guard.IsIPBlocked(ctx, s.Now(), ip)
	if err != nil {
		return err
	}
	b.Verdict = Verdict{Asked: ip, Blocked: blocked, Block: block, Listed: blocked && block.ID == ""}
	b.Allowed = !blocked && (b.Found > 0 && b.By == "" || len(s.allowedIn(netip.PrefixFrom(ip, ip.BitLen()))) > 0)
	return nil
}

// placedBy reports whether a block was placed by whom a filter names.
func placedBy(b *gatehouse.Block, by string) bool {
	switch by {
	case "":
		return true
	case "people":
		return b.Rule == "" && b.By != respond.System
	}
	return b.Rule == by
}

// because says why there is a block.
func because(b gatehouse.Block) string {
	why := b.Reason
	if t, ok := titles[gatehouse.Kind(why)]; ok {
		why = t
	}
	if len(b.Accounts) > 0 {
		why += " on " + strings.Join(b.Accounts, ", ")
	}
	return why
}

// pager is where in a list one is. Pages are numbered from 1.
type pager struct {
	Page, Pages        int
	Previous, Next     string // addresses; empty: there is none
	First, Last, Total int    // of what is shown, from 1
	begin, end         int
}

// pagerOf reads the parameter "page" of a list. A page that there is not, or not
// any more, is the last one.
func pagerOf(q url.Values, path string, total, shown int) pager {
	p := pager{Pages: max(1, (total+shown-1)/shown), Total: total}
	n, _ := strconv.Atoi(q.Get("page")) // what is no number is the first page
	p.Page = min(max(n, 1), p.Pages)
	p.begin = (p.Page - 1) * shown
	p.end = min(p.begin+shown, total)
	p.First, p.Last = min(p.begin+1, total), p.end
	link := func(page int) string {
		to := url.Values{"page": {strconv.Itoa(page)}}
		for _, name := range []string{"q", "by"} {
			if q.Get(name) != "" {
				to.Set(name, q.Get(name))
			}
		}
		return path + "?" + to.Encode()
	}
	if p.Page > 1 {
		p.Previous = link(p.Page - 1)
	}
	if p.Page < p.Pages {
		p.Next = link(p.Page + 1)
	}
	return p
}

// withoutDone is the address of a page without what it tells of the form before.
func withoutDone(u *url.URL) string {
	q := u.Query()
	q.Del("done")
	q.Del("add")
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}
