package gatehouse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// passwordIsRight stands for the check that an application has already.
func passwordIsRight(_, password string) bool { return password == "correct horse battery staple" }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func guardedLogin() http.Handler {
	g := must(guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(),
		Sightings: memory.NewSightings(memory.Options{}), Journal: memory.NewJournal(memory.Options{})}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		q, _ := httpguard.FromContext(r.Context())
		event := q.Event(gatehouse.LoginRefused)
		event.Account = r.FormValue("email")
		attempt, decision := g.Begin(r.Context(), event)
		if !decision.Allowed() {
			httpguard.Problem(w, r, httpguard.Refused(decision))
		} else if !passwordIsRight(event.Account, r.FormValue("password")) {
			attempt.Fail(r.Context(), time.Now(), "password")
			w.WriteHeader(http.StatusUnauthorized)
		} else if _, err := attempt.Succeed(r.Context(), time.Now(), gatehouse.Subject{User: event.Account}, gatehouse.Device{}); err != nil {
			httpguard.Error(w, r, err) // no success without its record
		}
	})
	return httpguard.New(g, httpguard.Options{}).Wrap(mux)
}

// A login that an application has already, guarded: the middleware finds out who
// asks, and the handler reserves a guess before it looks at the password.
func Example() {
	h := guardedLogin()
	for _, password := range []string{"1", "2", "3", "4", "5", "correct horse battery staple"} {
		form := url.Values{"email": {"ada@example.com"}, "password": {password}}.Encode()
		r := httptest.NewRequest("POST", "/login", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 401
	// 401
	// 401
	// 401
	// 401
	// 429
}
