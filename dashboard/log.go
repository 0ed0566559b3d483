package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/web"
)

func (s *Server) logRoutes() []route {
	return []route{
		{"GET /log", accounts.Viewer, s.logPage},
		{"POST /log/export", accounts.Analyst, s.exportLog},
	}
}

// logSizes are how many records a page can have.
var logSizes = []int{50, 100, 200}

// longestSearch is how long the store may look for a page of records: a wide network
// in which next to nothing happened is looked for in all of the log.
const longestSearch = 10 * time.Second

// logView is a page of the log, newest first. Pages are found by the record that they
// go on from, so that none comes twice however much is added meanwhile.
type logView struct {
	Filter    logFilter
	Size      int
	After     string // the record that this page goes on from
	Records   []logRow
	Older     string // the page after this one; empty: this is the last
	Newest    string // the first page
	Groups    []kindGroup
	Spans     []span
	Sizes     []int
	Export    url.Values // what the form of the export sends
	MostRows  int
	UsualRows int
}

// logRow is a record as the page shows it.
type logRow struct {
	gatehouse.Record
	At     string // on the viewer's clocks
	Fields []logField
	JSON   string
	Link   string // to this record among those of its request
	Open   bool
}

func (s *Server) logPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	params := r.URL.Query()
	zone, known := zoneOf(r, params)
	view := logView{
		Filter: s.readLogFilter(params, zone), Size: logSizes[0], After: gatehouse.CleanText(params.Get("after"), gatehouse.MaxText),
		Groups: kindGroups, Spans: logSpans, Sizes: logSizes, MostRows: maxExport, UsualRows: usualExport,
	}
	if !known {
		view.Filter.Problems["tz"] = "This server does not know the time zone. Times are those of " + zone.String() + "."
	}
	if size := params.Get("size"); size != "" {
		n, err := strconv.Atoi(size)
		if err != nil || !slices.Contains(logSizes, n) {
			view.Filter.Problems["size"] = "A page has 50, 100 or 200 records."
		} else {
			view.Size = n
		}
	}
	view.Export = view.Filter.Values()
	view.Newest = view.path("")
	status, alert := http.StatusOK, ""
	if len(view.Filter.Problems) > 0 {
		status, alert = http.StatusUnprocessableEntity, "Some of what to look for could not be understood."
	} else if err := s.searchLog(r.Context(), &view, params.Get("open")); errors.Is(err, gatehouse.ErrNotFound) {
		status, alert = http.StatusNotFound, "The record that this page goes on from is not in the log any more. Begin with the newest."
	} else if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		status, alert = http.StatusServiceUnavailable, "This search takes too long. Narrow it down: by time, by user, or to a smaller network."
	} else if err != nil {
		return err
	}
	return s.show(w, r, v, status, "log", page{Title: "Log", Section: "/log", Alert: alert, Data: view})
}

// searchLog finds the records of a page.
func (s *Server) searchLog(ctx context.Context, view *logView, open string) error {
	ctx, cancel := context.WithTimeout(ctx, longestSearch)
	defer cancel()
	q := view.Filter.query
	q.After, q.Limit = view.After, view.Size+1 // one more shows whether there are older ones
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(view.Records) == view.Size {
			view.Older = view.path(view.Records[view.Size-1].ID)
			break
		}
		row, err := newLogRow(r, view.Filter.Zone.Location)
		if err != nil {
			return err
		}
		row.Open = r.ID == open
		view.Records = append(view.Records, row)
	}
	if len(view.Records) == 1 && view.After == "" && view.Filter.Any() {
		view.Records[0].Open = true
	}
	return nil
}

// path returns the page that goes on from a record; that of the newest without one.
func (v logView) path(after string) string {
	values := v.Filter.Values()
	if v.Size != logSizes[0] {
		values.Set("size", strconv.Itoa(v.Size))
	}
	if after != "" {
		values.Set("after", after)
	}
	if len(values) == 0 {
		return "/log"
	}
	return "/log?" + values.Encode()
}

func newLogRow(r gatehouse.Record, zone *time.Location) (logRow, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return logRow{}, err
	}
	fields, err := fieldsOf(text)
	if err != nil {
		return logRow{}, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return logRow{}, err
	}
	row := logRow{Record: r, At: r.Time.In(zone).Format(time.DateTime), Fields: fields, JSON: pretty.String()}
	if r.CorrelationID != "" {
		row.Link = "/log?" + url.Values{"correlation": {r.CorrelationID}, "open": {r.ID}}.Encode() + "#r-" + r.ID
	}
	return row, nil
}

// Who is whose account a record is about, in one line.
func (r logRow) Who() string {
	switch {
	case r.Account != "":
		return r.Account
	case r.User != "":
		return r.User
	case r.Block != nil && len(r.Block.Accounts) > 0:
		return strings.Join(r.Block.Accounts, ", ")
	}
	return ""
}

// Where is the address that it came from, or that was blocked.
func (r logRow) Where() string {
	switch {
	case r.Block != nil:
		return gatehouse.FormatPrefix(r.Block.Prefix)
	case r.IP.IsValid():
		return r.IP.String()
	}
	return ""
}

// Detail is what is most worth knowing about it besides.
func (r logRow) Detail() string {
	var parts []string
	add := func(s string) {
		if s = strings.TrimSuffix(s, "."); s != "" {
			parts = append(parts, s)
		}
	}
	switch {
	case r.Block != nil:
		reason := r.Block.Reason // a finding's, or an operator's words
		if name, ok := titles[gatehouse.Kind(reason)]; ok {
			reason = name
		}
		add(reason)
	default:
		add(sentence(r.Record))
	}
	if r.Count > 1 {
		add("stands for " + web.Number(r.Count))
	}
	if len(parts) == 0 {
		add(r.Device.Name)
	}
	if r.Actor != "" {
		add("by " + r.Actor)
	}
	return strings.Join(parts, " · ")
}
