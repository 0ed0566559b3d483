package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

// serverFlags say which server the commands are about that read or change its
// records.
type serverFlags struct {
	Config string  `help:"Configuration file of the server (YAML)." placeholder:"FILE" type:"path" env:"GATEHOUSE_CONFIG"`
	Data   *string `help:"Data directory of the server, running or not (default gatehouse-data)." placeholder:"DIR"`
}

// operate opens the records of that server.
func (f serverFlags) operate(ctx context.Context) (*app.Operator, error) {
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	return app.Operate(ctx, config)
}

func (f serverFlags) load() (app.Config, error) {
	return settings{Config: f.Config, Data: f.Data}.load()
}

type logCmd struct {
	Query  logQueryCmd  `cmd:"" default:"withargs" help:"Print records, the newest first."`
	Verify logVerifyCmd `cmd:"" help:"Verify that nobody has altered, removed or inserted records."`
}

type logQueryCmd struct {
	serverFlags
	JSON        bool     `help:"One JSON object a line, with everything that was recorded." name:"json"`
	Limit       int      `help:"At most so many records, the newest (0: all)." default:"50"`
	User        string   `help:"Only this user ID or account name." placeholder:"USER"`
	IP          string   `help:"Only this address or network." name:"ip" placeholder:"ADDR"`
	Type        []string `help:"Only these types, such as brute_force_detected." placeholder:"TYPE"`
	Since       string   `help:"Only since then: a duration back (90m, 7d) or a time (2006-01-02, RFC 3339)." placeholder:"WHEN"`
	Until       string   `help:"Only before then." placeholder:"WHEN"`
	Correlation string   `help:"Only the records of one request, by its X-Correlation-ID." placeholder:"ID"`
}

func (cmd *logQueryCmd) Run(ctx context.Context, c console) error {
	q, err := cmd.query(time.Now())
	if err != nil {
		return usageError{err}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	print, flush := recordTable(c)
	if cmd.JSON {
		encoder := json.NewEncoder(c.out)
		print = func(r gatehouse.Record) error { return encoder.Encode(r) }
		flush = func() error { return nil }
	}
	for r, err := range o.Store().Query(ctx, q) {
		if err != nil {
			return err
		}
		if err := print(r); err != nil {
			return err
		}
	}
	return flush()
}

func (cmd *logQueryCmd) query(now time.Time) (gatehouse.Query, error) {
	q := gatehouse.Query{Limit: cmd.Limit, Correlation: cmd.Correlation}
	if cmd.Limit < 0 {
		return q, fmt.Errorf("--limit %d: use 0 for all, or a positive number", cmd.Limit)
	}
	if cmd.User != "" {
		q.User = canonical.Account(cmd.User) // which leaves an ID of ours as it is
	}
	for _, t := range cmd.Type {
		kind := gatehouse.Kind(t)
		if !slices.Contains(gatehouse.Kinds(), kind) {
			return q, fmt.Errorf("--type %q: use one of %s", t, joinKinds())
		}
		q.Kinds = append(q.Kinds, kind)
	}
	var err error
	if cmd.IP != "" {
		if q.Prefix, err = parsePrefix(cmd.IP); err != nil {
			return q, fmt.Errorf("--ip: %w", err)
		}
	}
	if q.Since, err = parseWhen(cmd.Since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = parseWhen(cmd.Until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	return q, nil
}

func joinKinds() string {
	var names []string
	for _, k := range gatehouse.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// parsePrefix reads an address or a network.
func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = gatehouse.CleanAddr(ip)
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address such as 192.0.2.1 nor a network such as 192.0.2.0/24", s)
	}
	return p.Masked(), nil
}

// recordTable prints records for people, with the columns aligned.
func recordTable(c console) (print func(gatehouse.Record) error, flush func() error) {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	header := false
	print = func(r gatehouse.Record) error {
		if !header {
			fmt.Fprintln(w, "TIME\tSEVERITY\tTYPE\tWHO\tADDRESS\tDETAIL")
			header = true
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Time.Local().Format(time.DateTime), c.severity(r.Severity), r.Kind, who(r), address(r), detail(r))
		return err
	}
	flush = func() error {
		if !header {
			_, err := fmt.Fprintln(c.err, "no records")
			return err
		}
		return w.Flush()
	}
	return print, flush
}

func who(r gatehouse.Record) string {
	if r.Account != "" {
		return gatehouse.CleanText(r.Account, 60)
	}
	return or(r.User, "-")
}

func address(r gatehouse.Record) string {
	if r.Block != nil {
		return gatehouse.FormatPrefix(r.Block.Prefix)
	}
	if !r.IP.IsValid() {
		return "-"
	}
	if r.Place.Known() {
		return r.IP.String() + " " + r.Place.Country
	}
	return r.IP.String()
}

// detail is what is most worth knowing about a record, in a few words.
func detail(r gatehouse.Record) string {
	switch {
	case r.Kind == gatehouse.IPAddressBlocked && r.Block != nil:
		return fmt.Sprintf("until %s: %s", until(r.Block.Until), gatehouse.CleanText(r.Block.Reason, 60))
	case r.Block != nil:
		return "lifted by " + gatehouse.CleanText(r.Block.By, 60)
	case r.Finding != nil:
		found := times(findingDetail(r.Finding), r.Finding.Count)
		if r.Finding.Shadow {
			found += ", in the shadow"
		}
		return found
	case r.Actor != "":
		return strings.TrimPrefix(gatehouse.CleanText(r.Reason, 60)+" by "+gatehouse.CleanText(r.Actor, 60), " ")
	}
	return times(gatehouse.CleanText(or(r.Reason, r.Device.Name), 60), r.Count)
}

func findingDetail(f *gatehouse.Finding) string {
	switch {
	case f.Evidence.Travel != nil:
		t := f.Evidence.Travel
		return fmt.Sprintf("%s to %s, %s", t.From.Place.Country, t.To.Place.Country, strings.Join(f.Evidence.Signs, ", "))
	case f.Evidence.Pattern != "":
		return gatehouse.CleanText(f.Evidence.Pattern, 60)
	}
	return fmt.Sprintf("%d of %d in %s", f.Observed, f.Threshold, strictyaml.FormatDuration(f.Window))
}

func times(s string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s (%d times)", s, n)
	}
	return s
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
