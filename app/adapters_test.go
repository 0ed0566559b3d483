package app

import (
	"context"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

// page is a journal of one entry, or one that cannot be written.
type page struct {
	records []gatehouse.Record
	err     error
}

func (p *page) Append(_ context.Context, r ...gatehouse.Record) error {
	p.records = r
	return p.err
}

func TestObserversHearOnlyOfWhatIsDurable(t *testing.T) {
	for want, err := range map[int]error{1: nil, 0: gatehouse.ErrUnavailable} {
		heard := 0
		j := told{&page{err: err}, []func([]gatehouse.Record){nil, func(r []gatehouse.Record) { heard += len(r) }}}
		if got := j.Append(t.Context(), gatehouse.Record{ID: "1"}); got != err || heard != want {
			t.Errorf("an append with error %v: error %v, %d records told, want %d", err, got, heard, want)
		}
	}
}

func TestClientsTextIsScrubbed(t *testing.T) {
	f := gatehouse.Finding{Evidence: gatehouse.Evidence{UserAgent: "secret"}}
	r := gatehouse.Record{Finding: &f}
	r.UserAgent, r.Account, r.Reason = "secret", "secret", "secret"
	kept := new(page)
	j := scrubbed{kept, func(s string) string { return strings.ReplaceAll(s, "secret", "masked") }}
	if err := j.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got := kept.records[0]
	if got.UserAgent != "masked" || got.Account != "masked" || got.Finding.Evidence.UserAgent != "masked" || got.Reason != "secret" {
		t.Errorf("kept: %+v, %+v", got, got.Finding)
	}
	if f.Evidence.UserAgent != "secret" {
		t.Error("the finding that others hold was changed")
	}
}
