package dashboard_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// exports returns what is on record of exports, newest first.
func (s *site) exports() []gatehouse.Record {
	s.t.Helper()
	var all []gatehouse.Record
	for r, err := range s.store.Query(s.t.Context(), gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LogExported}}) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestExportAsJSONLines(t *testing.T) {
	s := newSite(t)
	r := failure(1, "ada@example.com", "198.51.100.7")
	r.Finding = &gatehouse.Finding{ID: "f", Rule: "brute_force", Kind: gatehouse.BruteForceDetected, First: noon, Last: noon, Evidence: gatehouse.Evidence{Endpoint: "<b>"}}
	s.append(failure(0, "ada@example.com", "198.51.100.7"), r, failure(2, "bob@example.com", "198.51.100.7"))
	a := s.signIn(accounts.Analyst).post("/log/export", url.Values{"format": {"jsonl"}, "user": {"ADA@example.com"}, "kind": {"login_failed"}})
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "application/jsonl") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if name := a.header.Get("Content-Disposition"); !strings.HasPrefix(name, `attachment; filename="gatehouse-log-2`) || !strings.HasSuffix(name, `Z.jsonl"`) {
		t.Errorf("the file is named by %s", name)
	}
	// As the command line writes them.
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	for r, err := range s.store.Query(t.Context(), gatehouse.Query{User: "ada@example.com", Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}) {
		if err != nil || encoder.Encode(r) != nil {
			t.Fatal(err)
		}
	}
	if a.body != want.String() || strings.Count(a.body, "\n") != 2 {
		t.Errorf("got\n%swant\n%s", a.body, want.String())
	}
	e := s.exports()
	if len(e) != 1 || e[0].Actor != "analyst@example.com" || e[0].CorrelationID == "" || !e[0].IP.IsValid() {
		t.Fatalf("on record: %+v", e)
	}
	for _, part := range []string{"format=jsonl", "limit=100000", "user=ada@example.com", "type=login_failed", "until=2"} {
		if !strings.Contains(e[0].Reason, part) {
			t.Errorf("the reason on record is %q, without %s", e[0].Reason, part)
		}
	}
}

func TestExportAsCSV(t *testing.T) {
	s := newSite(t)
	harm := []string{
		`=cmd|' /C calc'!A0`, `+1+1`, `-2+3`, `@SUM(A1)`, "\t=1", `＝1+1`, `";=1+1`, `a,=1+1`, `a;-1`, `"" =1`, "x\r\n=1", ` =1`, "plain", `says "hello", twice`,
	}
	for i, text := range harm {
		r := failure(i, "ada@example.com", "198.51.100.7")
		r.UserAgent, r.Reason, r.Endpoint, r.Device.Name, r.Actor, r.CorrelationID, r.Session, r.Place.City, r.Account = text, text, text, text, text, text, text, text, text
		r.Block = &gatehouse.Block{ID: "b", Reason: text, By: text}
		s.append(r)
	}
	a := s.signIn(accounts.Analyst).post("/log/export", url.Values{"format": {"csv"}, "kind": {"login_failed"}})
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if strings.Count(a.body, "\n") != strings.Count(a.body, "\r\n") {
		t.Error("lines do not end as RFC 4180 has it")
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != len(harm)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	if got := rows[len(harm)-12][column["ip"]]; got != "198.51.100.7" {
		t.Errorf("the address is %q", got)
	}
	if got := rows[1][column["reason"]]; got != `says "hello", twice` {
		t.Errorf("a harmless text became %q", got)
	}
	// However a spreadsheet separates cells and whatever it makes of quotes, none
	// begins like a formula.
	for _, separators := range []string{",", ";", "\t", "|", ",;\t|"} {
		for _, line := range strings.Split(a.body, "\r\n") {
			for _, cell := range strings.FieldsFunc(line, func(r rune) bool { return r == '"' || strings.ContainsRune(separators, r) }) {
				if cell = strings.TrimLeft(cell, " "); cell != "" && strings.ContainsAny(cell[:1], "=+-@") || strings.HasPrefix(cell, "＝") {
					t.Errorf("with %q between cells one begins like a formula: %s", separators, cell)
				}
			}
		}
	}
}

func TestExportLimit(t *testing.T) {
	s := newSite(t)
	for i := range 5 {
		s.append(failure(i, "ada@example.com", "198.51.100.7"))
	}
	b := s.signIn(accounts.Analyst)
	for limit, want := range map[string]int{"4": 5, "5": 5, "6": 5, "": 5} {
		a := b.post("/log/export", url.Values{"format": {"jsonl"}, "limit": {limit}, "kind": {"login_failed"}})
		lines := strings.Split(strings.TrimSpace(a.body), "\n")
		cut := strings.Contains(a.body, "export_cut")
		if len(lines) != want || cut != (limit == "4") {
			t.Errorf("limit %s: %d lines, cut: %t", limit, len(lines), cut)
		}
		for _, line := range lines {
			var r gatehouse.Record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Errorf("a line is no record: %v", err)
			}
		}
	}
	a := b.post("/log/export", url.Values{"format": {"csv"}, "limit": {"1"}, "kind": {"login_failed"}})
	if rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll(); err != nil || len(rows) != 3 || rows[2][2] != "export_cut" {
		t.Errorf("%v %v", rows, err)
	}
	if empty := b.post("/log/export", url.Values{"format": {"csv"}, "correlation": {"none"}}); strings.Count(empty.body, "\r\n") != 1 || !strings.HasPrefix(empty.body, "time,id,") {
		t.Errorf("of nothing: %q", empty.body)
	}
}

