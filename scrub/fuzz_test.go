package scrub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/scrub"
)

// fuzzBytes is small, so that bounds are met.
const fuzzBytes = 512

func fuzzScrubber() *scrub.Scrubber {
	return scrub.New(scrub.Options{MaxBytes: fuzzBytes, MaxDepth: 4, MaxItems: 8})
}

func seeds(f *testing.F) {
	for _, place := range places {
		f.Add(strings.ReplaceAll(strings.ReplaceAll(place, "%s", "cnry0123456789"), "%%", "%"))
	}
	for _, x := range harmless {
		f.Add(x)
	}
	for _, x := range []string{"password=[scrubbed][scrubbed]", "//[scrubbed]:x@[scrubbed]", "Bearer Bearer Bearer", "token token=token:token", "=:=:[{(\"'`"} {
		f.Add(x)
	}
}

// Whatever comes in, what goes out is bounded, goes through unchanged the next
// time, and JSON stays JSON.
func FuzzDoors(f *testing.F) {
	seeds(f)
	s := fuzzScrubber()
	f.Fuzz(func(t *testing.T, x string) {
		for name, call := range map[string]func(string) string{
			"Text": s.Text, "Query": s.Query, "URL": s.URL, "Cookie": s.Cookie, "SetCookie": s.SetCookie,
			"JSON": func(x string) string { return string(s.JSON([]byte(x))) },
			"Body": func(x string) string { return string(s.Body("multipart/form-data; boundary=q", []byte(x))) },
		} {
			out := call(x)
			if len(out) > fuzzBytes {
				t.Fatalf("%s: %q gives %d bytes", name, x, len(out))
			}
			if again := call(out); again != out {
				t.Fatalf("%s: %q\n gives %q\n then %q", name, x, out, again)
			}
			if name == "JSON" && json.Valid([]byte(x)) && !json.Valid([]byte(out)) {
				t.Fatalf("%q is no JSON", out)
			}
		}
		v := s.Value(map[string]any{x: x, "a": []string{x}, "b": http.Header{"X": {x}}, "c": url.Values{x: {x}}, "d": []byte(x)})
		if again := s.Value(v); !reflect.DeepEqual(again, v) {
			t.Fatalf("Value: %q\n gives %#v\n then %#v", x, v, again)
		}
		s.Name(x)
	})
}

// A canary under a secret name never comes out, whatever stands around it.
func FuzzCanary(f *testing.F) {
	f.Add("a=1&", "&b=2", uint8(0), uint8(0))
	f.Add(`{"a":"b",`, `,"c":1}`, uint8(1), uint8(1))
	f.Add("{A:b ", " C:d}", uint8(2), uint8(2))
	f.Add("curl -u x:y 'a' \"", "\" //u:p@h/", uint8(3), uint8(3))
	f.Add("[scrubbed]", "=\\\"", uint8(4), uint8(4))
	for i, place := range places {
		place = strings.ReplaceAll(strings.ReplaceAll(place, "%s", "x y"), "%%", "%")
		f.Add(place, place, uint8(i), uint8(i/2))
		f.Add(place[:len(place)/2], place[len(place)/2:], uint8(i+1), uint8(i/3))
	}
	s := fuzzScrubber()
	const canary = "CnRy7f3A9c1E5b"
	names := []string{"password", "api_key", "X-Auth-Token", "clientSecret", "Cookie", "Authorization", "pass%77ord", "otp"}
	forms := []string{"%s=%s", "%s: %s", `"%s":"%s"`, "%s = '%s'", "?%s=%s", "&%s=%s ", `\"%s\":\"%s\"`, "<%s>%s</", "--%s %s", "%s:%s"}
	f.Fuzz(func(t *testing.T, before, after string, form, name uint8) {
		// A separate word: otherwise the name is another.
		plain := fmt.Sprintf(forms[int(form)%len(forms)], names[int(name)%len(names)], canary)
		in := before + " " + plain + after
		for door, out := range map[string]string{
			"Text":  s.Text(in),
			"JSON":  string(s.JSON([]byte(in))),
			"URL":   s.URL(in),
			"Query": s.Query("m=" + url.QueryEscape(in)),
			"Value": fmt.Sprint(s.Value([]any{in, []byte(in)})),
		} {
			if strings.Contains(out, canary) {
				t.Fatalf("%s: %q\nlets out %q", door, in, out)
			}
		}
	})
}
