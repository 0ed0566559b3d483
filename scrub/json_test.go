package scrub_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/scrub"
)

func TestJSON(t *testing.T) {
	s := scrub.New(scrub.Options{MaxDepth: 4})
	for _, c := range []struct{ in, want string }{
		{`{"password":"hunter2","a":1.50}`, `{"password":"[scrubbed]","a":1.50}`},
		{`{ "b" : [ true, null, -1e9 ],
 "pin" : 1234 }`, `{ "b" : [ true, null, -1e9 ],
 "pin" : "[scrubbed]" }`},
		{`{"token":true,"secret":null,"otp":[1,2],"credentials":{"a":{"b":[1]}}}`, `{"token":"[scrubbed]","secret":"[scrubbed]","otp":"[scrubbed]","credentials":"[scrubbed]"}`},
		{`{"pass\u0077ord":"hunter2","\u0070in":1}`, `{"pass\u0077ord":"[scrubbed]","\u0070in":"[scrubbed]"}`},
		{`{"password":"a","password":"hunter2"}`, `{"password":"[scrubbed]","password":"[scrubbed]"}`},
		{`{"a":{"b":[{"apiKey":"hunter2"}]}}`, `{"a":{"b":[{"apiKey":"[scrubbed]"}]}}`},
		{`[[[[["hunter2"]]]]]`, `[[[["[scrubbed]"]]]]`},
		{`{"m":"sent Bearer \u0068unter2"}`, `{"m":"sent Bearer [scrubbed]"}`},
		{`{"m":"caf\u00e9 \/ <x>"}`, `{"m":"caf\u00e9 \/ <x>"}`},
		{`{"body":"{\"password\":\"hunter2\",\"a\":1}"}`, `{"body":"{\"password\":\"[scrubbed]\",\"a\":1}"}`},
		{`{"url":"https://bob:hunter2@example.com/?token=hunter2"}`, `{"url":"https://[scrubbed]@example.com/?token=[scrubbed]"}`},
		{`{"name":"password","value":"hunter2"}`, `{"name":"password","value":"[scrubbed]"}`},
		{`{"value":"hunter2","x":1,"key":"Authorization"}`, `{"value":"[scrubbed]","x":1,"key":"Authorization"}`},
		{`[["Cookie","hunter2"],["Host","example.com"]]`, `[["Cookie","[scrubbed]"],["Host","example.com"]]`},
		{`{"session_id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","sid":"hunter2","tokens":12}`, `{"session_id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","sid":"[scrubbed]","tokens":12}`},
		{"{\"token\":1}\n{\"token\":2}\n", "{\"token\":\"[scrubbed]\"}\n{\"token\":\"[scrubbed]\"}\n"},
		{`"Bearer hunter2"`, `"Bearer [scrubbed]"`},
		{`{"Bearer hunter2":1}`, `{"Bearer [scrubbed]":"[scrubbed]"}`},
		// not JSON
		{`{"password":"hunter2`, `{"password":"[scrubbed]`},
		{`{"password":"hunter2",}`, `{"password":"[scrubbed]",}`},
		{`{'password':'hunter2'}`, `{'password':'[scrubbed]'}`},
		{`{password:hunter2}`, `{password:[scrubbed]}`},
		{"{\"password\":\"hun\nter2\"}", "{\"password\":\"[scrubbed]\"}"},
		{"", ""},
	} {
		in := []byte(c.in)
		got := s.JSON(in)
		if string(got) != c.want {
			t.Errorf("%s\n gives %s\n  want %s", c.in, got, c.want)
		}
		if again := s.JSON(got); !bytes.Equal(again, got) {
			t.Errorf("%s becomes %s", got, again)
		}
		if string(in) != c.in {
			t.Errorf("%s was changed", c.in)
		}
		if json.Valid(in) && !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
}

func TestJSONIsBounded(t *testing.T) {
	s := scrub.New(scrub.Options{MaxBytes: 1000})
	for _, in := range []string{
		`{"a":"` + strings.Repeat("x", 2000) + `"}`,
		`[` + strings.Repeat(`{"pin":1},`, 90) + `1]`, // grows
		strings.Repeat("[", 500) + strings.Repeat("]", 500),
		strings.Repeat("[", 900),
	} {
		got := s.JSON([]byte(in))
		if len(got) > 1000 || !bytes.Contains(got, []byte(scrub.Scrubbed)) && json.Valid([]byte(in)) {
			t.Errorf("%.20s gives %d bytes: %.60s", in, len(got), got)
		}
		if json.Valid([]byte(in)) && !json.Valid(got) {
			t.Errorf("%.60s is no JSON", got)
		}
	}
}

func TestBody(t *testing.T) {
	s := scrub.New(scrub.Options{})
	part := func(header, body string) string {
		return "--xyz\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + body + "\r\n"
	}
	form := part(`name="user"`, "bob") + part(`name="password"`, "hunter2\r\nhunter2") + part(`name="pass%77ord"`, "hunter2") +
		part(`name="up"; filename="a.txt"`, "hunter2") + part(`name="note"`, "Bearer hunter2") + "--xyz--\r\n"
	want := part(`name="user"`, "bob") + part(`name="password"`, "[scrubbed]") + part(`name="pass%77ord"`, "[scrubbed]") +
		part(`name="up"; filename="a.txt"`, "[scrubbed]") + part(`name="note"`, "Bearer [scrubbed]") + "--xyz--\r\n"
	for _, c := range []struct{ kind, in, want string }{
		{"application/json; charset=utf-8", `{"password":"hunter2"}`, `{"password":"[scrubbed]"}`},
		{"application/problem+json", `{"detail":"x","token":1}`, `{"detail":"x","token":"[scrubbed]"}`},
		{"application/x-www-form-urlencoded", "a=1&password=hunter2+x", "a=1&password=[scrubbed]"},
		{"", `{"password":"hunter2"}`, `{"password":"[scrubbed]"}`},
		{"", "a=1&password=hunter2", "a=1&password=[scrubbed]"},
		{"text/xml", "<password>hunter2</password>", "<password>[scrubbed]</password>"},
		{"text/plain", "password: hunter2", "password: [scrubbed]"},
		{"bad; ;", "password: hunter2", "password: [scrubbed]"},
		{"image/png", "hunter2", "[scrubbed]"},
		{"application/octet-stream", "hunter2", "[scrubbed]"},
		{"text/plain", "hunter2\xff", "[scrubbed]"},
		{"multipart/form-data; boundary=xyz", form, want},
		{"multipart/form-data; boundary=xyz", strings.TrimSuffix(form, "--xyz--\r\n"), strings.TrimSuffix(want, "--xyz--\r\n")},
		{"multipart/form-data", form, "[scrubbed]"},
		{"multipart/form-data; boundary=abc", form, "[scrubbed]"},
		{"text/plain", "", ""},
	} {
		got := string(s.Body(c.kind, []byte(c.in)))
		if got != c.want {
			t.Errorf("%s: %q\n gives %q\n  want %q", c.kind, c.in, got, c.want)
		}
		if again := string(s.Body(c.kind, []byte(got))); again != got {
			t.Errorf("%s: %q becomes %q", c.kind, got, again)
		}
	}
}
