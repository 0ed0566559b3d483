package export

// The OCSF objects, as far as Gatehouse fills them. Names and meanings are the
// schema's; table.go says which are required.

type ocsfEvent struct {
	ActivityID    int            `json:"activity_id"`
	ActivityName  string         `json:"activity_name"`
	CategoryUID   int            `json:"category_uid"`
	CategoryName  string         `json:"category_name"`
	ClassUID      classID        `json:"class_uid"`
	ClassName     string         `json:"class_name"`
	TypeUID       int            `json:"type_uid"`
	TypeName      string         `json:"type_name"`
	Time          int64          `json:"time"` // milliseconds since 1970
	StartTime     int64          `json:"start_time,omitempty"`
	EndTime       int64          `json:"end_time,omitempty"`
	Count         int            `json:"count,omitempty"`
	SeverityID    int            `json:"severity_id"`
	Severity      string         `json:"severity"`
	StatusID      int            `json:"status_id"`
	Status        string         `json:"status"`
	StatusDetail  string         `json:"status_detail,omitempty"`
	Message       string         `json:"message"`
	Metadata      ocsfMetadata   `json:"metadata"`
	IsAlert       bool           `json:"is_alert,omitempty"`
	ActionID      int            `json:"action_id,omitempty"`
	Action        string         `json:"action,omitempty"`
	DispositionID int            `json:"disposition_id,omitempty"`
	Disposition   string         `json:"disposition,omitempty"`
	User          *ocsfUser      `json:"user,omitempty"`
	Actor         *ocsfActor     `json:"actor,omitempty"`
	Entity        *ocsfManaged   `json:"entity,omitempty"`
	Comment       string         `json:"comment,omitempty"`
	Service       *ocsfEntity    `json:"service,omitempty"`
	Session       *ocsfEntity    `json:"session,omitempty"`
	IsRemote      bool           `json:"is_remote,omitempty"`
	LogonTypeID   int            `json:"logon_type_id,omitempty"`
	LogonType     string         `json:"logon_type,omitempty"`
	AuthProtoID   int            `json:"auth_protocol_id,omitempty"`
	AuthProto     string         `json:"auth_protocol,omitempty"`
	SrcEndpoint   *ocsfEndpoint  `json:"src_endpoint,omitempty"`
	DstEndpoint   *ocsfEndpoint  `json:"dst_endpoint,omitempty"`
	HTTPRequest   *ocsfRequest   `json:"http_request,omitempty"`
	FindingInfo   *ocsfFinding   `json:"finding_info,omitempty"`
	Evidences     []ocsfEvidence `json:"evidences,omitempty"`
	Resources     []ocsfResource `json:"resources,omitempty"`
	Remediation   *ocsfRemedy    `json:"remediation,omitempty"`
	Observables   []ocsfObserved `json:"observables,omitempty"`
	Unmapped      *ocsfUnmapped  `json:"unmapped,omitempty"`
}

type ocsfMetadata struct {
	Version        string      `json:"version"`
	Product        ocsfProduct `json:"product"`
	UID            string      `json:"uid,omitempty"`
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	EventCode      string      `json:"event_code,omitempty"`
	LogName        string      `json:"log_name"`
	OriginalTime   string      `json:"original_time"`
	Profiles       []string    `json:"profiles,omitempty"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfUser struct {
	Name   string `json:"name,omitempty"`
	UID    string `json:"uid,omitempty"`
	Email  string `json:"email_addr,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfActor struct {
	User    *ocsfUser   `json:"user"`
	Session *ocsfEntity `json:"session,omitempty"`
}

// ocsfEntity is anything of which only a name or an ID is known.
type ocsfEntity struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

// ocsfManaged is something that operators manage.
type ocsfManaged struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type ocsfEndpoint struct {
	IP       string        `json:"ip,omitempty"`
	UID      string        `json:"uid,omitempty"`
	Name     string        `json:"name,omitempty"`
	SvcName  string        `json:"svc_name,omitempty"`
	ISP      string        `json:"isp,omitempty"`
	Location *ocsfLocation `json:"location,omitempty"`
}

type ocsfLocation struct {
	Country string   `json:"country"`
	City    string   `json:"city,omitempty"`
	Lat     *float64 `json:"lat,omitempty"`
	Long    *float64 `json:"long,omitempty"`
}

type ocsfRequest struct {
	UID       string   `json:"uid,omitempty"`
	Method    string   `json:"http_method,omitempty"`
	URL       *ocsfURL `json:"url,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
}

type ocsfURL struct {
	Path string `json:"path"`
}

type ocsfFinding struct {
	UID           string        `json:"uid"`
	Title         string        `json:"title"`
	Desc          string        `json:"desc"`
	Types         []string      `json:"types,omitempty"`
	CreatedTime   int64         `json:"created_time,omitempty"`
	ModifiedTime  int64         `json:"modified_time,omitempty"`
	FirstSeenTime int64         `json:"first_seen_time,omitempty"`
	LastSeenTime  int64         `json:"last_seen_time,omitempty"`
	Analytic      *ocsfAnalytic `json:"analytic,omitempty"`
	Attacks       []ocsfAttack  `json:"attacks,omitempty"`
}

type ocsfAnalytic struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfAttack struct {
	Technique ocsfEntity `json:"technique"`
}

type ocsfEvidence struct {
	SrcEndpoint *ocsfEndpoint `json:"src_endpoint,omitempty"`
	User        *ocsfUser     `json:"user,omitempty"`
	HTTPRequest *ocsfRequest  `json:"http_request,omitempty"`
	Data        *receipt      `json:"data,omitempty"`
}

type ocsfResource struct {
	Name   string `json:"name,omitempty"`
	UID    string `json:"uid,omitempty"`
	Type   string `json:"type"`
	RoleID int    `json:"role_id"`
	Role   string `json:"role"`
}

type ocsfRemedy struct {
	Desc string `json:"desc"`
}

type ocsfObserved struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	Value  string `json:"value"`
}

// ocsfUnmapped is what the class at hand has no attribute for.
type ocsfUnmapped struct {
	UserID    string   `json:"user_id,omitempty"`
	Account   string   `json:"account,omitempty"`
	SessionID string   `json:"session_id,omitempty"`
	Actor     string   `json:"actor,omitempty"`
	IP        string   `json:"ip,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
	Endpoint  string   `json:"endpoint,omitempty"`
	Data      *receipt `json:"data,omitempty"`
}
