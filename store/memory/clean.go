package memory

import (
	"math"
	"net/netip"
	"reflect"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// maxList is to how many entries a list within a record is cut.
const maxList = 64

// cleaned returns a deep copy of v that can be written as one line of JSON,
// whatever a client has sent: texts cleaned and cut, lists cut, odd numbers and
// times zero, addresses unmapped and without zone.
func cleaned[T any](v T) T {
	clean(reflect.ValueOf(&v).Elem())
	return v
}

func clean(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		if *p = p.UTC().Round(0); p.Year() < 1 || p.Year() > 9999 {
			*p = time.Time{}
		}
		return
	case *netip.Addr:
		*p = p.Unmap().WithZone("")
		return
	case *netip.Prefix:
		*p, _ = canonical(*p)
		return
	case *gatehouse.Severity:
		*p = min(*p, gatehouse.Critical)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(gatehouse.CleanText(v.String(), gatehouse.MaxText))
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			v.SetFloat(0)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			to := reflect.New(v.Type().Elem())
			to.Elem().Set(v.Elem())
			clean(to.Elem())
			v.Set(to)
		}
	case reflect.Slice:
		if !v.IsNil() {
			n := min(v.Len(), maxList)
			to := reflect.MakeSlice(v.Type(), n, n)
			reflect.Copy(to, v)
			for i := range n {
				clean(to.Index(i))
			}
			v.Set(to)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			clean(v.Field(i))
		}
	}
}
