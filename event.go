package gatehouse

import (
	"net/netip"
	"time"
)

// Kind is the type of an event or a finding, as the security log and alerts
// spell it.
type Kind string

// What happens at a login page.
const (
	LoginSucceeded        Kind = "login_succeeded"
	LoginFailed           Kind = "login_failed"
	LoginRefused          Kind = "login_refused" // answered before the password was looked at
	SignupSucceeded       Kind = "signup_succeeded"
	SignupFailed          Kind = "signup_failed"
	SignupRefused         Kind = "signup_refused"
	TokenRefreshed        Kind = "token_refreshed"
	TokenRefreshRepeated  Kind = "token_refresh_repeated" // a racing retry, given the same successor
	TokenRefreshFailed    Kind = "token_refresh_failed"
	TokenRefreshRefused   Kind = "token_refresh_refused"
	TokenReused           Kind = "token_reuse_detected" // a spent refresh token came back; its family was ended
	LoggedOut             Kind = "logout"
	LoggedOutEverywhere   Kind = "logout_everywhere"
	PasswordChanged       Kind = "password_changed"
	PasswordChangeFailed  Kind = "password_change_failed"
	PasswordChangeRefused Kind = "password_change_refused"

	PasswordResetRequested Kind = "password_reset_requested" // a link by mail was asked for, for an account that may be nobody's
	PasswordReset          Kind = "password_reset"
	PasswordResetFailed    Kind = "password_reset_failed" // with a link that is not good, or to a password that may not be chosen
	PasswordResetRefused   Kind = "password_reset_refused"
	LoginDisowned          Kind = "login_disowned" // the account holder said: this was not me

	DeviceEnded    Kind = "device_ended"    // a person ended the sessions of one device
	SessionEnded   Kind = "session_ended"   // a person ended one session
	RequestRefused Kind = "request_refused" // any other request from a blocked or limited address

	StepUpRequired  Kind = "step_up_required"  // an account holder must give the password again (RFC 9470)
	StepUpSucceeded Kind = "step_up_succeeded" // and did
	StepUpFailed    Kind = "step_up_failed"
	StepUpRefused   Kind = "step_up_refused"
)

// What operators do. Event.Actor says who did it.
const (
	AccountLocked     Kind = "account_locked" // nobody can log in to it
	AccountUnlocked   Kind = "account_unlocked"
	RoleChanged       Kind = "role_changed"        // what an operator may do on the dashboard
	RuleModeChanged   Kind = "rule_mode_changed"   // a rule was put in the shadow, or back in force
	AllowListExtended Kind = "allow_list_extended" // an address or network is never kept out from now on
	AllowListReduced  Kind = "allow_list_reduced"
	LogExported       Kind = "log_exported" // somebody took a copy of a part of the security log
)

// What the rules find.
const (
	BruteForceDetected     Kind = "brute_force_detected"
	MultipleDeviceLogin    Kind = "multiple_device_login"
	RapidTokenRefresh      Kind = "rapid_token_refresh"
	BotActivityDetected    Kind = "bot_activity_detected"
	GeographicAnomaly      Kind = "geographic_anomaly"
	AccountTakeoverAttempt Kind = "account_takeover_attempt"
	SuspiciousActivity     Kind = "suspicious_activity"
)

// What is done about it.
const (
	IPAddressBlocked   Kind = "ip_address_blocked"
	IPAddressUnblocked Kind = "ip_address_unblocked"
)

// Kinds lists all of the above.
func Kinds() []Kind {
	return []Kind{
		LoginSucceeded, LoginFailed, LoginRefused, SignupSucceeded, SignupFailed, SignupRefused,
		TokenRefreshed, TokenRefreshRepeated, TokenRefreshFailed, TokenRefreshRefused, TokenReused, LoggedOut, LoggedOutEverywhere,
		PasswordChanged, PasswordChangeFailed, PasswordChangeRefused,
		PasswordResetRequested, PasswordReset, PasswordResetFailed, PasswordResetRefused, LoginDisowned,
		DeviceEnded, SessionEnded, RequestRefused,
		StepUpRequired, StepUpSucceeded, StepUpFailed, StepUpRefused,
		AccountLocked, AccountUnlocked, RoleChanged, RuleModeChanged, AllowListExtended, AllowListReduced, LogExported,
		BruteForceDetected, MultipleDeviceLogin, RapidTokenRefresh, BotActivityDetected, GeographicAnomaly,
		AccountTakeoverAttempt, SuspiciousActivity, IPAddressBlocked, IPAddressUnblocked,
	}
}

// Client is who sent a request, as far as the network tells. Strings come from
// outside: CleanText them before they are stored or shown.
type Client struct {
	IP        netip.Addr `json:"ip,omitzero"` // unmapped, without zone
	UserAgent string     `json:"user_agent,omitempty"`
	Device    Device     `json:"device,omitzero"`
	Place     Place      `json:"place,omitzero"`
}

// Subject is whose account an event is about. Account is the name as it was
// typed, in canonical form, and may belong to nobody; User is the ID of an
// existing account, once known.
type Subject struct {
	User    string `json:"user_id,omitempty"`
	Account string `json:"account,omitempty"`
	Session string `json:"session_id,omitempty"`
}

// Device is a browser or an app that a person logs in with.
type Device struct {
	ID   string `json:"id,omitempty"`   // stable for one device of one user
	Name string `json:"name,omitempty"` // for people: "Firefox on Linux"
}

// Event is something that happened at the login page.
type Event struct {
	Kind Kind      `json:"type"`
	Time time.Time `json:"time"`
	Subject
	Client
	Endpoint string `json:"endpoint,omitempty"` // the route, never the raw path
	Reason   string `json:"reason,omitempty"`   // why it failed or was refused, in one word; why an operator did it, in their words
	// Actor is the account name of the operator who did it to the subject. It is
	// empty where the subject acted.
	Actor         string `json:"actor,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`
}

// Record is one line of the security log: an event, or a finding or block with
// the event that caused it.
type Record struct {
	ID string `json:"id"` // unique; sorts by time
	Event
	Severity Severity `json:"severity"`
	// Count is how many like records this one stands for, when a storm of
	// refusals is summed up. Zero and one both mean one.
	Count   int      `json:"count,omitempty"`
	Finding *Finding `json:"finding,omitempty"`
	Block   *Block   `json:"block,omitempty"`
}
