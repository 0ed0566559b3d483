package geoip

import _ "embed" // for the database

// The file is mapped with the program and read in where it is looked at, so it
// costs no start-up time and no heap.
//
//go:embed data/dbip-country.mmdb
var countryData []byte

// Builtin returns the country database that is part of the program. See
// data/refresh.sh for how to renew it. It panics if the program was built from a
// damaged file, which the tests of this package rule out.
func Builtin() *DB {
	db, err := FromBytes(countryData)
	if err != nil {
		panic("geoip: built-in database: " + err.Error())
	}
	return db
}
