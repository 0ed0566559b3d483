package export

// Objects that occur in several classes, and their constraints.
var (
	entityAttributes = []Attribute{
		{"name", Recommended, "string", nil, "gatehouse"},
	}
	entityConstraint = []string{"name", "uid"}

	userAttributes = []Attribute{
		{"name", Recommended, "string", nil, `Account; "unknown" when there is none`},
		{"uid", Recommended, "string", nil, "User"},
		{"email_addr", Optional, "string", nil, "Account, when it is an e-mail address"},
		{"type_id", Recommended, "integer", userTypes, "1 with User, 0 with Account alone, 99 with neither; 2 of an Actor"},
		{"type", Optional, "string", nil, ""},
	}
	operatorAttributes = []Attribute{
		{"name", Recommended, "string", nil, "Actor"},
		{"email_addr", Optional, "string", nil, "Actor, when it is an e-mail address"},
		{"type_id", Recommended, "integer", userTypes, "Admin"},
		{"type", Optional, "string", nil, "Admin"},
	}
	userConstraint = []string{"account", "name", "uid"}

	endpointAttributes = []Attribute{
		{"ip", Recommended, "string", nil, "IP"},
		{"uid", Recommended, "string", nil, "Device.ID"},
		{"name", Recommended, "string", nil, "Device.Name"},
		{"svc_name", Recommended, "string", nil, "gatehouse, of the responder"},
		{"isp", Optional, "string", nil, "Place.Network"},
	}
	endpointConstraint = []string{"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name", "domain"}

	locationAttributes = []Attribute{
		{"country", Recommended, "string", nil, "Place.Country"},
		{"city", Recommended, "string", nil, "Place.City"},
		{"lat", Optional, "number", nil, "Place.Lat"},
		{"long", Optional, "number", nil, "Place.Lon"},
	}

	requestAttributes = []Attribute{
		{"uid", Optional, "string", nil, "CorrelationID"},
		{"http_method", Recommended, "string", nil, "Endpoint"},
		{"user_agent", Recommended, "string", nil, "UserAgent"},
	}

	unmappedAttributes = []Attribute{
		{"user_id", Optional, "string", nil, "User"},
		{"account", Optional, "string", nil, "Account"},
		{"session_id", Optional, "string", nil, "Session"},
		{"actor", Optional, "string", nil, "Actor"},
		{"ip", Optional, "string", nil, "IP"},
		{"user_agent", Optional, "string", nil, "UserAgent"},
		{"endpoint", Optional, "string", nil, "Endpoint"},
		{"data", Optional, "json", nil, "Finding, Block"},
	}
)

// baseAttributes are those of every class.
func baseAttributes(uid classID, info classInfo) []Attribute {
	types := make(Enum, len(info.activities))
	for id, caption := range info.activities {
		types[int(uid)*100+id] = info.name + ": " + caption
	}
	return []Attribute{
		{"class_uid", Required, "integer", Enum{int(uid): info.name}, "Kind"},
		{"class_name", Optional, "string", nil, "Kind"},
		{"category_uid", Required, "integer", Enum{info.category: categories[info.category]}, "Kind"},
		{"category_name", Optional, "string", nil, "Kind"},
		{"activity_id", Required, "integer", info.activities, "Kind"},
		{"activity_name", Optional, "string", nil, "Kind"},
		{"type_uid", Required, "long", types, "class_uid * 100 + activity_id"},
		{"type_name", Optional, "string", nil, "Kind"},
		{"time", Required, "timestamp", nil, "Time"},
		{"severity_id", Required, "integer", severities, "Severity"},
		{"severity", Optional, "string", nil, "Severity"},
		{"status_id", Recommended, "integer", info.statuses, "Kind"},
		{"status", Recommended, "string", nil, "Kind"},
		{"status_detail", Recommended, "string", nil, "Reason"},
		{"message", Recommended, "string", nil, "a sentence"},
		{"count", Optional, "integer", nil, "Count"},
		{"metadata", Required, "object", nil, ""},
		{"metadata.version", Required, "string", nil, OCSFVersion},
		{"metadata.product", Required, "object", nil, ""},
		{"metadata.product.name", Recommended, "string", nil, "gatehouse"},
		{"metadata.product.vendor_name", Recommended, "string", nil, "gatehouse"},
		{"metadata.product.version", Recommended, "string", nil, "of the release"},
		{"metadata.uid", Optional, "string", nil, "ID"},
		{"metadata.correlation_uid", Optional, "string", nil, "CorrelationID"},
		{"metadata.event_code", Optional, "string", nil, "Kind"},
		{"metadata.log_name", Recommended, "string", nil, "security"},
		{"metadata.original_time", Recommended, "string", nil, "Time"},
		{"observables", Recommended, "list", nil, ""},
		{"observables[].name", Recommended, "string", nil, "where the value stands"},
		{"observables[].type_id", Required, "integer", observableTypes, ""},
		{"observables[].type", Optional, "string", nil, ""},
		{"observables[].value", Optional, "string", nil, "the value"},
	}
}

