package export

import (
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// ECSVersion is the version of the Elastic Common Schema that [ECS] writes, as
// every document says in ecs.version.
const ECSVersion = "8.17.0"

// ECS writes a record as one document of the Elastic Common Schema, version
// [ECSVersion], without a newline. event.severity is the same number as in
// OCSF; what the schema has no field for stands under "gatehouse".
//
// It returns an error only if encoding/json does, which no record is known to
// bring about. It is safe for concurrent use.
func ECS(r gatehouse.Record) ([]byte, error) {
	r = r.Clean()
	return encode(ecsOf(&r))
}

func ecsOf(r *gatehouse.Record) *ecsDocument {
	s := shapeOf(r)
	severity, _ := severityOf(r.Severity)
	d := &ecsDocument{
		Timestamp: timestamp(r.Time),
		ECS:       ecsVersion{ECSVersion},
		Message:   sentence(s.title, r),
		Event: ecsEvent{
			Kind: "event", Category: s.category, Type: s.types, Action: string(r.Kind), Outcome: ecsOutcome(s.outcome),
			Severity: severity, ID: r.ID, Reason: r.Reason,
			Module: product, Dataset: product + ".security", Provider: product,
		},
		Observer: ecsObserver{product, product, version(), "ips"},
		User:     ecsUserOf(r, &s),
		Source:   ecsSourceOf(r),
	}
	if aboutAddress(r) {
		d.Source = nil
	}
	d.request(r)
	d.detection(r, &s)
	d.related(r)
	own := ecsGatehouse{SessionID: r.Session, Count: max(r.Count, 0), Receipt: receiptOf(r)}
	if f := r.Finding; f != nil {
		own.FindingID, own.Count = f.ID, max(own.Count, f.Count)
	} else if r.Block != nil {
		own.FindingID = r.Block.Finding
	}
	if own != (ecsGatehouse{}) {
		d.Gatehouse = &own
	}
	return d
}

func ecsOutcome(o outcome) string {
	switch o {
	case succeeded:
		return "success"
	case failed, refused:
		return "failure"
	}
	return "" // nothing was tried
}

func (d *ecsDocument) request(r *gatehouse.Record) {
	if id := r.Device.ID; id != "" {
		d.Device = &ecsID{id}
	}
	agent, name := r.UserAgent, r.Device.Name
	if agent != "" || name != "" {
		d.UserAgent = &ecsUserAgent{Original: agent}
		if name != "" {
			d.UserAgent.Device = &ecsName{name}
		}
	}
	method, path := route(r.Endpoint)
	q := ecsRequest{ID: r.CorrelationID, Method: method}
	if q != (ecsRequest{}) {
		d.HTTP = &ecsHTTP{q}
	}
	if q.ID != "" {
		d.Labels = &ecsLabels{q.ID}
	}
	if path != "" {
		d.URL = &ecsURL{path}
	}
}

// detection says that a record is an alert, and of which rule.
func (d *ecsDocument) detection(r *gatehouse.Record, s *shape) {
	if s.class != detectionFinding {
		return
	}
	if r.Block == nil && (r.Finding == nil || !r.Finding.Shadow) {
		d.Event.Kind = "alert"
	}
	rule := ""
	if f := r.Finding; f != nil {
		rule = f.Rule
		d.Event.Start, d.Event.End = optionalTime(f.First), optionalTime(f.Last)
	} else if r.Block != nil {
		rule = r.Block.Rule
	}
	if rule != "" {
		d.Rule = &ecsRule{rule, product}
	}
	if s.attack != nil {
		d.Threat = &ecsThreat{"MITRE ATT&CK", ecsTechnique{[]string{s.attack.id}, []string{s.attack.name}}}
	}
}

// related gathers what to search by, wherever in the record it stands.
func (d *ecsDocument) related(r *gatehouse.Record) {
	var out ecsRelated
	add := func(list *[]string, value string) {
		if value != "" && !slices.Contains(*list, value) {
			*list = append(*list, value)
		}
	}
	add(&out.IP, address(r.IP))
	add(&out.User, r.User)
	add(&out.User, r.Account)
	add(&out.User, r.Actor)
	if f := r.Finding; f != nil {
		for _, s := range f.Evidence.Devices {
			add(&out.IP, address(s.IP))
		}
		if t := f.Evidence.Travel; t != nil {
			add(&out.IP, address(t.From.IP))
			add(&out.IP, address(t.To.IP))
		}
	}
	if out.IP != nil || out.User != nil {
		d.Related = &out
	}
}

// ecsUserOf returns who acted: an operator upon the subject, or the subject. An
// operator is not the user of a detection, whose source is the attacker's.
func ecsUserOf(r *gatehouse.Record, s *shape) *ecsUser {
	var subject *ecsUser
	if u := (ecsUser{ID: r.User, Name: r.Account, Email: email(r.Account)}); u != (ecsUser{}) {
		subject = &u
	}
	if r.Actor != "" && s.class != detectionFinding {
		return &ecsUser{Name: r.Actor, Email: email(r.Actor), Target: subject}
	}
	return subject
}

func ecsSourceOf(r *gatehouse.Record) *ecsSource {
	s := ecsSource{IP: address(r.IP)}
	if c := country(r.Place.Country); c != "" {
		s.Geo = &ecsGeo{Country: c, City: r.Place.City}
		if lat, lon := degrees(r.Place); lat != nil {
			s.Geo.Location = &ecsLocation{*lat, *lon}
		}
	}
	if n := r.Place.Network; n != "" {
		s.AS = &ecsAS{ecsName{n}}
	}
	if s == (ecsSource{}) {
		return nil
	}
	return &s
}
