package scrub_test

import (
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/scrub"
)

// The literals of secrets are put together here, so that no scanner takes the
// source for a leak.
const (
	secret = "hunter2"
	hash   = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
	refr   = "gh" + "r_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	jwt    = "ey" + "JhbGciOiJFZERTQSJ9.ey" + "JzdWIiOiJib2IifQ.c2lnbmF0dXJlc2ln"
	pemKey = "-----BEGIN " + "PRIVATE KEY-----"
	pemEnd = "-----END " + "PRIVATE KEY-----"
)

func TestText(t *testing.T) {
	s := scrub.New(scrub.Options{})
	for _, c := range []struct{ in, want string }{
		// pairs
		{"login with password=hunter2 failed for bob", "login with password=[scrubbed] failed for bob"},
		{"Password: hunter2", "Password: [scrubbed]"},
		{"PASSWORD\t=\thunter2, user=bob", "PASSWORD\t=\t[scrubbed], user=bob"},
		{"password\u00a0=\u00a0hunter2 x", "password\u00a0=\u00a0[scrubbed] x"},
		{"password = 'it is hunter2' x", "password = '[scrubbed]' x"},
		{"password='it''s hunter2' x", "password='[scrubbed]' x"},
		{"password:=`hunter2`", "password:=`[scrubbed]`"},
		{"“password”: “hunter2”, x", "“password”: “[scrubbed]”, x"},
		{"password=ab,cd)ef next", "password=[scrubbed] next"},
		{"(password=hunter2)", "(password=[scrubbed])"},
		{"password='hunter2", "password='[scrubbed]"},
		{"$_POST['password'] = 'hunter2';", "$_POST['password'] = '[scrubbed]';"},
		{"user[password]=hunter2&user[name]=bob", "user[password]=[scrubbed]&user[name]=bob"},
		{"db.password: hunter2", "db.password: [scrubbed]"},
		{"MYSQL_PWD=hunter2 mysqldump", "MYSQL_PWD=[scrubbed] mysqldump"},
		{"API-KEY => hunter2", "API-KEY => [scrubbed]"},
		{"password=\nuser=bob", "password=\nuser=bob"},
		{"password:\n  hunter2\nuser: bob", "password:\n  [scrubbed]\nuser: bob"},
		{"code=4/0AX4XfWh state=aF0ifjsldkj", "code=[scrubbed] state=[scrubbed]"},
		{`invalid password "hunter2" for bob`, `invalid password "[scrubbed]" for bob`},
		{"refresh token 4f5a9c3b2d1e8f70 rejected", "refresh token [scrubbed] rejected"},
		{"/reset-token/4f5a9c3b2d1e8f70aa/x", "/reset-token/[scrubbed]/x"},
		{"password=[scrubbed]hunter2", "password=[scrubbed]"},

		// JSON within text, escaped, cut off
		{`got {"email":"a@example.com","password":"hu\"nter2","n":1} x`, `got {"email":"a@example.com","password":"[scrubbed]","n":1} x`},
		{`{"pass\u0077ord": "hunter2", "a": 1}`, `{"pass\u0077ord": "[scrubbed]", "a": 1}`},
		{`{"password" : 12345678, "a": 1}`, `{"password" : [scrubbed], "a": 1}`},
		{`{"credentials": {"a": "hunter2", "b": [1]}, "c": 1}`, `{"credentials": [scrubbed], "c": 1}`},
		{`msg="{\"password\":\"hu\\\"nter2\",\"user\":\"bob\"}" x=1`, `msg="{\"password\":\"[scrubbed]\",\"user\":\"bob\"}" x=1`},
		{`{"password":"hunter2\\\\","user":"bob"}`, `{"password":"[scrubbed]","user":"bob"}`},
		{`{"a":"{\"password\":\"hunter2\\\\\\\\\",\"user\":\"bob\"}"}`, `{"a":"{\"password\":\"[scrubbed]\",\"user\":\"bob\"}"}`},
		{`{"user":"bob","password":"hunt`, `{"user":"bob","password":"[scrubbed]`},
		{`{"name":"password","value":"hunter2"}`, `{"name":"password","value":"[scrubbed]"}`},
		{`{&quot;password&quot;: &quot;hunter2&quot;}`, `{&quot;password&quot;: &quot;[scrubbed]&quot;}`},

		// Go dumps
		{"map[password:hunter2 user:bob]", "map[password:[scrubbed] user:bob]"},
		{`map[string]string{"password":"hunter2", "user":"bob"}`, `map[string]string{"password":"[scrubbed]", "user":"bob"}`},
		{"{Email:bob@example.com Password:correct horse hunter2 Name:Bob}", "{Email:bob@example.com Password:[scrubbed] Name:Bob}"},
		{"map[Authorization:[Bearer hunter2] User-Agent:[curl/8.1]]", "map[Authorization:[scrubbed] User-Agent:[curl/8.1]]"},
		{`http.Header{"Cookie":[]string{"a=hunter2; b=c"}}`, `http.Header{"Cookie":[scrubbed]}`},

		{`&main.T{Pass:"a b", Creds:main.C{User:"x y", Other:"hunter2"}, N:1}`, `&main.T{Pass:"[scrubbed]", Creds:[scrubbed], N:1}`},

		// headers and schemes
		{"Authorization: Bearer hunter2\r\nHost: a", "Authorization: [scrubbed]\r\nHost: a"},
		{"Proxy-Authorization: Digest username=\"bob\", response=\"hunter2\"\nHost: a", "Proxy-Authorization: [scrubbed]\nHost: a"},
		{"Cookie: a=hunter2; b=hunter2\nHost: a", "Cookie: [scrubbed]\nHost: a"},
		{"cookie=a=1; b=hunter2 path=/", "cookie=[scrubbed] path=/"},
		{"-H 'Cookie: a=hunter2; b=c' https://example.com", "-H 'Cookie: [scrubbed]' https://example.com"},
		{"sent Bearer hunter2, then", "sent Bearer [scrubbed], then"},
		{"sent bearer%20hunter2 then", "sent bearer%20[scrubbed] then"},
		{"sent Basic Ym9iOmh1bnRlcjI= then", "sent Basic [scrubbed] then"},
		{"token=Bearer hunter2 next", "token=[scrubbed] next"},
		{"X-Api-Key: hunter2", "X-Api-Key: [scrubbed]"},

		// URLs and data sources
		{"GET https://bob:hunter2@example.com/x", "GET https://[scrubbed]@example.com/x"},
		{"dial postgres://bob:hun/ter2@192.0.2.1/db: refused", "dial postgres://[scrubbed]@192.0.2.1/db: refused"},
		{"to=https%3A%2F%2Fbob%3Ahunter2%40example.com%2F", "to=https%3A%2F%2F[scrubbed]%40example.com%2F"},
		{"bob:hunter2@tcp(192.0.2.1:3306)/db", "[scrubbed]@tcp(192.0.2.1:3306)/db"},
		{"https://hunter2@o1.ingest.example.com/42", "https://[scrubbed]@o1.ingest.example.com/42"},
		{"redis://:hunter2", "redis://[scrubbed]"},
		{"GET /cb?code=hunter&state=abc&x=1 HTTP/1.1", "GET /cb?code=[scrubbed]&state=[scrubbed]&x=1 HTTP/1.1"},
		{"GET /cb%3Fcode%3Dhunter2%26x%3D1&y=2", "GET /cb%3Fcode%3D[scrubbed]%26x%3D1&y=2"},
		{"?pass%77ord=hun%26ter2&x=1", "?pass%77ord=[scrubbed]&x=1"},
		{"/cb#access_token=hunter2&x=1", "/cb#access_token=[scrubbed]&x=1"},
		{"/a;jsessionid=hunter2", "/a;jsessionid=[scrubbed]"},

		// command lines
		{"curl -u bob:hunter2 https://example.com", "curl -u bob:[scrubbed] https://example.com"},
		{"curl -ubob:hunter2 x", "curl -ubob:[scrubbed] x"},
		{"curl --user 'bob:hun ter2' x", "curl --user 'bob:[scrubbed]' x"},
		{"tool --password hunter2 --verbose", "tool --password [scrubbed] --verbose"},
		{`["--password","hunter2","-v"]`, `["--password","[scrubbed]","-v"]`},

		// XML, multipart
		{"<user>bob</user><password>hunter2</password>", "<user>bob</user><password>[scrubbed]</password>"},
		{`<a:secret type="x">hunter2</a:secret>`, `<a:secret type="x">[scrubbed]</a:secret>`},
		{"<token><![CDATA[hun<ter2]]></token>", "<token>[scrubbed]</token>"},
		{`<input name="password" value="hunter2">`, `<input name="password" value="[scrubbed]">`},
		{"form-data; name=\"password\"\r\n\r\nhun ter2\r\n--x", "form-data; name=\"password\"\r\n\r\n[scrubbed]\r\n--x"},

		// by their looks
		{"presented " + refr + " twice", "presented [scrubbed] twice"},
		{"presented x" + refr + " twice", "presented x[scrubbed] twice"},
		{"x=" + refr[:9] + "…", "x=[scrubbed]"},
		{"jwt" + " in /verify/" + jwt + "/x", "jwt in /verify/[scrubbed]/x"},
		{"cut " + jwt[:20], "cut [scrubbed]"},
		{"stored " + hash + " for bob", "stored [scrubbed] for bob"},
		{"key " + pemKey + "\nMIIC\n" + pemEnd + "\nafter", "key [scrubbed]\nafter"},
		{"key " + pemKey + "\nMIIC", "key [scrubbed]"},
		{"MIIC+/=\nMIIC\n" + pemEnd + " after", "[scrubbed] after"},
		{"aws " + "AK" + "IAIOSFODNN7EXAMPLE end", "aws [scrubbed] end"},
		{"glpat" + "-abcdefghijk end", "[scrubbed] end"},
	} {
		if got := s.Text(c.in); got != c.want {
			t.Errorf("%q\n gives %q\n  want %q", c.in, got, c.want)
		}
	}
}

