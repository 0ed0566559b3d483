package scrub_test

import (
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/scrub"
)

func TestName(t *testing.T) {
	s := scrub.New(scrub.Options{})
	for _, list := range []struct {
		names string
		want  bool
	}{
		// The names that Sentry denies, on its servers and in its SDKs.
		{"password secret passwd api_key apikey auth credentials mysql_pwd privatekey private_key token bearer session" +
			" csrftoken sessionid x_csrftoken set_cookie cookie authorization proxy-authorization x_api_key" +
			" aiohttp_session connect.sid csrf_token csrf _csrf _session PHPSESSID XSRF-TOKEN X-CSRF-Token jwt sid", true},
		// One name in many spellings.
		{"X-Api-Key apiKey api_key API-KEY x_API_key ApiKey APIKey api.key API%5FKEY api%255Fkey ap\\u0069Key ｘ-api-key myApiKeyValue", true},
		{"password PassWord PASSWORD pass-word newPassword current_password password2 db.password DB_PASSWORD passwordHash user[password]", true},
		{"pwd PWD user_pwd userPwd dbPass pass pass1 pAsS PIN pin_code userPIN otp otpCode OTP-Code totp mfa_code", true},
		{"code state code_verifier client_secret oauth_state authorization_code authCode nonce oauthToken id_token refresh_token AccessToken", true},
		{"secret_key signing-key ssh_key encryptionKey access_key_id X-Amz-Signature X-Hub-Signature-256 sentry_dsn DSN webhook_secret", true},
		{"gatehouse_token tokens __Host-session session_id X-Auth-Token x-auth credit_card cvv SAMLResponse client_assertion", true},
		{strings.Repeat("x", 200) + " " + strings.Repeat("x", 200) + "password", true},

		{"status_code error_code country_code zip_code exitCode author authors authority authenticated unauthorized", false},
		{"token_type tokenType token_count tokenizer secretary password_changed password_change_failed passwordMinLength", false},
		{"cookie_name secret_file password-stdin token_url rapid_token_refresh token_refresh token_expires_at session_ttl", false},
		{"correlation_id user_id email ip user_agent endpoint rule key keyed_by monkey turkey keyboard", false},
		{"breaker_state tls_state ping pinned spin option options compass passenger bypass passed sidecar residual assigned design", false},
		{"name value message error level time msg caller hostname port X-Forwarded-For X-Request-Id traceparent", false},
		{"- _ .", false},
	} {
		for _, n := range strings.Split(list.names, " ") {
			if got := s.Name(n); got != list.want {
				t.Errorf("Name(%q) = %t", n, got)
			}
		}
	}
	if s.Name("") {
		t.Error("no name is the name of a secret")
	}
}

func TestOptions(t *testing.T) {
	s := scrub.New(scrub.Options{ExtraNames: []string{"Kunden-Nr", "пароль", ""}, SafeNames: []string{"Pin", "author_token"}})
	for name, want := range map[string]bool{
		"kundennr": true, "KUNDEN_NR": true, "alteKundenNr": true, "pin": false, "PIN": false, "user_pin": true,
		"authorToken": false, "token": true,
	} {
		if got := s.Name(name); got != want {
			t.Errorf("Name(%q) = %t", name, got)
		}
	}
	if got := s.Text("kunden_nr=hunter2 pin=1234"); got != "kunden_nr=[scrubbed] pin=1234" {
		t.Error(got)
	}
}