func TestExportRefused(t *testing.T) {
	s := newSite(t)
	viewer, analyst := s.signIn(accounts.Viewer), s.signIn(accounts.Analyst)
	if a := viewer.post("/log/export", url.Values{"format": {"csv"}}); a.status != http.StatusForbidden {
		t.Errorf("a viewer: %d", a.status)
	}
	if page := viewer.get("/log"); strings.Contains(page.body, "/log/export") {
		t.Error("a viewer is shown the export")
	}
	if page := analyst.get("/log?user=%22%3E%3Cb%3E"); !strings.Contains(page.body, `action="/log/export"`) || strings.Contains(page.body, "<b>") {
		t.Error("the form of an analyst")
	}
	for _, form := range []url.Values{
		{}, {"format": {"xlsx"}}, {"format": {"csv"}, "limit": {"0"}}, {"format": {"csv"}, "limit": {"-1"}}, {"format": {"csv"}, "limit": {"10000001"}},
		{"format": {"csv"}, "limit": {"x"}}, {"format": {"csv"}, "ip": {"x"}}, {"format": {"csv"}, "kind": {"x"}}, {"format": {"csv"}, "tz": {"x"}},
	} {
		if a := analyst.post("/log/export", form); a.status != http.StatusUnprocessableEntity || a.header.Get("Content-Disposition") != "" {
			t.Errorf("%v: %d", form, a.status)
		}
	}
	if a := analyst.get("/log/export"); a.status != http.StatusNotFound {
		t.Errorf("GET: %d", a.status)
	}
	if e := s.exports(); len(e) != 0 {
		t.Errorf("on record although nothing was exported: %v", e)
	}
}

// fakeLog yields so many like records, and then an error, or waits.
type fakeLog struct {
	gatehouse.Log
	records int
	err     error
	waiting chan struct{} // gets one for each query that waits
	before  func(record int)
}

