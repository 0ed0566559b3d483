package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
)

// proxy gives each request to the next node that runs.
func (c *cluster) proxy() http.Handler {
	var turn atomic.Uint64
	next := func() *node {
		for range c.nodes {
			if n := c.nodes[turn.Add(1)%uint64(len(c.nodes))]; n.Running() {
				return n
			}
		}
		return nil
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			// Its clients are on this machine, and may play clients elsewhere.
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			n := next()
			if n == nil {
				return nil, errors.New("no node is running")
			}
			r.URL.Host = n.Addr
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.Name, err)
			}
			answer.Header.Set("X-Served-By", n.Name)
			return answer, nil
		}),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
