package export_test

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 123_456_000, time.UTC)

// hostile is what somebody may type to break a line, a frame or a terminal.
var hostile = "x\r\n{\"forged\":1}\x00\x1b[31m\u2028\u202e\u009b\xff<script>\"\\ 17 <34>1 - - - - - - " + strings.Repeat("é", 2000)

// fill sets every field below v: texts by text, the rest to values of the
// sample's kind, so that a field that is added to a record later is filled too.
func fill(v reflect.Value, text func() string, wild bool) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = noon
		if wild {
			*p = time.Date(292_000_000, 1, 1, 0, 0, 0, 0, time.FixedZone("odd", 86_399))
		}
		return
	case *netip.Addr:
		*p = netip.MustParseAddr("2001:db8::7")
		if wild {
			*p = netip.MustParseAddr("fe80::1%eth0\n")
		}
		return
	case *netip.Prefix:
		*p = netip.MustParsePrefix("198.51.100.0/24")
		if wild {
			*p = netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), 99)
		}
		return
	case *gatehouse.Severity:
		*p = gatehouse.High
		if wild {
			*p = 200
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
		if wild {
			v.SetInt(math.MinInt64)
		}
	case reflect.Float64:
		v.SetFloat(12.5)
		if wild {
			v.SetFloat(math.NaN())
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, wild)
	case reflect.Slice:
		n := 2
		if wild {
			n = 500
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), text, wild)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text, wild)
		}
	default:
		panic("fill: " + v.Type().String())
	}
}

// samples returns records of one kind by name, from nothing to too much.
func samples(kind gatehouse.Kind) map[string]gatehouse.Record {
	minimal := gatehouse.Record{Event: gatehouse.Event{Kind: kind}}
	var full, wild gatehouse.Record
	fill(reflect.ValueOf(&full).Elem(), func() string { return "text" }, false)
	fill(reflect.ValueOf(&wild).Elem(), func() string { return hostile }, true)
	full.Kind, wild.Kind = kind, kind
	finding, block, ended := full, full, typical(kind)
	finding.Block, block.Finding = nil, nil
	ended.Endpoint = "any"
	return map[string]gatehouse.Record{
		"minimal": minimal, "full": full, "hostile": wild, "finding only": finding, "block only": block,
		"typical": typical(kind), "no method": ended,
	}
}

// typical is a record as Gatehouse writes it.
func typical(kind gatehouse.Kind) gatehouse.Record {
	r := gatehouse.Record{
		ID: "019ca000-0000-7000-8000-000000000001", Severity: gatehouse.Info,
		Event: gatehouse.Event{
			Kind: kind, Time: noon, Endpoint: "POST /api/auth/login", CorrelationID: "c0ffee",
			Subject: gatehouse.Subject{User: "u-1", Account: "alice@example.com", Session: "s-1"},
			Client: gatehouse.Client{
				IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "curl/8.5", Device: gatehouse.Device{ID: "d-1", Name: "curl"},
				Place: gatehouse.Place{Country: "DE", City: "Köln", Network: "Example Net", Lat: 50.9, Lon: 6.9, RadiusKm: 20},
			},
		},
	}
	switch kind {
	case gatehouse.LoginFailed:
		r.Reason, r.User, r.Session = "wrong_password", "", ""
	case gatehouse.RequestRefused:
		r.Reason, r.Endpoint, r.Count, r.Severity = "blocked", "GET /api/auth/me", 3, gatehouse.Warning
	case gatehouse.BruteForceDetected, gatehouse.MultipleDeviceLogin, gatehouse.RapidTokenRefresh, gatehouse.BotActivityDetected,
		gatehouse.GeographicAnomaly, gatehouse.AccountTakeoverAttempt, gatehouse.SuspiciousActivity:
		r.Severity = gatehouse.High
		r.Finding = &gatehouse.Finding{
			ID: "f-1", Rule: "brute_force", Kind: kind, Severity: gatehouse.High, KeyedBy: "account+ip", Observed: 5, Threshold: 5,
			Window: 5 * time.Minute, First: noon.Add(-time.Minute), Last: noon, Count: 1,
			Actions: []gatehouse.Action{{Response: "log"}, {
				Response: "block_ip", Target: netip.MustParsePrefix("192.0.2.1/32"), Until: noon.Add(time.Hour),
				Undo: "gatehouse blocks remove 192.0.2.1",
			}},
		}
	case gatehouse.SessionEnded, gatehouse.StepUpRequired, gatehouse.AccountLocked, gatehouse.AccountUnlocked, gatehouse.RoleChanged:
		r.Actor, r.Reason, r.Session, r.Endpoint = "bob@example.com", "a stolen phone", "", "POST /users/{id}"
	case gatehouse.RuleModeChanged, gatehouse.AllowListExtended, gatehouse.AllowListReduced, gatehouse.LogExported:
		r.Actor, r.Reason, r.Subject, r.Endpoint = "bob@example.com", "too many alarms", gatehouse.Subject{}, "POST /rules"
	case gatehouse.IPAddressBlocked, gatehouse.IPAddressUnblocked:
		r.Severity = gatehouse.High
		r.Block = &gatehouse.Block{
			ID: "b-1", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Reason: "brute_force_detected", Rule: "brute_force",
			By: "gatehouse", Finding: "f-1", Created: noon, Until: noon.Add(time.Hour),
		}
	}
	return r
}

// kinds are all that there are, and some that there are not.
func kinds() []gatehouse.Kind {
	return append(gatehouse.Kinds(), "", "somebody_elses_kind", gatehouse.Kind(hostile))
}
