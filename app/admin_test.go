package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A name that leads to this machine may be that of a hostile page.
func TestAdminAnswersToAddressesAlone(t *testing.T) {
	h := newApp(t).adminHandler()
	for host, want := range map[string]int{
		"127.0.0.1:8081": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:8081": http.StatusOK, "": http.StatusOK,
		"localhost": http.StatusOK, "LocalHost:8081": http.StatusOK,
		"rebound.example.com:8081": http.StatusMisdirectedRequest, "localhost.example.com": http.StatusMisdirectedRequest,
		"127.0.0.1.example.com": http.StatusMisdirectedRequest, "127.0.0.1:8081:80": http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/goroutine"} {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
			r.Host = host
			if h.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s of host %q: %d, want %d", path, host, w.Code, want)
			}
		}
	}
}

// The proxy that passes on a name leads people to the dashboard, and nobody to what
// asks nobody who they are.
func TestNamesLeadToTheDashboardAlone(t *testing.T) {
	a := newApp(t)
	a.config.Dashboard.Hosts = []string{"gatehouse.example.com"}
	h := a.adminHandler()
	for path, want := range map[string]int{
		"/login": http.StatusOK, "/healthz": http.StatusNotFound, "/readyz": http.StatusNotFound, "/metrics": http.StatusNotFound,
		"/debug/pprof/goroutine": http.StatusNotFound, "/control/blocks": http.StatusNotFound,
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.Host = "Gatehouse.example.com"
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}
