package dashboard

import (
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// kindGroup is types of records that people look for together. Each type is in one
// group.
type kindGroup struct {
	Value, Name string
	Kinds       []gatehouse.Kind
}

var kindGroups = []kindGroup{
	{"logins", "Logins and logouts", []gatehouse.Kind{
		gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.LoginRefused, gatehouse.LoginDisowned, gatehouse.LoggedOut, gatehouse.LoggedOutEverywhere}},
	{"signups", "Signups", []gatehouse.Kind{gatehouse.SignupSucceeded, gatehouse.SignupFailed, gatehouse.SignupRefused}},
	{"refreshes", "Token refreshes", []gatehouse.Kind{
		gatehouse.TokenRefreshed, gatehouse.TokenRefreshRepeated, gatehouse.TokenRefreshFailed, gatehouse.TokenRefreshRefused, gatehouse.TokenReused}},
	{"passwords", "Passwords", []gatehouse.Kind{
		gatehouse.PasswordChanged, gatehouse.PasswordChangeFailed, gatehouse.PasswordChangeRefused,
		gatehouse.PasswordResetRequested, gatehouse.PasswordReset, gatehouse.PasswordResetFailed, gatehouse.PasswordResetRefused}},
	{"sessions", "Devices and sessions", []gatehouse.Kind{
		gatehouse.DeviceEnded, gatehouse.SessionEnded, gatehouse.StepUpRequired, gatehouse.StepUpSucceeded, gatehouse.StepUpFailed, gatehouse.StepUpRefused}},
	{"findings", "Findings", []gatehouse.Kind{
		gatehouse.BruteForceDetected, gatehouse.MultipleDeviceLogin, gatehouse.RapidTokenRefresh, gatehouse.BotActivityDetected,
		gatehouse.GeographicAnomaly, gatehouse.AccountTakeoverAttempt, gatehouse.SuspiciousActivity}},
	{"blocks", "Blocks and requests", []gatehouse.Kind{gatehouse.IPAddressBlocked, gatehouse.IPAddressUnblocked, gatehouse.RequestRefused}},
	{"operators", "Operators", []gatehouse.Kind{
		gatehouse.AccountLocked, gatehouse.AccountUnlocked, gatehouse.RoleChanged, gatehouse.RuleModeChanged,
		gatehouse.AllowListExtended, gatehouse.AllowListReduced, gatehouse.LogExported}},
}

// kindsOf returns the types that a group or a type names; none if there is neither.
func kindsOf(name string) []gatehouse.Kind {
	for _, g := range kindGroups {
		if g.Value == name {
			return g.Kinds
		}
	}
	if kind := gatehouse.Kind(name); slices.Contains(gatehouse.Kinds(), kind) {
		return []gatehouse.Kind{kind}
	}
	return nil
}

// kindName is what people call a group or a type.
func kindName(value string) string {
	for _, g := range kindGroups {
		if g.Value == value {
			return g.Name
		}
	}
	return title(gatehouse.Kind(value))
}
