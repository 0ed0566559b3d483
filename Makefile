# Everything that a developer or CI runs. "make test" needs Go and, for the race
# detector, a C compiler, which it installs with Debian's package manager when
# it is missing.

GO ?= go
FUZZTIME ?= 20000x
export CGO_ENABLED ?= 0

.PHONY: help build test lint unit fuzz e2e bench tools geoip-refresh demo cluster test-faults

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

build: ## Build the binary into bin/
	$(GO) build -trimpath -o bin/gatehouse ./cmd/gatehouse

test: tools lint unit fuzz ## Everything that the gate runs

tools:
	@./scripts/install-test-tools

lint: ## Format, vet, staticcheck
	./scripts/lint

unit: ## All tests with the race detector, the end-to-end tests included
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...

fuzz: ## A short fuzz of every parser of hostile input
	FUZZTIME=$(FUZZTIME) PACKAGES="$(PACKAGES)" ./scripts/fuzz

bench: ## Counters beside others', the log, the chain of middleware and Sentry, as ratios
	cd bench && $(GO) run .
	$(GO) test -run '^$$' -bench Append -benchtime 8192x ./store/sql
	$(GO) test -run '^$$' -bench VerifyLog -benchtime 3x ./store/sql
	$(GO) test -run '^$$' -bench Chain ./telemetry/sentrytel
	$(GO) test -run '^$$' -bench LoginBesideSentry -benchtime 300x ./app
	$(GO) test -run TestCleanUpBesideLogins -timeout 60m -v ./e2e -long
	$(GO) test -run '^$$' -bench LoginBesideAlerts -benchtime 300x ./app
	$(GO) test -run '^$$' -bench LoginBesideLiveFeed -benchtime 1500x ./app
	$(GO) test -run '^$$' -bench Million -benchtime 20x -timeout 30m ./dashboard
	$(GO) test -run '^$$' -bench Reads -benchtime 20x -timeout 30m ./store/sql

.PHONY: load
load: ## The whole server under load; rewrites the tables of docs/performance.md
	cd bench && $(GO) run ./load -markdown ../docs/performance.md

geoip-refresh: ## Replace the country data by the newest release
	./geoip/data/refresh.sh

demo: ## See every rule fire
	$(GO) run ./cmd/gatehouse demo

.PHONY: screenshots
SCREENSHOTS ?= docs/screenshots/all
screenshots: tools ## A picture of every page, light and dark, for SCREENSHOTS=folder
	$(GO) test -count=1 -run 'TestBrowser(Demo|Account|FirstRun)$$' ./e2e -screenshots "$(abspath $(SCREENSHOTS))"

cluster: ## Three nodes with Redis and PostgreSQL on this machine, to try out
	$(GO) run ./internal/cluster

test-faults: ## Long fault tests against real servers
	$(GO) test -timeout 60m -count=1 -v -run 'Fault|Cluster|Killed' ./e2e -long
