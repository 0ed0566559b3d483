package dashboard

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// The bounds of an export.
const (
	usualExport     = 100_000
	maxExport       = 10_000_000
	exportStall     = 30 * time.Second // how long a client may take to read exportBuffer
	exportBuffer    = 64 << 10
	exportsAtOnce   = 2
	exportAsksEvery = 10 * time.Second             // and at least as often as that
	exportAsks      = 10_000                       // records, after which is asked whether who exports still may
	exportCut       = gatehouse.Kind("export_cut") // the last line of an export that is not all
	exportNameTime  = "20060102T150405Z"
)

// exportForm is what is to be exported, and how.
type exportForm struct {
	filter logFilter
	csv    bool
	limit  int
}

func (s *Server) readExport(w http.ResponseWriter, r *http.Request) (f exportForm, err error) {
	if err := readForm(w, r); err != nil {
		return f, err
	}
	zone, known := zoneOf(r, r.PostForm)
	if !known {
		return f, unprocessable("This server does not know the time zone.")
	}
	f.filter = s.readLogFilter(r.PostForm, zone)
	for name, problem := range f.filter.Problems {
		return f, unprocessable(name + ": " + problem)
	}
	switch r.PostForm.Get("format") {
	case "csv":
		f.csv = true
	case "jsonl":
	default:
		return f, unprocessable("The log is exported as csv or jsonl.")
	}
	f.limit, err = strconv.Atoi(cmp.Or(strings.TrimSpace(r.PostForm.Get("limit")), strconv.Itoa(usualExport)))
	if err != nil || f.limit < 1 || f.limit > maxExport {
		return f, unprocessable("An export has at least one record and at most " + web.Number(maxExport) + ".")
	}
	return f, nil
}

// exportLog sends what was found, as much as the client reads. Who takes it, and
// what, is on record before the first byte leaves; what is recorded from then on is
// not in it.
func (s *Server) exportLog(w http.ResponseWriter, r *http.Request, v visitor) error {
	f, err := s.readExport(w, r)
	if err != nil {
		return err
	}
	select {
	case s.exports <- struct{}{}:
		defer func() { <-s.exports }()
	default:
		return httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: "Others are exporting the log. Try again when they are done.", RetryAfter: time.Minute}
	}
	q := &f.filter.query
	if now := s.Now(); q.Until.IsZero() || q.Until.After(now) {
		q.Until = now
	}
	e := s.event(v, gatehouse.LogExported)
	format, contentType := "jsonl", "application/jsonl; charset=utf-8"
	if f.csv {
		format, contentType = "csv", "text/csv; charset=utf-8; header=present"
	}
	e.Reason = fmt.Sprintf("format=%s limit=%d %s", format, f.limit, f.filter)
	if _, err := s.Guard.Observe(r.Context(), e); err != nil {
		return err
	}
	to := &pacedWriter{w: w, begin: func(h http.Header) {
		h.Set("Content-Type", contentType)
		h.Set("Content-Disposition", `attachment; filename="gatehouse-log-`+e.Time.UTC().Format(exportNameTime)+"."+format+`"`)
	}}
	out := bufio.NewWriterSize(to, exportBuffer)
	records := jsonLines(out)
	if f.csv {
		records = csvLines(out)
	}
	may := func() error {
		again, err := s.visit(r, 0)
		if err == nil && !again.may(accounts.Analyst) {
			err = errors.New("who exports may not do so any more")
		}
		return err
	}
	if err = s.sendLog(r.Context(), *q, f.limit, records, may); err == nil || !to.began {
		return err
	}
	if r.Context().Err() == nil && !errors.Is(err, errClientGone) {
		s.Logger.ErrorContext(r.Context(), "could not export all of the log", "error", err, "correlation_id", v.CorrelationID)
	}
	panic(http.ErrAbortHandler) // only a connection that breaks shows that this was not all
}

// recordLines writes records in one of the formats.
type recordLines struct {
	record func(gatehouse.Record) error
	flush  func() error
}

// sendLog writes what a query selects; if there is more than limit, the last line
// says so, and how far it came. Now and then it asks may whether to go on.
func (s *Server) sendLog(ctx context.Context, q gatehouse.Query, limit int, to recordLines, may func() error) error {
	q.Limit = limit + 1
	n, last, asked := 0, time.Time{}, time.Now()
	for r, err := range s.Log.Query(ctx, q) {
		if err == nil && (n%exportAsks == exportAsks-1 || time.Since(asked) > exportAsksEvery) {
			err, asked = may(), time.Now()
		}
		if n == limit {
			r = cutAt(limit, last)
		}
		if err == nil {
			err = to.record(r)
		}
		if err != nil {
			return err
		}
		n, last = n+1, r.Time
	}
	return to.flush()
}

// cutAt is the last line of an export that is not all of what was found.
func cutAt(limit int, last time.Time) gatehouse.Record {
	return gatehouse.Record{Event: gatehouse.Event{Kind: exportCut, Time: last, Reason: fmt.Sprintf("these are the newest %d; there are more of %s and before", limit, csvTime(last))}}
}

// errClientGone says that who asked does not read any more.
var errClientGone = errors.New("the client does not read")

// pacedWriter gives each write its own time, in the place of one for all of the
// answer.
type pacedWriter struct {
	w     http.ResponseWriter
	begin func(http.Header) // before the first byte
	began bool
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if err := http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(exportStall)); err != nil {
		return 0, err
	}
	if !p.began {
		p.began = true
		p.begin(p.w.Header())
	}
	n, err := p.w.Write(b)
	if err != nil {
		err = errors.Join(errClientGone, err)
	}
	return n, err
}

// jsonLines writes what "gatehouse log query --json" does.
func jsonLines(out *bufio.Writer) recordLines {
	encoder := json.NewEncoder(out)
	return recordLines{func(r gatehouse.Record) error { return encoder.Encode(r) }, out.Flush}
}
