// Command serve shows the gallery on a port of this machine, with a finding every
// two seconds.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse/internal/web/gallery"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address")
	every := flag.Duration("every", 2*time.Second, "time between findings; 0: none")
	flag.Parse()
	handler, err := gallery.New(*every)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, handler))
}
