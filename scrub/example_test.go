package scrub_test

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/fluxstudio/gatehouse/scrub"
)

func Example() {
	s := scrub.New(scrub.Options{ExtraNames: []string{"customer number"}})
	fmt.Println(s.Text(`login failed: {"email":"a@example.com","password":"hunter2"}`))
	fmt.Println(s.URL("https://bob:hunter2@example.com/cb?code=4f0a&page=2"))
	fmt.Println(s.Value(map[string]any{"CustomerNumber": 17, "attempt": 3}))
	// Output:
	// login failed: {"email":"a@example.com","password":"[scrubbed]"}
	// https://[scrubbed]@example.com/cb?code=[scrubbed]&page=2
	// map[CustomerNumber:[scrubbed] attempt:3]
}

func ExampleNewHandler() {
	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(scrub.NewHandler(text, scrub.New(scrub.Options{})))
	log.Info("got Authorization: Bearer 4f0a", "api_key", "4f0a", "status", 200)
	// Output:
	// level=INFO msg="got Authorization: [scrubbed]" api_key=[scrubbed] status=200
}