// harmless texts survive unchanged.
var harmless = []string{
	"",
	"listening on http://127.0.0.1:8080.",
	"listening on http://[::1]:8080",
	`time=2026-01-02T15:04:05.000Z level=INFO msg="serving" addr=127.0.0.1:8080 admin=127.0.0.1:8081 data=/var/lib/gatehouse`,
	`level=WARN msg="alert: brute_force_detected" rule=brute_force account=bob@example.com ip=192.0.2.7 count=5 threshold=5 window=5m0s`,
	`level=ERROR msg="request failed" error="store/sql: begin: database is locked (5) (SQLITE_BUSY)" correlation_id=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b`,
	`level=ERROR msg="panic in handler" panic="runtime error: index out of range [5] with length 3"`,
	"goroutine 7 [running]:\nmain.(*server).ServeHTTP(0xc000123456, {0x7f, 0xc0})\n\t/src/gatehouse/accounts/token.go:123 +0x1d\nnet/http.serverHandler.ServeHTTP(...)",
	"/src/accounts/password.go:12:3: undefined: x",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"curl/8.5.0", "python-requests/2.31.0", "Go-http-client/1.1",
	"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
	"session_id=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
	`{"type":"login_failed","user_id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","session_id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}`,
	"session 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b: not found",
	"{User:0190a1b2 Email:bob@example.com IP:192.0.2.1}",
	`ERROR: duplicate key value violates unique constraint "users_account_key" (SQLSTATE 23505)`,
	`pq: relation "sessions" does not exist`,
	"SELECT id, account FROM users WHERE account = $1 AND created > $2 LIMIT 10",
	"UNIQUE constraint failed: users.account",
	"status_code=404 error_code=E17 country_code=DE author=bob authority=example.com token_type=Bearer",
	"state=half-open code=404 state: closed",
	"exit code: 1", "http status code 503",
	"the token is expired", "token: expired", "invalid token: malformed", "parse token: unexpected EOF",
	"password: must have at least 12 characters",
	"password hashing: too busy", "session: not found", "auth: user not found",
	"tokens=12 sessions=3 removed",
	"rapid_token_refresh: {threshold: 10, window: 10m}", "rapid_token_refresh", "token_reuse_detected", "password_changed",
	"a Bearer token is required", "WWW-Authenticate: Bearer realm=\"gatehouse\"", "Basic authentication is not offered", "basic usage of the tool",
	"mail to bob@example.com, cc mailto:ann@example.com",
	"// a:b/c\n//a:b/c bob@example.com",
	"see https://example.com/@bob and https://example.com/a?b=c&d=e#f",
	"open /etc/gatehouse/secrets.d/cert.pem: permission denied", "read keys: /var/lib/gatehouse/keys is not a key file",
	"C:\\Users\\bob\\AppData\\Local\\Temp",
	"100% of 5% done, 50%25 too", "a & b && c; d | e",
	"dial tcp 192.0.2.1:6379: connect: connection refused",
	"lookup example.com on 192.0.2.53:53: no such host",
	"x509: certificate signed by unknown authority",
	"context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
	"monkey=1 turkey: 2 keyed_by=account+ip pinned=true ping: 12ms spinning=yes sidecar: ready decode: bad encode=1",
	"Пароль не принят", "日本語のテキスト: はい", "naïve café = ok",
	"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
	"weighs_more highs_lows lengths_total task-force msg.SG",
	"tokenizer: fast", "expires_in=900",
	scrub.Scrubbed,
}

func TestTextKeepsWhatIsHarmless(t *testing.T) {
	s := scrub.New(scrub.Options{})
	for _, x := range harmless {
		if got := s.Text(x); got != x {
			t.Errorf("%q\nbecomes %q", x, got)
		}
	}
}

func TestTextIsBounded(t *testing.T) {
	s := scrub.New(scrub.Options{MaxBytes: 100})
	for _, in := range []string{
		strings.Repeat("word ", 100),
		strings.Repeat("a", 1000),
		strings.Repeat("pin=1 ", 100),
		strings.Repeat("x", 80) + " https://bob:hunter2" + strings.Repeat("y", 50) + "@example.com",
	} {
		got := s.Text(in)
		if len(got) > 100 || !strings.Contains(got, scrub.Scrubbed) || strings.Contains(got, secret) {
			t.Errorf("%.30q… gives %q", in, got)
		}
		if again := s.Text(got); again != got {
			t.Errorf("%q becomes %q", got, again)
		}
	}
}
