#!/bin/sh
# Renews crawlers.tsv from the latest crawler-user-agents package. Needs npm and
# go. Run it from anywhere (or "go generate ./agent"), then run the tests of
# this package and commit.
set -eu
data=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
tar -xzf "$(npm pack --silent crawler-user-agents | tail -n 1)" --strip-components=1

cd "$data/../.."
go run ./agent/internal/refresh < "$work/crawler-user-agents.json" > "$work/crawlers.tsv"
cp "$work/crawlers.tsv" "$data/crawlers.tsv"
cp "$work/LICENSE" "$data/LICENSE"
go test ./agent
