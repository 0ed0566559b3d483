package scrub_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/fluxstudio/gatehouse/scrub"
)

func TestWeb(t *testing.T) {
	s := scrub.New(scrub.Options{})
	for _, c := range []struct {
		call     func(string) string
		in, want string
	}{
		{s.Query, "user=bob&password=hunter2&x", "user=bob&password=[scrubbed]&x"},
		{s.Query, "?code=hunter&state=&key=hunter", "?code=[scrubbed]&state=&key=[scrubbed]"},
		{s.Query, "pass%77ord=hunter2&pass%2577ord=hunter2&a+token=hunter2", "pass%77ord=[scrubbed]&pass%2577ord=[scrubbed]&a+token=[scrubbed]"},
		{s.Query, "user%5Bpassword%5D=a=b=c", "user%5Bpassword%5D=[scrubbed]"},
		{s.Query, "to=%2Fcb%3Fcode%3Dhunter%26x%3D1", "to=%2Fcb%3Fcode%3D[scrubbed]%26x%3D1"},
		{s.Query, "to=%252Fcb%253Fcode%253Dhunter", "to=%252Fcb%253Fcode%253D[scrubbed]"},
		{s.Query, "a=Bearer+hunter2", "a=Bearer+[scrubbed]"},
		{s.Query, "a=%7B%22password%22%3A%22hunter2%22%7D", "a=%7B%22password%22%3A%22[scrubbed]%22%7D"},
		{s.Query, "a=%2525252525252541", "a=[scrubbed]"},
		{s.Query, "session=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "session=[scrubbed]"},
		{s.Query, "q=100%&r=%zz&s=a+b;c", "q=100%&r=%zz&s=a+b;c"},
		{s.Query, refr, "[scrubbed]"},
		{s.Query, refr + "=1", "[scrubbed]=[scrubbed]"},
		{s.Form, "username=bob&password=correct+horse", "username=bob&password=[scrubbed]"},

		{s.URL, "https://bob:hunter2@example.com/a?token=hunter2#access_token=hunter2&x=1", "https://[scrubbed]@example.com/a?token=[scrubbed]#access_token=[scrubbed]&x=1"},
		{s.URL, "/cb?code=hunter#/x?state=hunter", "/cb?code=[scrubbed]#/x?state=[scrubbed]"},
		{s.URL, "//bob:hunter2@example.com/", "//[scrubbed]@example.com/"},
		{s.URL, "bob:hunter2@example.com/", "[scrubbed]@example.com/"},
		{s.URL, "https://example.com/verify/" + jwt, "https://example.com/verify/[scrubbed]"},
		{s.URL, "https://example.com/a/b?c=d&e=f%20g#h", "https://example.com/a/b?c=d&e=f%20g#h"},
		{s.URL, "mailto:bob@example.com", "mailto:bob@example.com"},

		{s.Cookie, "a=hunter2; __Host-gatehouse_device=hunter2", "a=[scrubbed]; __Host-gatehouse_device=[scrubbed]"},
		{s.Cookie, "hunter2", " [scrubbed]"},
		{s.Cookie, refr + "=1; a=", " [scrubbed]; a="},
		{s.SetCookie, "a=hunter2; Path=/; Max-Age=3; HttpOnly; other=hunter2", "a=[scrubbed]; Path=/; Max-Age=3; HttpOnly; other=[scrubbed]"},
	} {
		got := c.call(c.in)
		if got != c.want {
			t.Errorf("%q\n gives %q\n  want %q", c.in, got, c.want)
		}
		if again := c.call(got); again != got {
			t.Errorf("%q becomes %q", got, again)
		}
	}
}

func TestHeader(t *testing.T) {
	s := scrub.New(scrub.Options{})
	in := http.Header{
		"Authorization": {"Bearer hunter2", "Basic hunter2"}, "X-Api-Key": {"hunter2"}, "Cookie": {"a=hunter2"},
		"Set-Cookie": {"a=hunter2; Path=/"}, "Referer": {"https://example.com/cb?code=hunter"}, "User-Agent": {"curl/8.5.0"},
		"X-Custom": {"Bearer hunter2"}, "X-Forwarded-For": {"192.0.2.1"},
	}
	before := in.Clone()
	want := http.Header{
		"Authorization": {"[scrubbed]", "[scrubbed]"}, "X-Api-Key": {"[scrubbed]"}, "Cookie": {"a=[scrubbed]"},
		"Set-Cookie": {"a=[scrubbed]; Path=/"}, "Referer": {"https://example.com/cb?code=[scrubbed]"}, "User-Agent": {"curl/8.5.0"},
		"X-Custom": {"Bearer [scrubbed]"}, "X-Forwarded-For": {"192.0.2.1"},
	}
	if got := s.Header(in); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if !reflect.DeepEqual(in, before) {
		t.Error("the header was changed")
	}
	if s.Header(nil) != nil || s.Values(nil) != nil {
		t.Error("nil becomes something")
	}
	values := s.Values(url.Values{"password": {"hunter2", ""}, "to": {"/cb%3Fcode%3Dhunter"}, "q": {"x"}})
	if want := (url.Values{"password": {"[scrubbed]", "[scrubbed]"}, "to": {"/cb%3Fcode%3D[scrubbed]"}, "q": {"x"}}); !reflect.DeepEqual(values, want) {
		t.Errorf("got %v\nwant %v", values, want)
	}
}
