package geoip

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/oschwald/maxminddb-golang/v2"
)

// DB is an open MMDB database. It is safe for concurrent use until it is closed.
type DB struct {
	reader *maxminddb.Reader
	flat   bool
}

var _ gatehouse.Places = (*DB)(nil)

// Open opens a Country, City or ASN database file in MMDB form, as MaxMind
// (nested fields) or DB-IP and ip-location-db (flat fields) publish them. The
// file is mapped into memory: to renew it while it is in use, move a new file to
// its place and do not overwrite the old one. The error says what is wrong with
// a file that is none of these.
func Open(path string) (*DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("geoip: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("geoip: %s is not a file: name the .mmdb file itself", path)
	}
	db, err := open(func() (*maxminddb.Reader, error) { return maxminddb.Open(path) })
	if err != nil {
		return nil, fmt.Errorf("geoip: %s: %w", path, err)
	}
	return db, nil
}

// FromBytes is Open for a database in memory, which must not be changed while
// it is in use.
func FromBytes(data []byte) (*DB, error) {
	return open(func() (*maxminddb.Reader, error) { return maxminddb.OpenBytes(data) })
}

// errFields says what a file lacks.
var errFields = errors.New("it has neither countries nor network operators: use a Country, City or ASN database of MaxMind, DB-IP or ip-location-db")

func open(read func() (*maxminddb.Reader, error)) (db *DB, err error) {
	defer recovered(&err, debug.SetPanicOnFault(true))
	reader, err := read()
	if err != nil {
		return nil, fmt.Errorf("not a usable MMDB file: %w", err)
	}
	db = &DB{reader: reader}
	if !db.probe() {
		reader.Close()
		return nil, fmt.Errorf("type %.60q: %w", reader.Metadata.DatabaseType, errFields)
	}
	return db, nil
}

// maxProbe is how many networks of each IP version are looked at to find out a
// file's fields. The first ones of a file may be empty.
const maxProbe = 1000

// probe finds out which layout the records have and reports whether any can be
// understood. It asks for one network after the other, and not the reader's
// Networks, which a hostile tree without records could keep busy for ever.
func (db *DB) probe() bool {
	for _, ip := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		for n := 0; n < maxProbe && ip.IsValid(); n++ {
			result := db.reader.Lookup(ip)
			if result.Err() != nil {
				break
			}
			for _, db.flat = range []bool{true, false} {
				if p, err := db.read(result); err == nil && (p.Known() || p.Network != "") {
					return true
				}
			}
			ip = last(result.Prefix()).Next()
		}
	}
	return false
}

// last returns the last address of a network, which is also the zero Addr if
// the prefix is not valid.
func last(p netip.Prefix) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

// Place returns what the database knows of ip: the zero Place for special and
// unknown addresses, and where the database is damaged.
func (db *DB) Place(ip netip.Addr) gatehouse.Place {
	ip = gatehouse.CleanAddr(ip)
	if !ip.IsValid() || special(ip) {
		return gatehouse.Place{}
	}
	place, err := db.lookup(ip)
	if err != nil {
		return gatehouse.Place{}
	}
	return place
}

func (db *DB) lookup(ip netip.Addr) (place gatehouse.Place, err error) {
	defer recovered(&err, debug.SetPanicOnFault(true))
	return db.read(db.reader.Lookup(ip))
}

// Type returns the type that the database gives itself, for example
// "DBIP-City-Lite". It comes from the file.
func (db *DB) Type() string { return gatehouse.CleanText(db.reader.Metadata.DatabaseType, 64) }

// Built returns when the database was made.
func (db *DB) Built() time.Time { return db.reader.Metadata.BuildTime().UTC() }

// Close releases a file. No call may follow or be under way.
func (db *DB) Close() error { return db.reader.Close() }

// recovered turns a panic into an error, that of a bad memory access too, which
// a mapped file causes when somebody cuts it short. It takes the setting that
// SetPanicOnFault returned and puts it back.
func recovered(err *error, panicOnFault bool) {
	debug.SetPanicOnFault(panicOnFault)
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged database: %v", p)
	}
}
