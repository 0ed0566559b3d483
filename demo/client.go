package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// request is one that a browser, or a tool that passes for one, sends from an
// address.
type request struct {
	method, path string
	body         map[string]string
	from         string
	on           *browser
	signedIn     bool // with the browser's access token
}

// response is what came back.
type response struct {
	status     int
	retryAfter string
	body       []byte
}

// client talks to the server as the proxy in front of it would.
type client struct {
	url  string
	http *http.Client
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1 << 20

// do sends q. Whatever a browser would keep of the answer, q.on keeps.
func (c *client) do(ctx context.Context, q request) (response, error) {
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return response{}, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.url+q.path, body)
	if err != nil {
		return response{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-Forwarded-For", q.from)
	req.Header.Set("User-Agent", q.on.agent) // an empty one is not sent
	for name, value := range q.on.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if q.signedIn {
		req.Header.Set("Authorization", "Bearer "+q.on.tokens.Access)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return response{}, err
	}
	for _, cookie := range resp.Cookies() {
		q.on.cookies[cookie.Name] = cookie.Value
	}
	var got tokens
	if resp.StatusCode == http.StatusOK && json.Unmarshal(text, &got) == nil && got.Access != "" {
		q.on.tokens = got
	}
	return response{resp.StatusCode, resp.Header.Get("Retry-After"), text}, nil
}

func logIn(email, password, from string, on *browser) request {
	return request{method: "POST", path: "/api/auth/login", from: from, on: on,
		body: map[string]string{"email": email, "password": password}}
}

func signUp(email, password, name, from string, on *browser) request {
	return request{method: "POST", path: "/api/auth/signup", from: from, on: on,
		body: map[string]string{"email": email, "password": password, "name": name}}
}

func refresh(from string, on *browser) request {
	return request{method: "POST", path: "/api/auth/refresh", from: from, on: on,
		body: map[string]string{"refresh_token": on.tokens.Refresh}}
}

func whoAmI(from string, on *browser) request {
	return request{method: "GET", path: "/api/auth/me", from: from, on: on, signedIn: true}
}

func changePassword(current, next, from string, on *browser) request {
	return request{method: "POST", path: "/api/auth/password", from: from, on: on, signedIn: true,
		body: map[string]string{"current_password": current, "new_password": next}}
}

func logOut(from string, on *browser) request {
	return request{method: "POST", path: "/api/auth/logout", from: from, on: on, signedIn: true}
}
