package export

// The fields of ECS that Gatehouse fills.

type ecsDocument struct {
	Timestamp string        `json:"@timestamp"`
	ECS       ecsVersion    `json:"ecs"`
	Message   string        `json:"message"`
	Event     ecsEvent      `json:"event"`
	User      *ecsUser      `json:"user,omitempty"`
	Source    *ecsSource    `json:"source,omitempty"`
	Device    *ecsID        `json:"device,omitempty"`
	UserAgent *ecsUserAgent `json:"user_agent,omitempty"`
	HTTP      *ecsHTTP      `json:"http,omitempty"`
	URL       *ecsURL       `json:"url,omitempty"`
	Rule      *ecsRule      `json:"rule,omitempty"`
	Threat    *ecsThreat    `json:"threat,omitempty"`
	Related   *ecsRelated   `json:"related,omitempty"`
	Labels    *ecsLabels    `json:"labels,omitempty"`
	Observer  ecsObserver   `json:"observer"`
	Gatehouse *ecsGatehouse `json:"gatehouse,omitempty"`
}

type ecsVersion struct {
	Version string `json:"version"`
}

type ecsEvent struct {
	Kind     string   `json:"kind"`
	Category []string `json:"category,omitempty"`
	Type     []string `json:"type,omitempty"`
	Action   string   `json:"action,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	Severity int      `json:"severity"`
	ID       string   `json:"id,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Module   string   `json:"module"`
	Dataset  string   `json:"dataset"`
	Provider string   `json:"provider"`
	Start    string   `json:"start,omitempty"`
	End      string   `json:"end,omitempty"`
}

type ecsUser struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	// Target is whom the user acted upon, if that is somebody else.
	Target *ecsUser `json:"target,omitempty"`
}

type ecsSource struct {
	IP  string  `json:"ip,omitempty"`
	Geo *ecsGeo `json:"geo,omitempty"`
	AS  *ecsAS  `json:"as,omitempty"`
}

type ecsGeo struct {
	Country  string       `json:"country_iso_code"`
	City     string       `json:"city_name,omitempty"`
	Location *ecsLocation `json:"location,omitempty"`
}

type ecsLocation struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

type ecsAS struct {
	Organization ecsName `json:"organization"`
}

type ecsName struct {
	Name string `json:"name"`
}

type ecsID struct {
	ID string `json:"id"`
}

type ecsUserAgent struct {
	Original string   `json:"original,omitempty"`
	Device   *ecsName `json:"device,omitempty"`
}

type ecsHTTP struct {
	Request ecsRequest `json:"request"`
}

type ecsRequest struct {
	ID     string `json:"id,omitempty"`
	Method string `json:"method,omitempty"`
}

type ecsURL struct {
	Path string `json:"path"`
}

type ecsRule struct {
	Name    string `json:"name"`
	Ruleset string `json:"ruleset"`
}

type ecsThreat struct {
	Framework string       `json:"framework"`
	Technique ecsTechnique `json:"technique"`
}

type ecsTechnique struct {
	ID   []string `json:"id"`
	Name []string `json:"name"`
}

type ecsRelated struct {
	IP   []string `json:"ip,omitempty"`
	User []string `json:"user,omitempty"`
}

type ecsLabels struct {
	CorrelationID string `json:"correlation_id"`
}

type ecsObserver struct {
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	Version string `json:"version,omitempty"`
	Type    string `json:"type"`
}

// ecsGatehouse holds the fields of our own, apart from those of the schema.
type ecsGatehouse struct {
	SessionID string   `json:"session_id,omitempty"`
	Count     int      `json:"count,omitempty"`
	FindingID string   `json:"finding_id,omitempty"`
	Receipt   *receipt `json:"receipt,omitempty"`
}
