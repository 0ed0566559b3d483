package export

import (
	"slices"
	"strings"

	"github.com/fluxstudio/gatehouse"
)

// finding tells of a detection, or of a block as a step in the life of the
// detection that led to it: an attack is created when it is first seen, updated
// as it goes on and when its address is blocked, and closed when somebody lifts
// the block. All of them share finding_info.uid.
func (e *ocsfEvent) finding(r *gatehouse.Record, s *shape) (activity int) {
	activity = s.activity
	e.StatusID = 1 // New: nobody has reviewed it, as far as Gatehouse knows
	at := r.Time
	info := &ocsfFinding{
		UID: r.ID, Title: s.title, Desc: e.Message, Types: []string{e.Metadata.EventCode},
		CreatedTime: millis(at), ModifiedTime: millis(at),
	}
	if e.Metadata.EventCode == "" {
		info.Types = nil
	}
	if s.attack != nil {
		info.Attacks = []ocsfAttack{{ocsfEntity{UID: s.attack.id, Name: s.attack.name}}}
	}
	switch {
	case r.Block != nil:
		activity = e.block(r, info, activity)
	case r.Finding != nil:
		activity = e.attack(r.Finding, info, activity)
	default:
		e.IsAlert = activity == create
	}
	if activity == closeIt {
		e.StatusID = 4 // Resolved
		e.control(1, 1)
	} else if activity == update && e.ActionID == unknown {
		e.control(2, 2)
	}
	e.Status = classInfos[detectionFinding].statuses[e.StatusID]
	if info.UID == "" { // required, whatever made the record
		info.UID = "unknown"
	}
	e.FindingInfo = info
	e.evidence(r)
	return activity
}

// attack fills in a finding of a rule.
func (e *ocsfEvent) attack(f *gatehouse.Finding, info *ocsfFinding, activity int) int {
	if f.Count > 1 && activity == create {
		activity = update
	}
	e.IsAlert = activity == create && !f.Shadow
	e.Count = max(e.Count, f.Count)
	if f.ID != "" {
		info.UID = f.ID
	}
	if !f.First.IsZero() {
		e.StartTime, info.CreatedTime, info.FirstSeenTime = millis(f.First), millis(f.First), millis(f.First)
	}
	if !f.Last.IsZero() {
		e.EndTime, info.ModifiedTime, info.LastSeenTime = millis(f.Last), millis(f.Last), millis(f.Last)
	}
	info.Analytic = analyticOf(f.Rule)
	did := func(response string) bool {
		return slices.ContainsFunc(f.Actions, func(a gatehouse.Action) bool { return a.Response == response && a.Failure == "" })
	}
	switch {
	case did("block_ip"), did("rate_limit"):
		e.control(2, 2) // Denied, Blocked
	case did("alert"):
		e.control(1, 19) // Allowed, Alert
	default:
		e.control(1, 17) // Allowed, Logged
	}
	var undo []string
	for _, a := range f.Actions {
		if a.Undo != "" {
			undo = append(undo, a.Undo)
		}
	}
	if undo != nil {
		e.Remediation = &ocsfRemedy{"If this was no attack, undo the response: " + strings.Join(undo, "; ")}
	}
	return activity
}

// block fills in a block that was placed or lifted. Where no rule placed it, it
// is a detection by itself, made by a person.
func (e *ocsfEvent) block(r *gatehouse.Record, info *ocsfFinding, activity int) int {
	b := r.Block
	if id := first(b.Finding, b.ID); id != "" {
		info.UID = id
	}
	switch {
	case b.Finding != "":
		// What is known of the finding stays as its own events told it.
		info.CreatedTime = 0
		if s, ok := shapes[gatehouse.Kind(b.Reason)]; ok {
			info.Title = s.title
		}
	case activity == update:
		activity = create
		e.control(2, 2)
	case !b.Created.IsZero():
		info.CreatedTime = millis(b.Created)
	}
	info.Analytic = analyticOf(b.Rule)
	if e.StatusDetail == "" {
		e.StatusDetail = b.Reason
	}
	if activity != closeIt && b.Prefix.IsValid() {
		e.Remediation = &ocsfRemedy{"If this was no attack, lift the block: gatehouse blocks remove " + network(b.Prefix)}
	}
	if b.Prefix.IsValid() && !b.Prefix.IsSingleIP() {
		e.observe("evidences.data.block.network", 12, network(b.Prefix))
	}
	return activity
}

func analyticOf(rule string) *ocsfAnalytic {
	if rule == "" {
		return nil
	}
	return &ocsfAnalytic{Name: rule, TypeID: 1, Type: analyticTypes[1]}
}

// evidence fills in the request that led to a finding, and whose account it was
// about.
func (e *ocsfEvent) evidence(r *gatehouse.Record) {
	v := ocsfEvidence{SrcEndpoint: endpointOf(r), HTTPRequest: requestOf(r), Data: receiptOf(r)}
	if u := userOf(r); u.TypeID != other {
		v.User = u
		e.Resources = []ocsfResource{{Name: u.Name, UID: u.UID, Type: "account", RoleID: 1, Role: resourceRoles[1]}}
		e.observeUser("evidences.user.", u)
	}
	if v.SrcEndpoint != nil {
		e.observe("evidences.src_endpoint.ip", 2, v.SrcEndpoint.IP)
	}
	if v.HTTPRequest != nil {
		e.observe("evidences.http_request.user_agent", 16, v.HTTPRequest.UserAgent)
	}
	// By itself, a request is not evidence that the schema accepts.
	if v.SrcEndpoint != nil || v.User != nil || v.Data != nil {
		e.Evidences = []ocsfEvidence{v}
	}
	if u := (ocsfUnmapped{SessionID: r.Session, Actor: r.Actor}); u != (ocsfUnmapped{}) {
		e.Unmapped = &u
	}
}
