package authserver

import (
	"errors"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// Failure is an unexpected error together with the user whose request it ended.
// httpguard.Options.OnError finds it with errors.As. It is answered with a plain
// 500.
type Failure struct {
	User string // the ID
	Err  error
}

// Error returns the text of Err.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// failed adds the user, if one is known, to an error that is not an answer yet.
func failed(user string, err error) error {
	var p httpguard.ProblemDetails
	if err == nil || user == "" || errors.As(err, &p) {
		return err
	}
	return &Failure{User: user, Err: err}
}

// challenge is what RFC 9110, section 11.6.1, wants with every 401.
const challenge = `Bearer realm="gatehouse"`

// unauthorized answers 401. The reason is for a bearer token that is not good
// (RFC 6750, section 3.1).
func unauthorized(w http.ResponseWriter, detail, reason string) error {
	value := challenge
	if reason != "" {
		value += `, error="` + reason + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	return httpguard.ProblemDetails{Status: http.StatusUnauthorized, Detail: detail}
}

// refused answers for a decision that is not to go on.
func refused(d gatehouse.Decision) error { return httpguard.Refused(d) }

func badRequest(detail string) error {
	return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: detail}
}

// chosen returns the problem with something that a person chose, after its name
// for the log, or nothing if err is not about that.
func chosen(err error) (reason string, problem error) {
	var policy *accounts.PolicyError
	switch {
	case errors.As(err, &policy):
		return policy.Reason, httpguard.ProblemDetails{Status: http.StatusUnprocessableEntity, Detail: policy.Detail}
	case errors.Is(err, accounts.ErrTaken):
		return "account_taken", httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "There is an account with this e-mail address."}
	}
	return "", nil
}
