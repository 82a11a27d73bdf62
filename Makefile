# All commands of the project. CI runs exactly these.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION  ?= $(patsubst v%,%,$(shell git describe --tags --always --dirty 2>/dev/null || echo dev))
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
FUZZTIME ?= 20s
BENCHTIME ?= 1s
FAILURE  ?= long
SOAK     ?= 10m
LEASES   ?= 10m
FEED     ?= 10m
FOLLOWERS ?= 20000
OPS      ?= 100000
RACERS   ?= 10000
QUICK    ?= 1000
SESSIONS ?= 100000
SCALE    ?= 10000,100000,1000000,2000000
# SQLite itself, which is C turned into Go, is built without the detector, because tests on it would take four times as
# long. What calls it has the detector. tests/main_test.go builds gsm in the same way.
PACKAGES ?= ./...
TESTFLAGS ?=
RACE := -gcflags=modernc.org/sqlite/lib=-race=false
TOOL := go tool -modfile=$(CURDIR)/tools/go.mod
MODULES := . deployment/monitoring tests/browser tools/ratios
# Not among tools/go.mod: they do not build with the versions of what they share with the linters.
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GORELEASER := go run github.com/goreleaser/goreleaser/v2@v2.16.0
# A file, because the check of the chart runs it a hundred times.
HELM := $(CURDIR)/bin/helm-v4.3.1

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve at http://127.0.0.1:8080 with the data in ./gsm.db
	go run ./cmd/gsm serve

.PHONY: build
build: ## Build bin/gsm, a static binary
	CGO_ENABLED=0 go build -trimpath -pgo=cmd/gsm/lobby.pgo -ldflags '-s -w -X main.stamped=$(VERSION) -X main.commit=$(COMMIT)' -o bin/gsm ./cmd/gsm

.PHONY: test
test: ## Run the tests, on MongoDB too if GSM_TEST_MONGODB_URI names one
	go test ./...

.PHONY: mongodb
mongodb: ## Start a MongoDB for tests, unless it runs, and print its URI
	@tools/mongodb up

.PHONY: test-mongodb
test-mongodb: ## Run the tests on SQLite and on MongoDB
	uri=$$(tools/mongodb up); GSM_TEST_MONGODB_URI=$$uri go test ./...

.PHONY: test-failure
test-failure: ## Run two processes on one MongoDB through failures (FAILURE=short takes half a minute)
	uri=$$(tools/mongodb up); \
	GSM_TEST_MONGODB_URI=$$uri GSM_TEST_MONGODB_CTL=$${GSM_TEST_MONGODB_CTL-$(CURDIR)/tools/mongodb} GSM_TEST_ENGINE=mongodb \
	GSM_TEST_FAILURE=$(FAILURE) go test ./tests -run '^TestFailures$$' -count=1 -timeout 20m -v

.PHONY: soak
soak: ## Have the lobbies of gsm bench played for SOAK (10m), print what the server takes, and check that it does not grow
	GSM_TEST_SOAK=$(SOAK) GSM_TEST_ENGINE=sqlite go test ./tests -run '^TestSoak$$' -count=1 -timeout 0 -v

.PHONY: test-leases
test-leases: ## Kill and pause the processes that serve 2,000 leased sessions for LEASES (10m), on MongoDB too if GSM_TEST_MONGODB_URI names one
	GSM_TEST_LEASES=$(LEASES) go test ./tests -run '^TestLeasesUnderCrashes$$' -count=1 -timeout 0 -v

.PHONY: test-feed
test-feed: ## Kill the processes that 1,000 clients follow for FEED (10m), on MongoDB too if GSM_TEST_MONGODB_URI names one
	GSM_TEST_FEED=$(FEED) go test ./tests -run '^TestFollowersThroughCrashes$$' -count=1 -timeout 0 -v

.PHONY: test-linear
test-linear: ## Check OPS (100,000) operations on sessions for linearizability while processes are killed, on MongoDB too if GSM_TEST_MONGODB_URI names one
	GSM_TEST_LINEAR=$(OPS) go test ./tests -run '^Test(Sessions|Reservations)AreLinearizable$$' -count=1 -timeout 0 -v -artifacts -outputdir $(CURDIR)

.PHONY: test-seats
test-seats: ## Have RACERS (10,000) players race for the seats of a session and its wait list, on MongoDB too if GSM_TEST_MONGODB_URI names one
	GSM_TEST_RACERS=$(RACERS) go test ./tests -run '^TestRaceForSeatsAndTheWaitList$$' -count=1 -timeout 0 -v

