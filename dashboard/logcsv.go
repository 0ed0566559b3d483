package dashboard

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// csvColumns are the columns of a CSV file (RFC 4180). What has more in it than a
// table can show is in JSON lines.
var csvColumns = []struct {
	name string
	of   func(r *gatehouse.Record) string
}{
	{"time", func(r *gatehouse.Record) string { return csvTime(r.Time) }},
	{"id", func(r *gatehouse.Record) string { return r.ID }},
	{"type", func(r *gatehouse.Record) string { return string(r.Kind) }},
	{"severity", func(r *gatehouse.Record) string { return r.Severity.String() }},
	{"count", func(r *gatehouse.Record) string { return strconv.Itoa(max(r.Count, 1)) }},
	{"user_id", func(r *gatehouse.Record) string { return r.User }},
	{"account", func(r *gatehouse.Record) string { return r.Account }},
	{"session_id", func(r *gatehouse.Record) string { return r.Session }},
	{"ip", func(r *gatehouse.Record) string { return csvAddr(r) }},
	{"country", func(r *gatehouse.Record) string { return r.Place.Country }},
	{"city", func(r *gatehouse.Record) string { return r.Place.City }},
	{"network", func(r *gatehouse.Record) string { return r.Place.Network }},
	{"device_id", func(r *gatehouse.Record) string { return r.Device.ID }},
	{"device", func(r *gatehouse.Record) string { return r.Device.Name }},
	{"user_agent", func(r *gatehouse.Record) string { return r.UserAgent }},
	{"endpoint", func(r *gatehouse.Record) string { return r.Endpoint }},
	{"reason", func(r *gatehouse.Record) string { return r.Reason }},
	{"actor", func(r *gatehouse.Record) string { return r.Actor }},
	{"correlation_id", func(r *gatehouse.Record) string { return r.CorrelationID }},
	{"finding_id", ofFinding(func(f *gatehouse.Finding) string { return f.ID })},
	{"rule", ofFinding(func(f *gatehouse.Finding) string { return f.Rule })},
	{"observed", ofFinding(func(f *gatehouse.Finding) string { return strconv.Itoa(f.Observed) })},
	{"threshold", ofFinding(func(f *gatehouse.Finding) string { return strconv.Itoa(f.Threshold) })},
	{"window_seconds", ofFinding(func(f *gatehouse.Finding) string { return strconv.FormatFloat(f.Window.Seconds(), 'f', -1, 64) })},
	{"fired", ofFinding(func(f *gatehouse.Finding) string { return strconv.Itoa(f.Count) })},
	{"shadow", ofFinding(func(f *gatehouse.Finding) string { return strconv.FormatBool(f.Shadow) })},
	{"blocked", ofBlock(func(b *gatehouse.Block) string { return gatehouse.FormatPrefix(b.Prefix) })},
	{"blocked_until", ofBlock(func(b *gatehouse.Block) string { return csvTime(b.Until) })},
	{"blocked_by", ofBlock(func(b *gatehouse.Block) string { return b.By })},
	{"blocked_reason", ofBlock(func(b *gatehouse.Block) string { return b.Reason })},
}

func ofFinding(of func(*gatehouse.Finding) string) func(*gatehouse.Record) string {
	return func(r *gatehouse.Record) string {
		if r.Finding == nil {
			return ""
		}
		return of(r.Finding)
	}
}

func ofBlock(of func(*gatehouse.Block) string) func(*gatehouse.Record) string {
	return func(r *gatehouse.Record) string {
		if r.Block == nil {
			return ""
		}
		return of(r.Block)
	}
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func csvAddr(r *gatehouse.Record) string {
	if !r.IP.IsValid() {
		return ""
	}
	return r.IP.String()
}

// csvLines writes a table with a head.
func csvLines(out *bufio.Writer) recordLines {
	table := csv.NewWriter(out)
	table.UseCRLF = true
	row := make([]string, len(csvColumns))
	began := false
	begin := func() error {
		if began {
			return nil
		}
		began = true
		for i, c := range csvColumns {
			row[i] = c.name
		}
		return table.Write(row)
	}
	record := func(r gatehouse.Record) error {
		if err := begin(); err != nil {
			return err
		}
		for i, c := range csvColumns {
			row[i] = harmless(c.of(&r))
		}
		return table.Write(row)
	}
	flush := func() error {
		if err := begin(); err != nil {
			return err
		}
		table.Flush()
		return cmp.Or(table.Error(), out.Flush())
	}
	return recordLines{record, flush}
}

// harmless returns a text that no spreadsheet takes for a formula: what would begin
// one gets an apostrophe in front, at the beginning of the cell and wherever another
// reading of quotes and separators would begin a cell (OWASP, CSV Injection).
func harmless(text string) string {
	const begins = "=+-@\t\r\n＝＋－＠"
	if !strings.ContainsAny(text, begins) {
		return text
	}
	var b strings.Builder
	cell := true // here a cell may begin
	for _, r := range text {
		if cell && strings.ContainsRune(begins, r) {
			b.WriteByte('\'')
		}
		cell = strings.ContainsRune(",;\t|\"\r\n", r) || cell && r == ' '
		b.WriteRune(r)
	}
	return b.String()
}