func (l *fakeLog) Query(ctx context.Context, _ gatehouse.Query) iter.Seq2[gatehouse.Record, error] {
	return func(yield func(gatehouse.Record, error) bool) {
		r := failure(0, "ada@example.com", "198.51.100.7")
		for i := range l.records {
			if l.before != nil {
				l.before(i)
			}
			if ctx.Err() != nil {
				yield(gatehouse.Record{}, ctx.Err())
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if l.waiting != nil {
			l.waiting <- struct{}{}
			<-ctx.Done()
			yield(gatehouse.Record{}, ctx.Err())
		} else if l.err != nil {
			yield(gatehouse.Record{}, l.err)
		}
	}
}

// A store that fails breaks the answer off, so that nobody takes a part for all.
func TestExportBreaksOff(t *testing.T) {
	s := newSite(t)
	s.handler.Log = &fakeLog{Log: s.store, records: 10_000, err: errors.Join(gatehouse.ErrUnavailable)}
	b := s.signIn(accounts.Analyst)
	res, err := b.http.PostForm(b.url+"/log/export", url.Values{"format": {"csv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || n == 0 {
		t.Errorf("%d bytes, and then %v", n, err)
	}
	s.handler.Log = &fakeLog{Log: s.store, err: gatehouse.ErrUnavailable}
	if a := b.post("/log/export", url.Values{"format": {"csv"}}); a.status != http.StatusServiceUnavailable || a.header.Get("Content-Disposition") != "" {
		t.Errorf("a store that fails at once: %d %v", a.status, a.header)
	}
}

// Who may not export any more gets no more of it.
func TestExportEndsWithTheSession(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	s.handler.Log = &fakeLog{Log: s.store, records: 30_000, before: func(record int) {
		if record != 15_000 {
			return
		}
		u, err := s.service.UserByAccount(t.Context(), "analyst@example.com")
		if err == nil {
			_, err = s.service.LogoutEverywhere(t.Context(), u.ID)
		}
		if err != nil {
			t.Error(err)
		}
	}}
	res, err := b.http.PostForm(b.url+"/log/export", url.Values{"format": {"csv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || bytes.Count(body, []byte("\n")) > 20_001 {
		t.Errorf("%d lines, and then %v", bytes.Count(body, []byte("\n")), err)
	}
}

// Two may export at once; who goes away makes room.
func TestExportsAtOnce(t *testing.T) {
	s := newSite(t)
	log := &fakeLog{Log: s.store, waiting: make(chan struct{})}
	s.handler.Log = log
	b := s.signIn(accounts.Analyst)
	start := func() context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/log/export", strings.NewReader("format=csv"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("User-Agent", firefox)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if res, err := b.http.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		<-log.waiting
		return func() { cancel(); <-ended }
	}
	first, second := start(), start()
	if a := b.post("/log/export", url.Values{"format": {"csv"}}); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a third: %d", a.status)
	}
	s.handler.Log = s.store
	first()
	status := 0
	for try := 0; try < 1000 && status != http.StatusOK; try++ { // the server hears of it a moment later
		status = b.post("/log/export", url.Values{"format": {"csv"}}).status
	}
	if status != http.StatusOK {
		t.Errorf("after one had gone: %d", status)
	}
	second()
}

// stalledWriter is a client that stops to read after some writes.
type stalledWriter struct {
	*httptest.ResponseRecorder
	deadline time.Time
	writes   int
	undated  int // writes without a deadline of their own
}

func (w *stalledWriter) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func (w *stalledWriter) Write(b []byte) (int, error) {
	if left := time.Until(w.deadline); left <= 0 || left > time.Minute {
		w.undated++
	}
	w.deadline = time.Time{}
	if w.writes++; w.writes > 3 {
		return 0, os.ErrDeadlineExceeded
	}
	return w.ResponseRecorder.Write(b)
}

// A client that hangs ends its export; nobody waits for it longer than for one write.
func TestExportToAClientThatHangs(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	s.handler.Log = &fakeLog{Log: s.store, records: 100_000}
	mux := http.NewServeMux()
	s.handler.Register(mux)
	h := httpguard.New(nil, httpguard.Options{Mux: mux, Logger: slog.New(slog.DiscardHandler)}).Wrap(httpguard.Routes(mux))
	r := httptest.NewRequest(http.MethodPost, "/log/export", strings.NewReader("format=csv"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	site, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(site) {
		r.AddCookie(c)
	}
	w := &stalledWriter{ResponseRecorder: httptest.NewRecorder()}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("panic %v, want http.ErrAbortHandler", p)
			}
		}()
		h.ServeHTTP(w, r)
	}()
	if w.writes != 4 || w.undated != 0 || !strings.HasPrefix(w.Body.String(), "time,id,") {
		t.Errorf("%d writes, %d of them without a deadline", w.writes, w.undated)
	}
}

// All of it arrives, however much it is.
func TestExportOfMuch(t *testing.T) {
	s := newSite(t)
	s.handler.Log = &fakeLog{Log: s.store, records: 200_000}
	b := s.signIn(accounts.Analyst)
	res, err := b.http.PostForm(b.url+"/log/export", url.Values{"format": {"jsonl"}, "limit": {"300000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := 0
	for in := bufio.NewReader(res.Body); ; lines++ {
		line, err := in.ReadSlice('\n')
		if err == io.EOF {
			break
		}
		if err != nil || line[0] != '{' {
			t.Fatalf("line %d: %v", lines, err)
		}
	}
	if lines != 200_000 {
		t.Errorf("%d lines", lines)
	}
}