.PHONY: test-quick
test-quick: ## Have QUICK (1,000) players quick join at once, through three processes on MongoDB if GSM_TEST_MONGODB_URI names one
	GSM_TEST_QUICK=$(QUICK) go test ./tests -run '^TestQuickJoins(FillRooms|ThroughKills)$$' -count=1 -timeout 0 -v

.PHONY: test-memory
test-memory: ## Have 64 clients request the largest documents within the manifests' memory limit (some minutes)
	GSM_TEST_MEMORY=yes go test ./tests -run '^TestMemory$$' -count=1 -timeout 20m -v

.PHONY: race
race: ## Run the tests with the race detector, on MongoDB too if GSM_TEST_MONGODB_URI names one
	go test -race $(RACE) $(TESTFLAGS) $(PACKAGES)

.PHONY: lint
lint: ## Check format, style and module files
	@for module in $(MODULES); do \
	  echo "== $$module"; \
	  (cd $$module && go vet ./... && $(TOOL) golangci-lint fmt --diff && $(TOOL) golangci-lint run && go mod tidy -diff); \
	done

.PHONY: tools-check
tools-check: ## Test the tools that are written in Go
	cd tools/ratios && go test ./...

.PHONY: workflow-check
workflow-check: ## Check GitHub's workflows, that their actions are pinned, and the scripts of the image (needs shellcheck)
	$(ACTIONLINT)
	shellcheck deployment/docker/{image,image-run,secrets,compose-check,compose-why} deployment/github-actions/{deploy,revision,rollback} \
	  deployment/kubernetes/deployer/kubeconfig tools/{mongodb,profile,release-check} tools/contract/check
	@if grep -rnE '^ *-? *uses: [^.]' .github deployment/github-actions | grep -vE '@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$$'; then \
	  echo "pin these to a commit, with the version in a comment" >&2; exit 1; \
	fi

.PHONY: fmt
fmt: ## Format the code
	@for module in $(MODULES); do (cd $$module && $(TOOL) golangci-lint fmt); done

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs the network)
	@for module in $(MODULES); do \
	  echo "== $$module"; \
	  (cd $$module && $(TOOL) govulncheck ./...); \
	done

.PHONY: bench
bench: ## Measure the embedded store, telemetry, authentication, joins, history, heartbeats, purges, searches, and MongoDB beside a bare handler
	go test -run '^$$' -bench . -skip '^BenchmarkBrowser$$' -benchtime $(BENCHTIME) ./internal/store/sqlitestore
	@failed=; \
	$(MAKE) --no-print-directory bench-search || failed=yes; \
	GSM_TEST_ENGINE=sqlite go test -run '^$$' -bench '^Benchmark(Telemetry|Authentication|Joins|Storm|History|Heartbeats|Purge)$$' -benchtime 1x ./tests || failed=yes; \
	if [ -n "$${GSM_TEST_MONGODB_URI:-}" ]; then \
	  GSM_TEST_ENGINE=mongodb go test -run '^$$' -bench '^Benchmark(MongoDB|Storm|Heartbeats)$$' -benchtime 1x ./tests || failed=yes; \
	else \
	  echo "gsm on MongoDB is not measured: set GSM_TEST_MONGODB_URI to the URI of a server"; \
	fi; \
	[ -z "$$failed" ] # a result below its target does not stop the other measurements

SEARCHES := go test -run '^$$' -bench '^BenchmarkBrowser$$' -benchtime 1x -timeout 0 -v

.PHONY: bench-search
bench-search: ## Measure searches among SESSIONS (100000) open sessions, on MongoDB too if GSM_TEST_MONGODB_URI names one
	@failed=; \
	GSM_TEST_SESSIONS=$(SESSIONS) $(SEARCHES) ./internal/store/sqlitestore || failed=yes; \
	[ -z "$${GSM_TEST_MONGODB_URI:-}" ] || GSM_TEST_SESSIONS=$(SESSIONS) $(SEARCHES) ./internal/store/mongostore || failed=yes; \
	[ -z "$$failed" ]

