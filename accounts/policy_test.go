package accounts_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
)

func TestPolicy(t *testing.T) {
	tests := []struct{ name, password, reason string }{
		{"a few words", "seven quiet herons", ""},
		{"random", "x7Kp!2mQ", ""},
		{"64 characters", strings.Repeat("quiet heron seven. ", 4)[:64], ""},
		{"other scripts", "тихая цапля у реки", ""},
		{"emoji count as characters", "🦩🏰🌊🔑🎻🧭🌵🪶", ""},
		{"empty", "", "password_too_short"},
		{"seven characters", "x7Kp!2m", "password_too_short"},
		{"short after normalisation", "e\u0301e\u0301e\u0301e\u0301", "password_too_short"},
		{"most common", "password", "password_common"},
		{"substitutions", "P@ssw0rd1", "password_common"},
		{"digits", "1234567890", "password_common"},
		{"keyboard", "qwertyuiop", "password_common"},
		{"repeated", strings.Repeat("a", 100), "password_common"},
		{"repeated words", strings.Repeat("password", 20), "password_common"},
		{"padded with spaces", "        ", "password_common"},
		{"strong end of a long one", strings.Repeat("a", 40) + "seven quiet herons sing", ""},
		{"strong start of a long one", "seven quiet herons sing" + strings.Repeat("a", 40), ""},
		{"the address", "quirine.v@example.com", "password_personal"},
		{"the name", "Vandersluizen1", "password_personal"},
		{"the product", "gatehouse1", "password_common"},
		{"name and much more", "quirine met seven quiet herons", ""},
		{"too long", strings.Repeat("quiet heron ", 100), "password_too_long"},
		{"invalid UTF-8", "seven quiet \xff herons", "password_characters"},
		{"control characters", "seven quiet\x00herons", "password_characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := accounts.Policy{}.Check(tt.password, "quirine.v@example.com", "Quirine Vandersluizen")
			var policy *accounts.PolicyError
			errors.As(err, &policy)
			switch {
			case tt.reason == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.reason != "" && (policy == nil || policy.Reason != tt.reason):
				t.Errorf("got %v, want %s", err, tt.reason)
			case err != nil && len(tt.password) > 4 && strings.Contains(err.Error(), tt.password) && tt.password != "password":
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestPolicyOptions(t *testing.T) {
	for _, tt := range []struct {
		policy   accounts.Policy
		password string
		ok       bool
	}{
		{accounts.Policy{MinLength: 12}, "x7Kp!2mQ", false},
		{accounts.Policy{MinLength: 3}, "x7Kp!2m", false}, // never below 8
		{accounts.Policy{MinScore: 4}, "x7Kp!2mQ", false},
		{accounts.Policy{MinScore: -1}, "password", true},
	} {
		if err := tt.policy.Check(tt.password, "", ""); (err == nil) != tt.ok {
			t.Errorf("%+v on %q: %v", tt.policy, tt.password, err)
		}
	}
}

// What zxcvbn is slowest on must not become a lever: many signups at once, each
// with the worst input, stay within a small multiple of hashing.
func TestPolicyTimeIsBounded(t *testing.T) {
	worst := strings.Repeat("4@8({[<369&#!1/|0$5+7%2", 30)[:accounts.MaxPassword]
	long := strings.Repeat("4@8({[<36 ", 2000)
	start := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { accounts.Policy{}.Check(worst, long, long) })
	}
	wg.Wait()
	if d := time.Since(start); d > 10*time.Second { // 0.2 s here; hours without the bounds
		t.Errorf("four checks took %s", d)
	}
}
