package export

import "github.com/fluxstudio/gatehouse"

// outcome is how the thing that a record tells of ended.
type outcome uint8

const (
	noOutcome outcome = iota
	succeeded
	failed
	refused // failed because Gatehouse did not let it through
)

// shape is how one kind of record is told in the words of both schemas.
type shape struct {
	title    string // how a sentence about it begins
	class    classID
	activity int
	name     string // of the activity, where the class has no word for it (99)
	outcome  outcome
	category []string // ECS event.category
	types    []string // ECS event.type
	attack   *technique
}

// technique is a technique of MITRE ATT&CK.
type technique struct{ id, name string }

// Techniques that the rules look for, by attack.mitre.org.
var (
	bruteForce    = &technique{"T1110", "Brute Force"}
	validAccounts = &technique{"T1078", "Valid Accounts"}
	stolenToken   = &technique{"T1528", "Steal Application Access Token"}
)

// Values of ECS event.category and event.type that recur.
var (
	loginCategory   = []string{"authentication"}
	sessionCategory = []string{"authentication", "session"}
	accountCategory = []string{"iam"}
	refusedLogin    = []string{"authentication", "intrusion_detection"}
	refusedAccount  = []string{"iam", "intrusion_detection"}
	detection       = []string{"intrusion_detection"}

	start         = []string{"start"}
	startDenied   = []string{"start", "denied"}
	info          = []string{"info"}
	infoDenied    = []string{"info", "denied"}
	end           = []string{"end"}
	created       = []string{"user", "creation"}
	createDenied  = []string{"user", "creation", "denied"}
	changed       = []string{"user", "change"}
	changedDenied = []string{"user", "change", "denied"}
	userInfo      = []string{"user", "info"}
	roleChanged   = []string{"admin", "user", "change"}

	settingCategory = []string{"configuration"}
	settingChanged  = []string{"change"}
)

// Activities that a class has no word for, and come up for several kinds.
const (
	tokenRefresh = "Token Refresh"
	stepUp       = "Step-Up"
)

