package sql

import (
	"cmp"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
)

// columns of the security log that make up a record, in the order of row.
const columns = "id, time, kind, severity, user_id, account, ip, correlation_id, finding_id, finding_kind, finding_severity, detail"

// row is a record as these columns.
type row [12]any

// addition is a record to be added, with what it adds to the counts.
type addition struct {
	row    row
	counts []logstats.Count
}

func (a *addition) id() string { return a.row[0].(string) }

func newAddition(r gatehouse.Record) (addition, error) {
	row, err := toRow(r)
	return addition{row, logstats.Of(r)}, err
}

// detail is what a record holds beyond its columns.
type detail struct {
	Session   string             `json:"session_id,omitempty"`
	UserAgent string             `json:"user_agent,omitempty"`
	Device    gatehouse.Device   `json:"device,omitzero"`
	Place     gatehouse.Place    `json:"place,omitzero"`
	Endpoint  string             `json:"endpoint,omitempty"`
	Reason    string             `json:"reason,omitempty"`
	Actor     string             `json:"actor,omitempty"`
	Count     int                `json:"count,omitempty"`
	Finding   *gatehouse.Finding `json:"finding,omitempty"`
	Block     *gatehouse.Block   `json:"block,omitempty"`
}

// toRow cleans r and lays it out in columns.
func toRow(r gatehouse.Record) (row, error) {
	if r.ID == "" {
		return row{}, errors.New("sql: a record without an ID")
	}
	r = r.Clean()
	rest, err := json.Marshal(detail{
		Session: r.Session, UserAgent: r.UserAgent, Device: r.Device, Place: r.Place,
		Endpoint: r.Endpoint, Reason: r.Reason, Actor: r.Actor, Count: r.Count, Finding: r.Finding, Block: r.Block,
	})
	if err != nil {
		return row{}, fmt.Errorf("sql: record %s: %w", r.ID, err)
	}
	out := row{
		r.ID, micros(r.Time), string(r.Kind), int64(r.Severity), nullText(r.User), nullText(r.Account),
		nullAddr(r.IP), nullText(r.CorrelationID), nil, nil, nil, string(rest),
	}
	if f := r.Finding; f != nil {
		out[8], out[9], out[10] = cmp.Or(f.ID, r.ID), string(f.Kind), int64(f.Severity)
	}
	return out, nil
}

// logged is a record as it was read, with its place in the log.
type logged struct {
	gatehouse.Record
	seq, time int64
}

func scanLogged(read scan) (logged, error) {
	var (
		l                          logged
		user, account, correlation stdsql.NullString
		ip                         []byte
		rest                       string
		d                          detail
	)
	err := read(&l.seq, &l.ID, &l.time, &l.Kind, &l.Severity, &user, &account, &ip, &correlation, new(any), new(any), new(any), &rest)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal([]byte(rest), &d); err != nil {
		return l, fmt.Errorf("record %s: %w", l.ID, err)
	}
	l.Time = fromMicros(l.time)
	l.User, l.Account, l.Session = user.String, account.String, d.Session
	l.IP = fromAddr(ip)
	l.UserAgent, l.Device, l.Place = d.UserAgent, d.Device, d.Place
	l.Endpoint, l.Reason, l.Actor, l.CorrelationID = d.Endpoint, d.Reason, d.Actor, correlation.String
	l.Count, l.Finding, l.Block = d.Count, d.Finding, d.Block
	return l, nil
}

// nullAddr is an address as 16 bytes, or NULL where it is unknown.
func nullAddr(a netip.Addr) any {
	if !a.IsValid() {
		return nil
	}
	b := a.As16()
	return b[:]
}

func fromAddr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}
