# Every command of the project. CI runs exactly these.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 20s
BENCHTIME ?= 1s
FAILURE  ?= long
TOOL := go tool -modfile=$(CURDIR)/tools/go.mod
MODULES := . deployment/monitoring

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve at http://127.0.0.1:8080 with the data in ./gsm.db
	go run ./cmd/gsm serve

.PHONY: build
build: ## Build bin/gsm, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.stamped=$(VERSION)' -o bin/gsm ./cmd/gsm

.PHONY: test
test: ## Run the tests, on MongoDB too if GSM_TEST_MONGODB_URI names one
	go test ./...

.PHONY: mongodb
mongodb: ## Start a MongoDB to test on, unless it runs, and print its URI
	@tools/mongodb up

.PHONY: test-mongodb
test-mongodb: ## Run the tests on SQLite and on MongoDB
	uri=$$(tools/mongodb up); GSM_TEST_MONGODB_URI=$$uri go test ./...

.PHONY: test-failure
test-failure: ## Run two processes on one MongoDB through failures (FAILURE=short for half a minute of it)
	uri=$$(tools/mongodb up); \
	GSM_TEST_MONGODB_URI=$$uri GSM_TEST_MONGODB_CTL=$${GSM_TEST_MONGODB_CTL-$(CURDIR)/tools/mongodb} GSM_TEST_ENGINE=mongodb \
	GSM_TEST_FAILURE=$(FAILURE) go test ./tests -run '^TestFailures$$' -count=1 -timeout 20m -v

.PHONY: race
race: ## Run the tests with the race detector, on MongoDB too if GSM_TEST_MONGODB_URI names one
	go test -race ./...

.PHONY: lint
lint: ## Check format, style and module files
	@for module in $(MODULES); do \
	  echo "== $$module"; \
	  (cd $$module && go vet ./... && $(TOOL) golangci-lint fmt --diff && $(TOOL) golangci-lint run && go mod tidy -diff); \
	done

.PHONY: fmt
fmt: ## Format the code
	@for module in $(MODULES); do (cd $$module && $(TOOL) golangci-lint fmt); done

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs the network)
	$(TOOL) govulncheck ./...

.PHONY: bench
bench: ## Measure the embedded store, what telemetry and authentication cost, and gsm on the MongoDB of GSM_TEST_MONGODB_URI beside a bare handler
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./internal/store/sqlitestore
	GSM_TEST_ENGINE=sqlite go test -run '^$$' -bench '^Benchmark(Telemetry|Authentication)$$' -benchtime 1x ./tests
	@if [ -n "$${GSM_TEST_MONGODB_URI:-}" ]; then \
	  GSM_TEST_ENGINE=mongodb go test -run '^$$' -bench '^BenchmarkMongoDB$$' -benchtime 1x ./tests; \
	else \
	  echo "gsm on MongoDB is not measured: set GSM_TEST_MONGODB_URI to the URL of a server"; \
	fi

.PHONY: bench-overload
bench-overload: ## Measure what is answered under ten times of what can be
	GSM_TEST_ENGINE=sqlite go test -run '^$$' -bench '^BenchmarkOverload$$' -benchtime 1x ./tests

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "== $$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

.PHONY: docs
docs: ## Write docs/openapi.yaml and docs/configuration.md anew from the program
	go test ./tests -run '^TestDocs' -update

.PHONY: dashboards
dashboards: ## Write Grafana's dashboards anew from deployment/monitoring/grafana
	cd deployment/monitoring && go run ./grafana grafana/dashboards

.PHONY: monitoring-check
monitoring-check: ## Check rules and dashboards, on MongoDB too if GSM_TEST_MONGODB_URI names one (needs prometheus and npm)
	cd deployment/monitoring && go test -count=1 -timeout 10m -v ./...

.PHONY: module
module: ## Rename the module: make module MODULE=host/owner/name
	@test -n "$(MODULE)" || { echo "say MODULE=host/owner/name" >&2; exit 2; }
	old=$$(go list -m); \
	git ls-files '*.go' '*.yml' 'tools/go.mod' 'deployment/monitoring/go.mod' | xargs sed -i "s#\b$$old\b#$(MODULE)#g"; \
	go mod edit -module "$(MODULE)"; \
	go build ./...