// shapes holds every kind of gatehouse.Kinds.
var shapes = map[gatehouse.Kind]shape{
	gatehouse.LoginSucceeded:       {"Login succeeded", authentication, logon, "", succeeded, loginCategory, start, nil},
	gatehouse.LoginFailed:          {"Login failed", authentication, logon, "", failed, loginCategory, start, nil},
	gatehouse.LoginRefused:         {"Login refused", authentication, logon, "", refused, refusedLogin, startDenied, nil},
	gatehouse.TokenRefreshed:       {"Token refreshed", authentication, other, tokenRefresh, succeeded, sessionCategory, info, nil},
	gatehouse.TokenRefreshRepeated: {"Token refresh repeated", authentication, other, tokenRefresh, succeeded, sessionCategory, info, nil},
	gatehouse.TokenRefreshFailed:   {"Token refresh failed", authentication, other, tokenRefresh, failed, sessionCategory, info, nil},
	gatehouse.TokenRefreshRefused:  {"Token refresh refused", authentication, other, tokenRefresh, refused, refusedLogin, infoDenied, nil},
	gatehouse.LoggedOut:            {"Logged out", authentication, logoff, "", succeeded, sessionCategory, end, nil},
	gatehouse.LoggedOutEverywhere:  {"Logged out everywhere", authentication, logoff, "", succeeded, sessionCategory, end, nil},
	gatehouse.DeviceEnded:          {"Sessions of a device ended", authentication, logoff, "", succeeded, sessionCategory, end, nil},

	gatehouse.SessionEnded:    {"Session ended", authentication, logoff, "", succeeded, sessionCategory, end, nil},
	gatehouse.StepUpSucceeded: {"Password given again", authentication, other, stepUp, succeeded, sessionCategory, info, nil},
	gatehouse.StepUpFailed:    {"Wrong password given again", authentication, other, stepUp, failed, sessionCategory, info, nil},
	gatehouse.StepUpRefused:   {"Password given again refused", authentication, other, stepUp, refused, refusedLogin, infoDenied, nil},

	gatehouse.SignupSucceeded:       {"Signup succeeded", accountChange, create, "", succeeded, accountCategory, created, nil},
	gatehouse.SignupFailed:          {"Signup failed", accountChange, create, "", failed, accountCategory, created, nil},
	gatehouse.SignupRefused:         {"Signup refused", accountChange, create, "", refused, refusedAccount, createDenied, nil},
	gatehouse.PasswordChanged:       {"Password changed", accountChange, passwordChange, "", succeeded, accountCategory, changed, nil},
	gatehouse.PasswordChangeFailed:  {"Password change failed", accountChange, passwordChange, "", failed, accountCategory, changed, nil},
	gatehouse.PasswordChangeRefused: {"Password change refused", accountChange, passwordChange, "", refused, refusedAccount, changedDenied, nil},

	gatehouse.PasswordResetRequested: {"Password reset requested", accountChange, other, "Password Reset Request", succeeded, accountCategory, userInfo, nil},
	gatehouse.PasswordReset:          {"Password reset", accountChange, passwordReset, "", succeeded, accountCategory, changed, nil},
	gatehouse.PasswordResetFailed:    {"Password reset failed", accountChange, passwordReset, "", failed, accountCategory, changed, nil},
	gatehouse.PasswordResetRefused:   {"Password reset refused", accountChange, passwordReset, "", refused, refusedAccount, changedDenied, nil},

	gatehouse.StepUpRequired:  {"Password must be given again", accountChange, other, "Step-Up Requirement", succeeded, accountCategory, changed, nil},
	gatehouse.AccountLocked:   {"Account locked", accountChange, lock, "", succeeded, accountCategory, changed, nil},
	gatehouse.AccountUnlocked: {"Account unlocked", accountChange, unlock, "", succeeded, accountCategory, changed, nil},
	gatehouse.RoleChanged:     {"Role changed", accountChange, other, "Role Change", succeeded, accountCategory, roleChanged, nil},

	gatehouse.RuleModeChanged:   {"Mode of a rule changed", entityManagement, updateEntity, "", succeeded, settingCategory, settingChanged, nil},
	gatehouse.AllowListExtended: {"Allow list extended", entityManagement, updateEntity, "", succeeded, settingCategory, settingChanged, nil},
	gatehouse.AllowListReduced:  {"Allow list reduced", entityManagement, updateEntity, "", succeeded, settingCategory, settingChanged, nil},
	gatehouse.LogExported:       {"Security log exported", entityManagement, readEntity, "", succeeded, []string{"database"}, []string{"access"}, nil},

	gatehouse.RequestRefused: {"Request refused", httpActivity, unknown, "", refused, []string{"web", "intrusion_detection"}, []string{"access", "denied"}, nil},

	gatehouse.LoginDisowned:          {"Login disowned by the account holder", detectionFinding, create, "", noOutcome, detection, info, validAccounts},
	gatehouse.TokenReused:            {"Spent refresh token came back", detectionFinding, create, "", noOutcome, detection, info, stolenToken},
	gatehouse.BruteForceDetected:     {"Brute force", detectionFinding, create, "", noOutcome, detection, info, bruteForce},
	gatehouse.MultipleDeviceLogin:    {"Logins on many devices", detectionFinding, create, "", noOutcome, detection, info, nil},
	gatehouse.RapidTokenRefresh:      {"Rapid token refresh", detectionFinding, create, "", noOutcome, detection, info, stolenToken},
	gatehouse.BotActivityDetected:    {"Bot activity", detectionFinding, create, "", noOutcome, detection, info, nil},
	gatehouse.GeographicAnomaly:      {"Geographic anomaly", detectionFinding, create, "", noOutcome, detection, info, validAccounts},
	gatehouse.AccountTakeoverAttempt: {"Account takeover attempt", detectionFinding, create, "", noOutcome, detection, info, validAccounts},
	gatehouse.SuspiciousActivity:     {"Suspicious user agent", detectionFinding, create, "", noOutcome, detection, info, nil},

	gatehouse.IPAddressBlocked:   {"Address blocked", detectionFinding, update, "", noOutcome, detection, []string{"denied"}, nil},
	gatehouse.IPAddressUnblocked: {"Address unblocked", detectionFinding, closeIt, "", noOutcome, detection, []string{"allowed"}, nil},
}

// entities names what operators manage, by the kinds of class entityManagement.
var entities = map[gatehouse.Kind]ocsfManaged{
	gatehouse.RuleModeChanged:   {"detection rules", "policy"},
	gatehouse.AllowListExtended: {"allow list", "policy"},
	gatehouse.AllowListReduced:  {"allow list", "policy"},
	gatehouse.LogExported:       {"security log", "log"},
}

// aboutAddress reports whether the address of a record is what it is about, not
// where a request came from.
func aboutAddress(r *gatehouse.Record) bool {
	return r.Kind == gatehouse.AllowListExtended || r.Kind == gatehouse.AllowListReduced
}

// shapeOf returns the shape of a record. A kind that is not known becomes a
// detection when the record carries a finding, and otherwise the event that
// both schemas keep for what they have no word for.
func shapeOf(r *gatehouse.Record) shape {
	if s, ok := shapes[r.Kind]; ok {
		return s
	}
	s := shape{title: "Event of unknown type", class: baseEvent, activity: other, name: "Other"}
	if kind := string(r.Kind); kind != "" {
		s.title, s.name = kind, kind
	}
	if r.Finding != nil {
		s.class, s.activity, s.name = detectionFinding, create, ""
		s.category, s.types = detection, info
	}
	return s
}
