package sentrytel_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// item is one item of an envelope.
type item struct {
	Type     string
	Envelope map[string]any // its header
	Body     map[string]any
}

// ingest is a Sentry that keeps what it receives.
type ingest struct {
	*httptest.Server
	mu    sync.Mutex
	items []item
	raw   bytes.Buffer // every byte of every request, headers aside
	auth  []string
}

func newIngest(t testing.TB) *ingest {
	t.Helper()
	s := new(ingest)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// dsn is where the server listens, as a DSN.
func (s *ingest) dsn() string { return dsnOf(s.URL) }

func dsnOf(url string) string { return strings.Replace(url, "http://", "http://public@", 1) + "/42" }

func (s *ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/api/42/envelope/" || r.Method != http.MethodPost {
		http.Error(w, "no envelope", http.StatusBadRequest)
		return
	}
	items, err := parse(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw.Write(body)
	s.auth = append(s.auth, r.Header.Get("X-Sentry-Auth"))
	if err != nil {
		s.items = append(s.items, item{Type: "malformed: " + err.Error()})
		return
	}
	s.items = append(s.items, items...)
	io.WriteString(w, `{}`)
}

// parse reads an envelope: a header, then headers and payloads of items, one a
// line unless the header of the item has a length.
func parse(envelope []byte) ([]item, error) {
	r := bufio.NewReader(bytes.NewReader(envelope))
	object := func() (map[string]any, error) {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) == 0 {
			return nil, err
		}
		var o map[string]any
		return o, json.Unmarshal(line, &o)
	}
	header, err := object()
	if err != nil {
		return nil, fmt.Errorf("envelope header: %w", err)
	}
	var items []item
	for {
		h, err := object()
		if h == nil && err == io.EOF {
			return items, nil
		}
		if err != nil {
			return nil, fmt.Errorf("item header: %w", err)
		}
		if h == nil {
			continue
		}
		var payload []byte
		if length, ok := h["length"].(float64); ok {
			payload = make([]byte, int(length))
			_, err = io.ReadFull(r, payload)
			r.ReadByte()
		} else {
			payload, err = r.ReadBytes('\n')
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("payload: %w", err)
		}
		i := item{Type: h["type"].(string), Envelope: header}
		if err := json.Unmarshal(payload, &i.Body); err != nil {
			return nil, fmt.Errorf("payload of %s: %w", i.Type, err)
		}
		items = append(items, i)
	}
}

// of returns the items of a type.
func (s *ingest) of(kind string) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []item
	for _, i := range s.items {
		if i.Type == kind {
			found = append(found, i)
		}
	}
	return found
}

// only returns the one item of a type.
func (s *ingest) only(t *testing.T, kind string) item {
	t.Helper()
	found := s.of(kind)
	if len(found) != 1 {
		t.Fatalf("%d items of type %s, want 1; all: %v", len(found), kind, s.items)
	}
	return found[0]
}

// at walks into JSON: "contexts.trace.op", "exception.0.value".
func (i item) at(path string) any {
	var v any = i.Body
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			n := 0
			if _, err := fmt.Sscan(key, &n); err != nil || n >= len(x) {
				return nil
			}
			v = x[n]
		default:
			return nil
		}
	}
	return v
}

// want checks values by their paths.
func (i item) want(t *testing.T, want map[string]any) {
	t.Helper()
	for path, w := range want {
		if got := i.at(path); fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("%s: %s = %v, want %v", i.Type, path, got, w)
		}
	}
	if t.Failed() {
		body, _ := json.MarshalIndent(i.Body, "", " ")
		t.Logf("%s", body)
	}
}

// newMonitor returns a monitor that sends to s and is closed with the test.
func newMonitor(t testing.TB, s *ingest, change func(*sentrytel.Options)) *sentrytel.Monitor {
	t.Helper()
	o := sentrytel.Options{DSN: s.dsn(), Environment: "test", Release: "gatehouse@1.2.3", UserKey: []byte("key of the test")}
	if change != nil {
		change(&o)
	}
	m, err := sentrytel.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		m.Close(ctx)
	})
	return m
}

func flush(t testing.TB, m *sentrytel.Monitor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := m.Flush(ctx); err != nil {
		t.Fatalf("Flush: %v; %+v", err, m.Stats())
	}
}

func rate(r float64) *float64 { return &r }