.PHONY: bench-growth
bench-growth: ## Measure searches among 1,000 to 1,000,000 open sessions, on MongoDB to 100,000 (4 GB of disk)
	GSM_TEST_SESSIONS=1000,10000,100000,1000000 $(SEARCHES) ./internal/store/sqlitestore
	[ -z "$${GSM_TEST_MONGODB_URI:-}" ] || GSM_TEST_SESSIONS=1000,10000,100000 $(SEARCHES) ./internal/store/mongostore

.PHONY: bench-report
bench-report: build ## Measure everything that docs/benchmark-results.md has, and write it (an hour)
	@tables=$$(mktemp -d); trap 'rm -rf $$tables' EXIT; \
	GSM_BENCH_REPORT=$$tables $(MAKE) --no-print-directory bench-scale; \
	(cd tools/ratios && go run . report -gsm ../../bin/gsm -file ../../docs/benchmark-ratios.json -tables $$tables -to ../../docs/benchmark-results.md)

.PHONY: bench-guard
bench-guard: build ## Compare gsm with the ratios that are recorded in docs/benchmark-ratios.json (a quarter of an hour)
	cd tools/ratios && go run . guard -gsm ../../bin/gsm -file ../../docs/benchmark-ratios.json

.PHONY: profile
profile: ## Make the profile by which gsm is optimized, on MongoDB too if GSM_TEST_MONGODB_URI names one (PROFILE seconds on each)
	tools/profile

.PHONY: bench-scale
bench-scale: ## Measure databases of SCALE players, sessions of 2 to 990 members, and up to three processes on one MongoDB (half an hour)
	GSM_TEST_SCALE=$(SCALE) GSM_TEST_ENGINE=sqlite go test -run '^$$' -bench '^Benchmark(Scale|Members)$$' -benchtime 1x -timeout 0 ./tests
	[ -z "$${GSM_TEST_MONGODB_URI:-}" ] || GSM_TEST_ENGINE=mongodb go test -run '^$$' -bench '^Benchmark(Members|Processes)$$' -benchtime 1x -timeout 0 ./tests

.PHONY: bench-feed
bench-feed: ## Measure a process with FOLLOWERS (20000) event streams, on MongoDB too if GSM_TEST_MONGODB_URI names one
	@failed=; \
	go test -run '^$$' -bench '^BenchmarkNobodyFollows$$' -benchtime 1x -v ./internal/feed || failed=yes; \
	GSM_TEST_FOLLOWERS=$(FOLLOWERS) go test -run '^$$' -bench '^BenchmarkFollowers$$' -benchtime 1x -timeout 0 -v ./tests || failed=yes; \
	[ -z "$$failed" ]

.PHONY: bench-overload
bench-overload: ## Measure the throughput under ten times the possible load
	GSM_TEST_ENGINE=sqlite go test -run '^$$' -bench '^BenchmarkOverload$$' -benchtime 1x ./tests

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | sed 's#/[^/]*:func # #' | sort | \
	while read -r package target; do \
	  echo "== $$package $$target"; \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package </dev/null; \
	done

.PHONY: docs
docs: ## Write anew what is generated: filters, pages and tables of docs, parts of the Helm chart
	go generate ./internal/game ./internal/store/wrap
	go test ./tests -run '^TestDocs' -update
	go test ./internal/store/mongostore -run '^TestDocs' -update
	go test ./internal/store/sqlitestore -run '^TestDocs' -update
	go test ./deployment/check/helm -run '^TestGenerated' -update

.PHONY: contract-check
contract-check: ## Lint docs/openapi.yaml, and have generated clients call a server (needs npm and Python; Java and Maven for C#)
	tools/contract/check

.PHONY: dashboards
dashboards: ## Regenerate Grafana's dashboards from deployment/monitoring/grafana
	cd deployment/monitoring && go run ./grafana grafana/dashboards

.PHONY: monitoring-check
monitoring-check: ## Check rules and dashboards, on MongoDB too if GSM_TEST_MONGODB_URI names one (needs prometheus)
	@[ -z "$${GSM_TEST_MONGODB_URI:-}" ] || deployment/check/exporter >/dev/null # compiles it, before time is taken
	cd deployment/monitoring && go test -count=1 -timeout 10m -v ./...

.PHONY: browser-check
browser-check: ## Check the page of the guide to live lobbies in a browser (needs chromium)
	@command -v "$${GSM_TEST_BROWSER:-chromium}" >/dev/null || { echo "install chromium, or set GSM_TEST_BROWSER" >&2; exit 1; }
	cd tests/browser && go test -count=1 ./...

