package dashboard

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/rules"
)

// titles are what people call what is in the log.
var titles = map[gatehouse.Kind]string{
	gatehouse.LoginSucceeded:         "Signed in",
	gatehouse.LoginFailed:            "Failed login",
	gatehouse.LoginRefused:           "Login refused",
	gatehouse.SignupSucceeded:        "Signed up",
	gatehouse.SignupFailed:           "Failed signup",
	gatehouse.SignupRefused:          "Signup refused",
	gatehouse.TokenRefreshed:         "Token refreshed",
	gatehouse.TokenRefreshRepeated:   "Token refresh repeated",
	gatehouse.TokenRefreshFailed:     "Failed token refresh",
	gatehouse.TokenRefreshRefused:    "Token refresh refused",
	gatehouse.TokenReused:            "Spent token came back",
	gatehouse.LoggedOut:              "Signed out",
	gatehouse.LoggedOutEverywhere:    "Signed out everywhere",
	gatehouse.PasswordChanged:        "Password changed",
	gatehouse.PasswordChangeFailed:   "Failed password change",
	gatehouse.PasswordChangeRefused:  "Password change refused",
	gatehouse.PasswordResetRequested: "New password asked for",
	gatehouse.PasswordReset:          "Password reset",
	gatehouse.PasswordResetFailed:    "Failed password reset",
	gatehouse.PasswordResetRefused:   "Password reset refused",
	gatehouse.LoginDisowned:          "“This was not me”",
	gatehouse.DeviceEnded:            "Device signed out",
	gatehouse.SessionEnded:           "Session ended",
	gatehouse.RequestRefused:         "Request refused",
	gatehouse.StepUpRequired:         "Password must be given again",
	gatehouse.StepUpSucceeded:        "Password given again",
	gatehouse.StepUpFailed:           "Failed to give the password again",
	gatehouse.StepUpRefused:          "Giving the password again refused",
	gatehouse.AccountLocked:          "Account locked",
	gatehouse.AccountUnlocked:        "Account unlocked",
	gatehouse.RoleChanged:            "Role changed",
	gatehouse.RuleModeChanged:        "Rule switched",
	gatehouse.AllowListExtended:      "Allow list extended",
	gatehouse.AllowListReduced:       "Allow list reduced",
	gatehouse.LogExported:            "Log exported",
	gatehouse.BruteForceDetected:     "Brute force",
	gatehouse.MultipleDeviceLogin:    "Many devices",
	gatehouse.RapidTokenRefresh:      "Rapid token refresh",
	gatehouse.BotActivityDetected:    "Bot activity",
	gatehouse.GeographicAnomaly:      "Geographic anomaly",
	gatehouse.AccountTakeoverAttempt: "Account takeover",
	gatehouse.SuspiciousActivity:     "Suspicious user agent",
	gatehouse.IPAddressBlocked:       "Address blocked",
	gatehouse.IPAddressUnblocked:     "Block lifted",
}

// title is what people call a kind of event or finding.
func title(k gatehouse.Kind) string {
	if t, ok := titles[k]; ok {
		return t
	}
	return words(string(k))
}

// ruleName is a rule's name for people.
func ruleName(rule string) string { return words(rule) }

func words(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	if name == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// nouns are what the rules count.
var nouns = map[string][2]string{
	rules.BruteForce:        {"failed login", "failed logins"},
	rules.MultipleDevices:   {"device", "devices"},
	rules.RapidTokenRefresh: {"token refresh", "token refreshes"},
	rules.BotActivity:       {"request", "requests"},
	rules.RapidSignup:       {"signup", "signups"},
}

// sentence says in one line what a record is about: for a finding, what was
// counted against which limit.
func sentence(r gatehouse.Record) string {
	f := r.Finding
	switch {
	case f == nil && r.Kind == gatehouse.TokenReused:
		return "A spent refresh token came back. Thief and owner cannot be told apart, so the session was ended."
	case f == nil && r.Kind == gatehouse.LoginDisowned:
		return "The account holder says that somebody else was at the account. All devices were signed out and the password made useless."
	case f == nil:
		return words(r.Reason)
	case f.Evidence.Travel != nil:
		t := f.Evidence.Travel
		s := fmt.Sprintf("From %s to %s, at least %.0f km in %s", web.Place(t.From.Place), web.Place(t.To.Place), t.DistanceKm, web.Duration(t.To.Time.Sub(t.From.Time)))
		if len(f.Evidence.Signs) > 0 {
			s += " (" + strings.ReplaceAll(strings.Join(f.Evidence.Signs, ", "), "_", " ") + ")"
		}
		return s + "."
	case f.Threshold == 0 && f.Evidence.Pattern != "":
		return "Recognised as " + f.Evidence.Pattern + "."
	case f.Threshold == 0:
		return "Recognised by the user agent."
	}
	s := fmt.Sprintf("%s within %s; the limit is %d", web.Plural(f.Observed, nouns[f.Rule][0], nouns[f.Rule][1]), web.Duration(f.Window), f.Threshold)
	if f.Evidence.Endpoint != "" {
		s += ", at " + f.Evidence.Endpoint
	}
	if f.Count > 1 {
		s += fmt.Sprintf("; %d times so far", f.Count)
	}
	return s + "."
}
