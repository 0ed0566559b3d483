package authserver_test

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// Whatever is accepted means the same to the standard decoder, and whatever is
// refused is refused with 400.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"email":"a@example.com","password":"x"}`, `{}`, `null`, `[]`, `{"email":null}`, `{"email":"\ud83d\ude00"}`,
		`{"email":"\ud800"}`, `{"email":"\\ud800"}`, `{"email":"a","email":"b"}`, `{"x":{"email":"c"},"email":"\u0000"}`, "\xff", `{"a":1}{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		email, password, err := authserver.Parse(body)
		if err != nil {
			var p httpguard.ProblemDetails
			if !errors.As(err, &p) || p.Status != 400 || p.Detail == "" || !utf8.ValidString(p.Detail) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("accepted although %v", err)
		}
		for name, got := range map[string]string{"email": email, "password": password} {
			want, _ := m[name].(string)
			if got != want || m[name] != nil && want == "" && m[name] != "" {
				t.Fatalf("%s is %q, want %v", name, got, m[name])
			}
		}
	})
}
