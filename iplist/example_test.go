package iplist_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/iplist"
)

// A list is read from a file, asked, and written for the firewall.
func Example() {
	file := strings.NewReader("# seen last night\n192.0.2.0/25\n192.0.2.128-192.0.2.255\n")
	entries, err := iplist.Read(file, iplist.Options{Name: "bad.txt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	bad := iplist.NewList(iplist.NewSet(iplist.Prefixes(entries, time.Now())))
	fmt.Println(bad.Contains(netip.MustParseAddr("192.0.2.200")))
	iplist.Write(os.Stdout, iplist.Plain, entries)
	// Output:
	// true
	// 192.0.2.0/24
}
