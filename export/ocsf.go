package export

import (
	"github.com/fluxstudio/gatehouse"
)

// OCSF writes a record as one event of the Open Cybersecurity Schema Framework,
// version [OCSFVersion], without a newline. Which kind becomes which class, and
// which attribute comes from which field, is in [Classes] and in docs/export.md.
//
// It returns an error only if encoding/json does, which no record is known to
// bring about. It is safe for concurrent use.
func OCSF(r gatehouse.Record) ([]byte, error) {
	r = r.Clean()
	return encode(ocsfOf(&r))
}

func ocsfOf(r *gatehouse.Record) *ocsfEvent {
	s := shapeOf(r)
	e := &ocsfEvent{
		ClassUID: s.class,
		Time:     r.Time.UnixMilli(),
		Count:    max(r.Count, 0),
		Message:  sentence(s.title, r),
		Metadata: ocsfMetadata{
			Version:        OCSFVersion,
			Product:        ocsfProduct{Name: product, VendorName: product, Version: version()},
			UID:            r.ID,
			CorrelationUID: r.CorrelationID,
			EventCode:      string(r.Kind),
			LogName:        "security",
			OriginalTime:   timestamp(r.Time),
		},
		StatusDetail: r.Reason,
	}
	e.SeverityID, e.Severity = severityOf(r.Severity)
	activity := s.activity
	switch s.class {
	case authentication:
		e.authentication(r, &s)
	case accountChange:
		e.accountChange(r)
	case entityManagement:
		e.entityManagement(r)
	case detectionFinding:
		activity = e.finding(r, &s)
	case httpActivity:
		activity = e.http(r)
	default:
		e.base(r)
	}
	e.classify(activity, s.name)
	if s.outcome != noOutcome {
		e.settle(s.outcome)
	} else if e.StatusID == unknown {
		e.Status = classInfos[s.class].statuses[unknown]
	}
	return e
}

// classify fills in what follows from the class and the activity.
func (e *ocsfEvent) classify(activity int, name string) {
	class := classInfos[e.ClassUID]
	caption := class.activities[activity]
	e.ActivityID, e.ActivityName = activity, caption
	if activity == other {
		e.ActivityName = name
	}
	e.CategoryUID, e.CategoryName = class.category, categories[class.category]
	e.ClassName = class.name
	e.TypeUID = int(e.ClassUID)*100 + activity
	e.TypeName = class.name + ": " + caption
}

func (e *ocsfEvent) settle(o outcome) {
	switch o {
	case succeeded:
		e.StatusID = 1
	case failed, refused:
		e.StatusID = 2
	}
	e.Status = outcomes[e.StatusID]
	if o == refused {
		e.control(2, 2)
	}
}

// control says what Gatehouse did, by the security_control profile.
func (e *ocsfEvent) control(action, disposition int) {
	e.ActionID, e.Action = action, actions[action]
	e.DispositionID, e.Disposition = disposition, dispositions[disposition]
	e.Metadata.Profiles = []string{"security_control"}
}

func (e *ocsfEvent) authentication(r *gatehouse.Record, s *shape) {
	e.User = userOf(r)
	e.Service = &ocsfEntity{Name: product}
	e.Session = sessionOf(r)
	e.IsRemote = true
	e.AuthProtoID, e.AuthProto = other, "Password"
	switch {
	case s.name == tokenRefresh:
		e.AuthProto = tokenRefresh
	case s.name == stepUp: // which gives the password
	case s.activity == logoff:
		e.AuthProto = "Access Token"
	default:
		e.LogonTypeID, e.LogonType = 3, logonTypes[3]
	}
	e.client(r)
	e.operator(r)
}

func (e *ocsfEvent) accountChange(r *gatehouse.Record) {
	e.User = userOf(r)
	e.Actor = &ocsfActor{User: e.User, Session: sessionOf(r)}
	e.client(r)
	e.operator(r)
}

// entityManagement tells what an operator did to something that is no account.
func (e *ocsfEvent) entityManagement(r *gatehouse.Record) {
	entity := entities[r.Kind]
	e.Entity, e.Comment = &entity, r.Reason
	if aboutAddress(r) {
		e.observe("comment", 2, address(r.IP))
	} else {
		e.client(r)
	}
	e.operator(r)
}

