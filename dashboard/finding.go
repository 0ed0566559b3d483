package dashboard

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

// How much is shown around a finding, and how far apart related ones may be.
const (
	evidenceBefore = 100 // records
	evidenceAfter  = 60
	evidenceLead   = 10 * time.Minute
	relatedWithin  = 24 * time.Hour
	relatedShown   = 12
)

type finding struct {
	gatehouse.Record // the newest of the finding
	Path             string
	Receipt          []fact
	Advice           advice
	UserPage         string // of the account, if somebody has it
	Deeds            []deed
	Before, After    []entry // in the order of time
	Since            time.Time
	MoreBefore       bool
	MoreAfter        bool
	Related          []gatehouse.Record
	Same             string            // what is the same in the evidence
	Succeeded        *gatehouse.Record // a login after the guesses
	Map              worldmap.Map
	Drawable         bool
	Network          netip.Prefix // by which the address is counted; not set where blocking it makes no sense
	Block            *gatehouse.Block
	Terms            []term
}

// Km is how long the way of a travel is, and Kmh how fast it was, both at least.
func (f finding) Km() int  { return int(math.Round(f.Finding.Evidence.Travel.DistanceKm)) }
func (f finding) Kmh() int { return int(math.Round(f.Finding.Evidence.Travel.SpeedKmh)) }

// deed is something that was done about a finding, and how it is now.
type deed struct {
	gatehouse.Action
	Held   *gatehouse.Block  // a block that is in force
	Lifted *gatehouse.Record // how it was lifted
}

func (s *Server) finding(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx := r.Context()
	records, err := s.recordsOf(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := finding{Record: records[0], Path: "/findings/" + subjectID(&records[0]), Advice: adviceOn(&records[0]), Terms: blockTerms}
	if f.Finding != nil {
		f.Receipt = receipt(f.Finding)
		f.Map, f.Drawable = travelMap(f.Finding.Evidence.Travel)
	}
	names := []string{f.User, f.Account}
	if u, err := s.whoIs(ctx, f.Subject); err == nil {
		f.UserPage, f.Account, names = "/users/"+u.ID, u.Account, namesOf(u)
	} else if !errors.Is(err, gatehouse.ErrNotFound) {
		return err
	}
	if f.IP.IsValid() && f.Kind != gatehouse.LoginDisowned {
		f.Network = guard.CountingPrefix(f.IP)
		b, held, err := s.Blocks.Blocked(ctx, f.IP, s.Now())
		if err != nil {
			return err
		}
		if held {
			f.Block = &b
		}
	}
	for _, part := range []func(context.Context, *finding, []string) error{s.deedsOf, s.evidenceOf, s.relatedOf} {
		if err := part(ctx, &f, names); err != nil {
			return err
		}
	}
	return s.show(w, r, v, http.StatusOK, "finding", page{Title: title(f.Kind), Section: "/findings", Data: f})
}

// recordsOf returns the records of a finding, or the one record that is as good as
// one, newest first, or gatehouse.ErrNotFound.
func (s *Server) recordsOf(ctx context.Context, id string) ([]gatehouse.Record, error) {
	if id == "" || len(id) > maxID {
		return nil, gatehouse.ErrNotFound
	}
	records, err := collect(s.Log.Query(ctx, gatehouse.Query{Finding: id, Limit: 1}))
	if err != nil || len(records) > 0 {
		return records, err
	}
	at, ok := timeOf(id)
	if !ok {
		return nil, gatehouse.ErrNotFound
	}
	q := gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.TokenReused, gatehouse.LoginDisowned}, Since: at, Until: at.Add(time.Millisecond)}
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil {
			return nil, err
		}
		if r.ID == id {
			return []gatehouse.Record{r}, nil
		}
	}
	return nil, gatehouse.ErrNotFound
}

// timeOf returns the millisecond in which an ID was made (RFC 9562, section 5.7).
func timeOf(id string) (time.Time, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 || b[6]>>4 != 7 {
		return time.Time{}, false
	}
	var ms int64
	for _, octet := range b[:6] {
		ms = ms<<8 | int64(octet)
	}
	return time.UnixMilli(ms).UTC(), true
}

// deedsOf tells what was done, and whether it holds.
func (s *Server) deedsOf(ctx context.Context, f *finding, _ []string) error {
	if f.Finding == nil {
		return nil
	}
	now := s.Now()
	for _, a := range f.Finding.Actions {
		d := deed{Action: a}
		if a.Response == "block_ip" && a.Failure == "" && a.Target.IsValid() {
			held, err := s.blockOf(ctx, a.Target, now)
			switch {
			case err == nil:
				d.Held = &held
			case !errors.Is(err, gatehouse.ErrNotFound):
				return err
			default:
				if d.Lifted, err = s.liftedSince(ctx, a.Target, f.Finding.First); err != nil {
					return err
				}
			}
		}
		f.Deeds = append(f.Deeds, d)
	}
	return nil
}

// liftedSince returns the newest record of how the block of exactly a network was
// lifted, nil if there is none.
func (s *Server) liftedSince(ctx context.Context, network netip.Prefix, since time.Time) (*gatehouse.Record, error) {
	q := gatehouse.Query{Prefix: network, Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}, Since: since, Limit: 20}
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil {
			return nil, err
		}
		if r.Block != nil && r.Block.Prefix == network {
			return &r, nil
		}
	}
	return nil, nil
}
