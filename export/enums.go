package export

import "github.com/fluxstudio/gatehouse"

// OCSFVersion is the version of the OCSF schema that [OCSF] writes, as every
// event says in metadata.version.
const OCSFVersion = "1.6.0"

// Enum is the values that the schema allows for an attribute, with their
// captions.
type Enum map[int]string

// classID is the class_uid of an OCSF event class.
type classID int

const (
	baseEvent        classID = 0
	detectionFinding classID = 2004
	accountChange    classID = 3001
	authentication   classID = 3002
	entityManagement classID = 3004
	httpActivity     classID = 4002
)

// Activities. What a number means depends on the class.
const (
	unknown        = 0
	create         = 1  // 2004, 3001
	update         = 2  // 2004
	readEntity     = 2  // 3004
	updateEntity   = 3  // 3004
	closeIt        = 3  // 2004
	passwordChange = 3  // 3001
	passwordReset  = 4  // 3001
	lock           = 9  // 3001
	unlock         = 12 // 3001
	logon          = 1  // 3002
	logoff         = 2  // 3002
	other          = 99 // named by activity_name
)

// classInfo is what the schema says of a class as such.
type classInfo struct {
	name       string
	category   int
	activities Enum
	statuses   Enum
}

var classInfos = map[classID]classInfo{
	baseEvent: {"Base Event", 0, Enum{0: "Unknown", 99: "Other"}, outcomes},
	detectionFinding: {"Detection Finding", 2, Enum{
		0: "Unknown", 1: "Create", 2: "Update", 3: "Close", 99: "Other",
	}, Enum{
		0: "Unknown", 1: "New", 2: "In Progress", 3: "Suppressed", 4: "Resolved", 5: "Archived", 6: "Deleted", 99: "Other",
	}},
	accountChange: {"Account Change", 3, Enum{
		0: "Unknown", 1: "Create", 2: "Enable", 3: "Password Change", 4: "Password Reset", 5: "Disable", 6: "Delete",
		7: "Attach Policy", 8: "Detach Policy", 9: "Lock", 10: "MFA Factor Enable", 11: "MFA Factor Disable",
		12: "Unlock", 99: "Other",
	}, outcomes},
	authentication: {"Authentication", 3, Enum{
		0: "Unknown", 1: "Logon", 2: "Logoff", 3: "Authentication Ticket", 4: "Service Ticket Request",
		5: "Service Ticket Renew", 6: "Preauth", 7: "Account Switch", 99: "Other",
	}, outcomes},
	entityManagement: {"Entity Management", 3, Enum{
		0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", 5: "Move", 6: "Enroll", 7: "Unenroll",
		8: "Enable", 9: "Disable", 10: "Activate", 11: "Deactivate", 12: "Suspend", 13: "Resume", 99: "Other",
	}, outcomes},
	httpActivity: {"HTTP Activity", 4, Enum{
		0: "Unknown", 1: "Connect", 2: "Delete", 3: "Get", 4: "Head", 5: "Options", 6: "Post", 7: "Put", 8: "Trace",
		9: "Patch", 99: "Other",
	}, outcomes},
}

var (
	categories = Enum{
		0: "Uncategorized", 1: "System Activity", 2: "Findings", 3: "Identity & Access Management",
		4: "Network Activity", 5: "Discovery", 6: "Application Activity", 7: "Remediation", 8: "Unmanned Systems",
	}
	severities = Enum{
		0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal", 99: "Other",
	}
	outcomes = Enum{0: "Unknown", 1: "Success", 2: "Failure", 99: "Other"}
	actions  = Enum{0: "Unknown", 1: "Allowed", 2: "Denied", 99: "Other"}
	// The dispositions that are used; the schema has 27 more.
	dispositions  = Enum{1: "Allowed", 2: "Blocked", 17: "Logged", 19: "Alert"}
	userTypes     = Enum{0: "Unknown", 1: "User", 2: "Admin", 3: "System", 4: "Service", 99: "Other"}
	authProtocols = Enum{
		0: "Unknown", 1: "NTLM", 2: "Kerberos", 3: "Digest", 4: "OpenID", 5: "SAML", 6: "OAUTH 2.0", 7: "PAP",
		8: "CHAP", 9: "EAP", 10: "RADIUS", 11: "Basic Authentication", 12: "LDAP", 99: "Other",
	}
	// The logon types that are used; the schema has 12 more.
	logonTypes    = Enum{0: "Unknown", 3: "Network", 99: "Other"}
	analyticTypes = Enum{
		0: "Unknown", 1: "Rule", 2: "Behavioral", 3: "Statistical", 4: "Learning (ML/DL)", 5: "Fingerprinting",
		6: "Tagging", 7: "Keyword Match", 8: "Regular Expressions", 9: "Exact Data Match", 10: "Partial Data Match",
		11: "Indexed Data Match", 99: "Other",
	}
	resourceRoles = Enum{0: "Unknown", 1: "Target", 2: "Actor", 3: "Affected", 4: "Related", 99: "Other"}
	// The observables that are used; the schema has 40 more.
	observableTypes = Enum{0: "Unknown", 2: "IP Address", 4: "User Name", 5: "Email Address", 12: "Subnet", 16: "HTTP User-Agent", 31: "User uid", 99: "Other"}
)

// httpMethods are the methods that HTTP Activity knows, with its activity_id.
var httpMethods = map[string]int{
	"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9,
}

// severityOf puts Gatehouse's four severities where their OCSF definitions fit:
// a warning is Low, "the user decides if action is needed".
func severityOf(s gatehouse.Severity) (id int, caption string) {
	switch s {
	case gatehouse.Info:
		id = 1
	case gatehouse.Warning:
		id = 2
	case gatehouse.High:
		id = 4
	default:
		id = 5
	}
	return id, severities[id]
}
