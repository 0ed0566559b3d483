package profile

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// MaxDuration is how long a profile or a trace may be taken at most.
const MaxDuration = 5 * time.Minute

const (
	profileFor = 30 * time.Second // unless the request says otherwise
	traceFor   = time.Second
)

// Handler serves profiles under /debug/pprof/, as net/http/pprof does:
//
//	go tool pprof http://127.0.0.1:8081/debug/pprof/profile?seconds=10
//
// It leaves out the command line, which may hold a secret, the symbols, which
// Go's profiles bring along, and differences between two snapshots, which "go
// tool pprof -base" makes.
//
// One CPU profile and one trace can be taken at a time, and no CPU profile
// while Start pushes one: those are answered with 409. The write timeout of the
// server does not cut them off.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/{$}", index)
	mux.Handle("GET /debug/pprof/profile", httpguard.HandlerFunc(cpuProfile))
	mux.Handle("GET /debug/pprof/trace", httpguard.HandlerFunc(executionTrace))
	mux.Handle("GET /debug/pprof/{name}", httpguard.HandlerFunc(snapshot))
	return mux
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<meta charset="utf-8">
<title>Profiles</title>
<h1>Profiles</h1>
<ul>
{{range .}}<li><a href="{{.Name}}?debug=1">{{.Name}}</a>: {{.Count}}
{{end}}<li><a href="profile?seconds=10">profile</a>: of the processor, for 10 seconds
<li><a href="trace?seconds=1">trace</a>: of the execution, for a second
</ul>
`))

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, pprof.Profiles()) // a client that is gone is no error of ours
}

// snapshot writes one of the runtime's profiles as it stands.
func snapshot(w http.ResponseWriter, r *http.Request) error {
	p := pprof.Lookup(r.PathValue("name"))
	if p == nil {
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "There is no such profile; /debug/pprof/ lists them."}
	}
	if p.Name() == "heap" && r.FormValue("gc") != "" && r.FormValue("gc") != "0" {
		runtime.GC()
	}
	debug, _ := strconv.Atoi(r.FormValue("debug"))
	if debug > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		attach(w, p.Name())
	}
	p.WriteTo(w, debug)
	return nil
}

func cpuProfile(w http.ResponseWriter, r *http.Request) error {
	return take(w, r, "profile", profileFor, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
}

func executionTrace(w http.ResponseWriter, r *http.Request) error {
	return take(w, r, "trace", traceFor, func() error { return trace.Start(w) }, trace.Stop)
}

// take records between start and stop, for as long as the request says or until
// the client leaves. Nothing is written before start returns.
func take(w http.ResponseWriter, r *http.Request, name string, length time.Duration, start func() error, stop func()) error {
	if text := r.FormValue("seconds"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		length = time.Duration(seconds * float64(time.Second))
		if err != nil || !(seconds > 0) || seconds > MaxDuration.Seconds() {
			return httpguard.ProblemDetails{
				Status: http.StatusBadRequest,
				Detail: fmt.Sprintf("seconds must be a number above 0 and at most %g.", MaxDuration.Seconds()),
			}
		}
	}
	// An error says that w has no deadlines, which is well too.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(length + time.Minute))
	attach(w, name)
	if err := start(); err != nil {
		w.Header().Del("Content-Disposition")
		return httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "This is being recorded already: " + err.Error() + "."}
	}
	defer stop()
	ctx, cancel := context.WithTimeout(r.Context(), length)
	defer cancel()
	<-ctx.Done()
	return nil
}

func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
