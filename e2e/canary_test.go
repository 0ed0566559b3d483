package e2e_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// canaries are secrets that were planted, by where.
type canaries map[string]string

func (c canaries) plant(where string) string {
	secret := "Canary" + rand.Text()
	c[where] = secret
	return secret
}

// Secrets that clients send, and those that they are given, leave the process in
// no other way: not to Sentry, not into the log, the alerts, the output, the
// export or the database, wherever they were planted.
func TestNoSecretLeaves(t *testing.T) {
	sentry := newIngest(t)
	exported := filepath.Join(t.TempDir(), "ocsf.jsonl")
	s := start(t, cheapHash+proxied+"log: {level: debug, format: json}\nrules: {bot_activity: {enabled: false}}\n"+
		fmt.Sprintf("sentry: {dsn: %q, environment: development}\nexport: {target: %q}\n", sentry.dsn(), "file:"+exported))
	planted := make(canaries)
	from := 0
	post := func(path string, body any, header http.Header, query string) answer {
		from++ // each from an address of its own, so that none is blocked
		return s.do(call{method: "POST", path: "/api/auth/" + path + query, body: body, header: header, from: fmt.Sprintf("198.51.100.%d", from)})
	}

	// Fields of bodies.
	own := planted.plant("password of an account")
	post("signup", map[string]string{"email": "ada@example.com", "password": own}, nil, "")
	post("signup", map[string]string{"email": "no address", "password": planted.plant("password of a failed signup")}, nil, "")
	post("login", credentials("ada@example.com", planted.plant("wrong password")), nil, "")
	post("login", credentials("nobody@example.com", planted.plant("password of nobody")), nil, "")
	post("login", credentials(planted.plant("password typed as e-mail address"), "x"), nil, "")
	post("login", map[string]any{"email": "ada@example.com", "password": []string{planted.plant("password as a list")}}, nil, "")
	post("login", map[string]any{"email": "ada@example.com", "password": "x", "otp": planted.plant("unknown field")}, nil, "")
	post("login", map[string]any{"email": "ada@example.com", "password": "x", "a": map[string]any{"b": []any{map[string]string{"secret": planted.plant("nested field")}}}}, nil, "")
	post("login", map[string]string{"email": planted.plant("e-mail address with a secret") + "\x00", "password": "x"}, nil, "")
	post("login", planted.plant("body that is a text"), nil, "")
	post("refresh", map[string]string{"refresh_token": planted.plant("made-up refresh token")}, nil, "")
	post("refresh", map[string]string{"refresh_token": "ghr_" + planted.plant("refresh token with our prefix")}, nil, "")

	// Headers.
	for _, name := range []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token", "X-Csrf-Token", "X-Session-Id", "Api-Key", "X-Amz-Security-Token"} {
		post("login", credentials("ada@example.com", "x"), http.Header{name: {planted.plant("header " + name)}}, "")
	}
	for _, scheme := range []string{"Bearer", "Basic", "Digest", "Token"} {
		post("logout", nil, http.Header{"Authorization": {scheme + " " + planted.plant("scheme "+scheme)}}, "")
	}
	for _, cookie := range []string{"gatehouse_device=", "session=", "a=b; token="} {
		post("login", credentials("ada@example.com", "x"), http.Header{"Cookie": {cookie + planted.plant("cookie "+cookie)}}, "")
	}
	post("login", credentials("ada@example.com", "x"), http.Header{"Referer": {"https://app.example.com/cb?code=" + planted.plant("code in the referrer")}}, "")
	for _, agent := range []string{"app password=", "app Bearer ", "app token: ", "https://user:"} {
		c := loginCall("ada@example.com", "x", "203.0.113.9")
		c.agent = agent + planted.plant("user agent "+agent)
		if strings.HasPrefix(agent, "https") {
			c.agent += "@example.com/"
		}
		s.do(c)
	}

	// Query strings and paths.
	for _, name := range []string{"password", "access_token", "refresh_token", "code", "client_secret", "api_key", "id_token", "sig"} {
		post("login", credentials("ada@example.com", "x"), nil, "?"+url.Values{name: {planted.plant("query " + name)}}.Encode())
	}
	post("reset/"+planted.plant("path"), nil, nil, "")

	// What the server gives out.
	a := s.login("ada@example.com", own, "192.0.2.1")
	k := a.tokens(t)
	planted["access token"], planted["refresh token"] = k.Access, k.Refresh
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		planted["device cookie"] = c.Value
	}
	next := s.do(call{method: "POST", path: "/api/auth/refresh", from: "192.0.2.1", body: map[string]string{"refresh_token": k.Refresh}}).tokens(t)
	planted["second refresh token"], planted["second access token"] = next.Refresh, next.Access
	s.do(call{method: "POST", path: "/api/auth/password", from: "192.0.2.1", bearer: next.Access,
		body: map[string]string{"current_password": planted.plant("wrong current password"), "new_password": planted.plant("refused new password")}})
	s.do(call{method: "DELETE", path: "/api/auth/devices/" + planted.plant("device ID"), from: "192.0.2.1", bearer: next.Access})

	// An attack, so that Sentry and the alerts have something to tell.
	var id string
	for range 5 {
		id = s.login("ada@example.com", planted.plant("guess"), "192.0.2.66").header.Get("X-Correlation-ID")
	}
	sentry.wait(t, id)
	log, _ := s.command("log", "--json", "--limit", "0")
	s.stop(syscall.SIGTERM)

	left := map[string][]byte{"Sentry": []byte(sentry.text()), "the output and the alerts": []byte(s.stderr.String()), "the log": []byte(log)}
	for _, dir := range []string{s.dir, filepath.Dir(exported)} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			left[filepath.Base(path)], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(planted) < 40 {
		t.Errorf("only %d secrets were planted", len(planted))
	}
	for _, place := range []string{"gatehouse.db", "ocsf.jsonl", "Sentry", "the log"} {
		if !bytes.Contains(left[place], []byte("brute_force")) {
			t.Errorf("%s does not tell of the attack, so that nothing is shown by what it does not tell", place)
		}
	}
	for place, content := range left {
		for where, secret := range planted {
			if bytes.Contains(content, []byte(secret)) || bytes.Contains(content, []byte(strings.ToLower(secret))) {
				t.Errorf("%s: the secret planted as %s is there", place, where)
			}
		}
	}
}