// findingAttributes are those of Detection Finding alone.
func findingAttributes(c *Class) {
	c.control()
	c.Attributes = append(c.Attributes,
		Attribute{"is_alert", Recommended, "boolean", nil, "true when the activity is Create, but for blocks"},
		Attribute{"start_time", Optional, "timestamp", nil, "Finding.First"},
		Attribute{"end_time", Optional, "timestamp", nil, "Finding.Last"})
	c.object("finding_info", Required, "Finding", []Attribute{
		{"uid", Required, "string", nil, "Finding.ID; Block.Finding or Block.ID; ID"},
		{"title", Recommended, "string", nil, "Kind"},
		{"desc", Optional, "string", nil, "a sentence"},
		{"types", Optional, "strings", nil, "Kind"},
		{"created_time", Optional, "timestamp", nil, "Finding.First, Time"},
		{"modified_time", Optional, "timestamp", nil, "Finding.Last, Time"},
		{"first_seen_time", Optional, "timestamp", nil, "Finding.First"},
		{"last_seen_time", Optional, "timestamp", nil, "Finding.Last"},
	}, nil)
	c.object("finding_info.analytic", Recommended, "Finding.Rule, Block.Rule", []Attribute{
		{"name", Recommended, "string", nil, "Finding.Rule, Block.Rule"},
		{"type_id", Required, "integer", analyticTypes, "Rule"},
		{"type", Optional, "string", nil, "Rule"},
	}, entityConstraint)
	c.list("finding_info.attacks", Optional, "Kind, by MITRE ATT&CK", nil, []string{"tactic", "technique", "sub_technique"})
	c.object("finding_info.attacks[].technique", Recommended, "Kind", []Attribute{
		{"uid", Recommended, "string", nil, "Kind"},
		{"name", Recommended, "string", nil, "Kind"},
	}, entityConstraint)
	c.list("evidences", Recommended, "the request that led to it", nil, []string{"actor", "data", "src_endpoint", "user"})
	c.client("evidences[].", Recommended, Recommended)
	c.object("evidences[].user", Recommended, "Subject", userAttributes, userConstraint)
	c.Attributes = append(c.Attributes, Attribute{"evidences[].data", Optional, "json", nil, "Finding, Block"})
	c.list("resources", Recommended, "Subject", []Attribute{
		{"name", Recommended, "string", nil, "Account"},
		{"uid", Recommended, "string", nil, "User"},
		{"type", Optional, "string", nil, "account"},
		{"role_id", Recommended, "integer", resourceRoles, "Target"},
		{"role", Optional, "string", nil, "Target"},
	}, entityConstraint)
	c.object("remediation", Optional, "Action.Undo, Block.Prefix", []Attribute{
		{"desc", Required, "string", nil, "how to undo the response"},
	}, nil)
	c.add("unmapped", unmappedAttributes)
}
