package geoip_test
import ("testing";"fmt";"net/netip";"github.com/fluxstudio/gatehouse/geoip")
func TestX(t *testing.T){ db:=geoip.Builtin(); fmt.Println(db.Type(), db.Built()); for _,s:=range []string{"8.8.8.8","1.1.1.1","2a00:1450::1","10.0.0.1","192.0.2.1","193.0.6.139"} {fmt.Printf("%s %+v\n",s,db.Place(netip.MustParseAddr(s)))}}
func BenchmarkBuiltin(b *testing.B){db:=geoip.Builtin(); ip:=netip.MustParseAddr("193.0.6.139"); b.ReportAllocs(); for b.Loop(){db.Place(ip)}}
func BenchmarkOpen(b *testing.B){b.ReportAllocs(); for b.Loop(){geoip.Builtin()}}