// operator says which operator did it, if one did.
func (e *ocsfEvent) operator(r *gatehouse.Record) {
	if r.Actor == "" {
		return
	}
	u := &ocsfUser{Name: r.Actor, Email: email(r.Actor), TypeID: 2, Type: userTypes[2]}
	e.Actor = &ocsfActor{User: u}
	e.observeUser("actor.user.", u)
}

func (e *ocsfEvent) http(r *gatehouse.Record) (activity int) {
	e.client(r)
	if e.HTTPRequest == nil {
		e.HTTPRequest = &ocsfRequest{}
	}
	e.DstEndpoint = &ocsfEndpoint{SvcName: product}
	u := ocsfUnmapped{UserID: r.User, Account: r.Account, SessionID: r.Session, Actor: r.Actor}
	if u != (ocsfUnmapped{}) {
		e.Unmapped = &u
	}
	return httpMethods[e.HTTPRequest.Method]
}

func (e *ocsfEvent) base(r *gatehouse.Record) {
	u := ocsfUnmapped{
		r.User, r.Account, r.Session, r.Actor, address(r.IP), r.UserAgent, r.Endpoint, receiptOf(r),
	}
	if u != (ocsfUnmapped{}) {
		e.Unmapped = &u
	}
	e.observe("unmapped.ip", 2, u.IP)
	e.observe("unmapped.user_agent", 16, u.UserAgent)
	e.observe("unmapped.account", 4, u.Account)
	e.observe("unmapped.user_id", 31, u.UserID)
}

// client says who sent the request.
func (e *ocsfEvent) client(r *gatehouse.Record) {
	e.SrcEndpoint, e.HTTPRequest = endpointOf(r), requestOf(r)
	if e.SrcEndpoint != nil {
		e.observe("src_endpoint.ip", 2, e.SrcEndpoint.IP)
	}
	if e.HTTPRequest != nil {
		e.observe("http_request.user_agent", 16, e.HTTPRequest.UserAgent)
	}
	e.observeUser("user.", e.User)
}

func (e *ocsfEvent) observeUser(path string, u *ocsfUser) {
	if u == nil || u.TypeID == other {
		return
	}
	e.observe(path+"name", 4, u.Name)
	e.observe(path+"uid", 31, u.UID)
	e.observe(path+"email_addr", 5, u.Email)
}

// observe points at an attribute whose value other events may share.
func (e *ocsfEvent) observe(name string, kind int, value string) {
	if value != "" {
		e.Observables = append(e.Observables, ocsfObserved{name, kind, observableTypes[kind], value})
	}
}

// userOf names whom a record is about. A name that was typed and may belong to
// nobody is of type Unknown. Where there is not even a name, the schema still
// wants one: the stand-in is told from an account that is called so by its type.
func userOf(r *gatehouse.Record) *ocsfUser {
	u := &ocsfUser{Name: r.Account, UID: r.User, Email: email(r.Account)}
	switch {
	case u.UID != "":
		u.TypeID = 1
	case u.Name == "":
		return &ocsfUser{Name: "unknown", TypeID: other, Type: "Nobody"}
	}
	u.Type = userTypes[u.TypeID]
	return u
}

func sessionOf(r *gatehouse.Record) *ocsfEntity {
	if r.Session == "" {
		return nil
	}
	return &ocsfEntity{UID: r.Session}
}

func endpointOf(r *gatehouse.Record) *ocsfEndpoint {
	p := ocsfEndpoint{
		IP: address(r.IP), UID: r.Device.ID, Name: r.Device.Name,
	}
	if p == (ocsfEndpoint{}) {
		return nil
	}
	p.ISP = r.Place.Network
	if c := country(r.Place.Country); c != "" {
		p.Location = &ocsfLocation{Country: c, City: r.Place.City}
		p.Location.Lat, p.Location.Long = degrees(r.Place)
	}
	return &p
}

func requestOf(r *gatehouse.Record) *ocsfRequest {
	q := ocsfRequest{UID: r.CorrelationID, UserAgent: r.UserAgent}
	method, path := route(r.Endpoint)
	q.Method = method
	if path != "" {
		q.URL = &ocsfURL{Path: path}
	}
	if q == (ocsfRequest{}) {
		return nil
	}
	return &q
}
