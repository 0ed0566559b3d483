package scrub_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/scrub"
)

type login struct {
	Email  string `json:"email"`
	Pass   string
	Other  string `json:"password"`
	hidden string
	Next   *login `json:"next,omitempty"`
}

type stringer struct{ s string }

func (s stringer) String() string { return s.s }

type panics struct{}

func (panics) Error() string { panic("no") }

type word string

func TestValue(t *testing.T) {
	s := scrub.New(scrub.Options{MaxDepth: 5, MaxItems: 4})
	at := time.Unix(1e9, 0)
	text := "Bearer hunter2"
	var none *login
	ring := map[string]any{"a": 1}
	ring["ring"] = ring
	deep := any("hunter2")
	for range 10 {
		deep = []any{deep}
	}
	for _, c := range []struct{ in, want any }{
		{nil, nil}, {1, 1}, {uint8(3), uint8(3)}, {1.5, 1.5}, {true, true}, {at, at}, {time.Second, time.Second},
		{slog.LevelInfo, slog.LevelInfo}, {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.1")},
		{text, "Bearer [scrubbed]"}, {&text, "Bearer [scrubbed]"}, {word(text), "Bearer [scrubbed]"}, {none, nil},
		{errors.New("x: password=hunter2"), "x: password=[scrubbed]"},
		{fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "https://a:hunter2@example.com", Err: errors.New("no")}), `x: Get "https://[scrubbed]@example.com": no`},
		{stringer{text}, "Bearer [scrubbed]"}, {panics{}, "[scrubbed]"}, {func() {}, "[scrubbed]"}, {make(chan int), "[scrubbed]"},
		{[]byte(`{"password":"hunter2"}`), `{"password":"[scrubbed]"}`}, {[]byte{0xff}, "[scrubbed]"},
		{json.RawMessage(`{"password":1}`), json.RawMessage(`{"password":"[scrubbed]"}`)},
		{map[string]any{"password": 1, "a": []any{"x", map[string]any{"token": []string{"hunter2"}}}},
			map[string]any{"password": "[scrubbed]", "a": []any{"x", map[string]any{"token": "[scrubbed]"}}}},
		{map[string]string{"apiKey": "hunter2", "a": text}, map[string]string{"apiKey": "[scrubbed]", "a": "Bearer [scrubbed]"}},
		{map[any]int{"pin": 1, 2: 2}, map[string]any{"pin": "[scrubbed]", "2": 2}},
		{map[string]any{text: 1}, map[string]any{"Bearer [scrubbed]": "[scrubbed]"}},
		{[]map[string]any{{"pwd": "hunter2"}}, []map[string]any{{"pwd": "[scrubbed]"}}},
		{[]string{"--password", "hunter2", text}, []string{"--password", "[scrubbed]", "Bearer [scrubbed]"}},
		{[][]string{{"Cookie", "hunter2"}, {"Host", "x"}}, []any{[]any{"Cookie", "[scrubbed]"}, []string{"Host", "x"}}},
		{[2][]any{{"Cookie", 1}}, []any{[]any{"Cookie", "[scrubbed]"}, nil}},
		{map[string]any{"name": "password", "value": "hunter2"}, map[string]any{"name": "password", "value": "[scrubbed]"}},
		{&login{Email: "a", Pass: "hunter2", Other: "hunter2", hidden: "hunter2"},
			map[string]any{"Email": "a", "Pass": "[scrubbed]", "Other": "[scrubbed]", "Next": nil}},
		{http.Header{"Cookie": {"a=hunter2"}}, http.Header{"Cookie": {"a=[scrubbed]"}}},
		{url.Values{"code": {"hunter"}}, url.Values{"code": {"[scrubbed]"}}},
		{&url.URL{Scheme: "https", User: url.UserPassword("a", "hunter2"), Host: "example.com"}, "https://[scrubbed]@example.com"},
		{&http.Cookie{Name: "a", Value: "hunter2"}, "[scrubbed]"},
		{&http.Request{Method: "GET", Host: "example.com", URL: &url.URL{Path: "/a", RawQuery: "token=hunter2"}, Header: http.Header{"Authorization": {"x"}}},
			map[string]any{"method": "GET", "host": "example.com", "url": "/a?token=[scrubbed]", "header": http.Header{"Authorization": {"[scrubbed]"}}}},
		{[]int{1, 2, 3, 4, 5, 6}, []any{1, 2, 3, "[scrubbed]"}},
		{map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5}, map[string]any{"[scrubbed]": "[scrubbed]"}},
		{map[string]any{"state": "half-open", "code": 404, "session_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "tokens": 7},
			map[string]any{"state": "half-open", "code": 404, "session_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "tokens": 7}},
		{map[string]any{"code": "4/0AX", "state": "aF0", "session_id": "hunter2"}, map[string]any{"code": "[scrubbed]", "state": "[scrubbed]", "session_id": "[scrubbed]"}},
	} {
		got := s.Value(c.in)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v\n gives %#v\n  want %#v", c.in, got, c.want)
		}
		if again := s.Value(got); !reflect.DeepEqual(again, got) {
			t.Errorf("%#v becomes %#v", got, again)
		}
	}
	for _, endless := range []any{ring, deep} {
		if got := fmt.Sprint(s.Value(endless)); strings.Contains(got, "hunter2") || !strings.Contains(got, scrub.Scrubbed) {
			t.Errorf("too deep: %s", got)
		}
	}
	if text != "Bearer hunter2" {
		t.Error("the input was changed")
	}
}

func TestValueLooksAtSoManyParts(t *testing.T) {
	s := scrub.New(scrub.Options{MaxItems: 10})
	wide := any(1)
	for range 6 {
		wide = []any{wide, wide, wide, wide, wide, wide, wide, wide, wide}
	}
	out := fmt.Sprint(s.Value(wide))
	if n := strings.Count(out, "1"); n == 0 || n > 1000 {
		t.Errorf("%d of 531441 numbers are kept, want at most 1000", n)
	}
}

func TestValueIsBounded(t *testing.T) {
	s := scrub.New(scrub.Options{MaxBytes: 1000, MaxItems: 10})
	wide := any(strings.Repeat("x", 90))
	for range 8 {
		wide = []any{wide, wide, wide, wide, wide, wide, wide}
	}
	got := s.Value(wide)
	b, err := json.Marshal(got)
	if err != nil || strings.Count(string(b), "xxx") > 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if again := s.Value(got); !reflect.DeepEqual(again, got) {
		t.Error("not the same twice")
	}
	if !t.Failed() && !strings.Contains(string(b), "xxx") {
		t.Error("nothing is left")
	}
}