# The image's settings, as IMAGE=registry.example/gsm:1 and PLATFORMS=linux/amd64,linux/arm64, are in the script.
.PHONY: image
image: ## Build the container image IMAGE, with Docker or buildah
	deployment/docker/image build

.PHONY: image-archive
image-archive: ## Build the image and write it to ARCHIVE, as docker save does
	deployment/docker/image archive $(or $(ARCHIVE),bin/gsm-image.tar)

.PHONY: image-push
image-push: ## Push the image for both platforms to IMAGE under each tag of TAGS, and print its digest
	@deployment/docker/image push

.PHONY: image-check
image-check: ## Build the image twice and compare, check its size, and run it with a container's restrictions
	deployment/docker/image check

COMPOSE := docker compose --file deployment/docker/compose.yaml

.PHONY: compose-up
compose-up: ## Run gsm, MongoDB, Prometheus and Grafana in Docker, with persistent data
	deployment/docker/secrets
	@test -n "$${GSM_IMAGE:-}" || IMAGE=gsm:local deployment/docker/image build
	@$(COMPOSE) up --detach --wait --wait-timeout 300 || { deployment/docker/compose-why || true; exit 1; }
	@echo "the API      http://127.0.0.1:$${GSM_PORT:-8080}/docs, with GSM_ADMIN_KEY of deployment/docker/.env"
	@echo "dashboards   http://127.0.0.1:$${GRAFANA_PORT:-3000}, as admin with GRAFANA_PASSWORD of it"
	@echo "Prometheus   http://127.0.0.1:$${PROMETHEUS_PORT:-9090}/targets"

.PHONY: compose-check
compose-check: ## Check that what compose-up started works
	deployment/docker/compose-check

.PHONY: compose-logs
compose-logs: ## Show the containers' states and last log lines, and what to do about known problems
	$(COMPOSE) ps --all
	$(COMPOSE) logs --no-color --tail 50
	@deployment/docker/compose-why || true

.PHONY: compose-down
compose-down: ## Stop them; the data stays in Docker's volumes
	$(COMPOSE) down

.PHONY: release-notes
release-notes: ## Print the section of VERSION in the changelog
	@awk -v want="$(VERSION)" '/^## / {on = ($$2 == want || $$2 == "[" want "]"); next} on' CHANGELOG.md | sed '/./,$$!d' | \
	  grep . || { echo "CHANGELOG.md has no section $(VERSION)" >&2; exit 1; }

.PHONY: release-check
release-check: ## Run a release, of VERSION if it is set, without publishing
	$(GORELEASER) check
	GORELEASER='$(GORELEASER)' tools/release-check $(if $(filter command line,$(origin VERSION)),$(VERSION))

.PHONY: kubernetes-validate
kubernetes-validate: ## Compare the manifests with Kubernetes' schemas (needs kubectl, shellcheck, and kubeconform or GSM_K8S_TOOLS)
	deployment/check/validate

.PHONY: kubernetes-check
kubernetes-check: ## Test the manifests on a real cluster, of kind or of GSM_K8S_TOOLS (about ten minutes)
	deployment/check/run $(OVERLAYS)

$(HELM):
	GOBIN=$(@D)/tmp CGO_ENABLED=0 go install helm.sh/helm/v4/cmd/helm@$(patsubst helm-%,%,$(@F))
	mv $(@D)/tmp/helm $@

.PHONY: helm-check
helm-check: $(HELM) ## Check the Helm chart, with Kubernetes' schemas if there is kubeconform or GSM_K8S_TOOLS
	HELM=$(HELM) deployment/check/helm/run

.PHONY: helm-install-check
helm-install-check: $(HELM) ## Install the Helm chart on a real cluster, of kind or of GSM_K8S_TOOLS, in both its variants
	HELM=$(HELM) deployment/check/helm/install

.PHONY: module
module: ## Rename the module: make module MODULE=host/owner/name
	@test -n "$(MODULE)" || { echo "set MODULE=host/owner/name" >&2; exit 2; }
	old=$$(go list -m); \
	git ls-files '*.go' '*.yml' 'tools/go.mod' 'tools/contract/go.mod' 'deployment/monitoring/go.mod' 'tests/browser/go.mod' | xargs sed -i "s#\b$$old\b#$(MODULE)#g"; \
	go mod edit -module "$(MODULE)"; \
	go build ./...
