package gatehouse_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

func TestNewID(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	format := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for range 1000 {
		id := gatehouse.NewID(at)
		if !format.MatchString(id) || seen[id] {
			t.Fatalf("%q is no fresh UUID version 7", id)
		}
		seen[id] = true
		if later := gatehouse.NewID(at.Add(time.Millisecond)); later <= id {
			t.Fatalf("%q, made later, sorts before %q", later, id)
		}
	}
}

func TestSeverityText(t *testing.T) {
	for _, name := range gatehouse.Severities() {
		s, err := gatehouse.ParseSeverity(name)
		if err != nil || s.String() != name {
			t.Errorf("%q becomes %v, %v", name, s, err)
		}
	}
	if _, err := gatehouse.ParseSeverity("High"); err == nil {
		t.Error("a severity in capitals was accepted")
	}
}

// What the log prints is a contract with those who read it.
func TestRecordJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	r := gatehouse.Record{ID: "id", Severity: gatehouse.High, Event: gatehouse.Event{
		Kind: gatehouse.BruteForceDetected, Time: at, CorrelationID: "c",
		Subject: gatehouse.Subject{User: "u", Account: "a@example.com", Session: "s"},
		Client: gatehouse.Client{
			IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "curl/8",
			Device: gatehouse.Device{ID: "d", Name: "curl"}, Place: gatehouse.Place{Country: "DE"},
		},
	}}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"id","type":"brute_force_detected","time":"2026-01-02T03:04:05.000006Z",` +
		`"user_id":"u","account":"a@example.com","session_id":"s","ip":"192.0.2.1","user_agent":"curl/8",` +
		`"device":{"id":"d","name":"curl"},"place":{"country":"DE"},"correlation_id":"c","severity":"high"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back gatehouse.Record
	if err := json.Unmarshal(got, &back); err != nil || back != r {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

func TestZeroDecisionRefuses(t *testing.T) {
	if (gatehouse.Decision{}).Allowed() {
		t.Error("a decision that nobody made lets requests through")
	}
}

func TestBlockActiveAt(t *testing.T) {
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		until time.Time
		want  bool
	}{{time.Time{}, true}, {at, false}, {at.Add(1), true}, {at.Add(-1), false}} {
		if got := (gatehouse.Block{Until: c.until}).ActiveAt(at); got != c.want {
			t.Errorf("until %v: active %v", c.until, got)
		}
	}
}
