# Every target is a line that can be pasted. CI (.ci/run) runs nearly all of them.
GO ?= go
FUZZTIME ?= 10s

PAIRS ?= 1000000
MUTATE ?= ./gateway
SAMPLE ?= 0
KILLS ?= 200
ORDINARY ?= /tmp/toolward-ordinary
DATA ?= ../shared/data/guard/dev.jsonl.gz
CALLS ?= 2000000
DAYS ?= 30
RECORD ?= /tmp/toolward-review.db

# Packages that start no goroutine and share nothing but pools: guard, gateway and upstream use them from many.
ALONE = toolward/(guard/(classify|decode/.*|definition|eval|exfil|guardtest|literal|pii|rules|secret)|gateway/dialect|config(/clients)?|upstream/(openapi|shape)|cmd/(bench|dress|growth|mutate)|rego|examples.*)$$

.PHONY: run build test race lint regal vuln pairs mutate e2e crash field conformance frameworks cli firsthour apis fuzz bench cost scale review ordinary cv growth dress techniques image package clean

run: build ## start the gateway with no configuration: loopback, demo tools, ./toolward.db
	./bin/toolward serve

build:
	$(GO) build -trimpath -o bin/toolward ./cmd/toolward

test: ## every test that needs Go and a C compiler only
	$(GO) test ./...

race: ## every package in which something runs beside something else; of what takes long, as kills, some
	$(GO) test -race -short $$($(GO) list ./... | grep -vE '$(ALONE)')

lint: ## formatting, vet, staticcheck
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	$(GO) vet ./...
	$(GO) vet -tags e2e,apis,slow ./e2e/... ./audit
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags e2e,apis,slow ./e2e/... ./audit

regal: ## what Regal says about all Rego here; .regal/config.yaml has what it is not asked
	$(GO) tool -modfile=.ci/regal.mod regal lint --config-file .regal/config.yaml rego examples/policies deploy/policies

vuln: ## known vulnerabilities in what is reachable; needs the vulnerability database
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

pairs: ## random policies and calls, the engine against plain OPA, a million pairs or PAIRS
	TOOLWARD_PAIRS=$(PAIRS) TOOLWARD_SEED=$$(date +%s) $(GO) test ./policy -run '^TestRandomPolicies' -count=1 -v -timeout 4h

mutate: ## what the tests of a package would notice: MUTATE=./gateway, or ./state/...; SAMPLE draws so many changes of each
	$(GO) run ./cmd/mutate -sample $(SAMPLE) $(MUTATE)

e2e: build ## real MCP servers and clients from npm against the built binary; needs Node 20 or newer, sqlite3, strace, and Python 3 for the second verifier
	cd e2e && npm ci --no-audit --no-fund && node --test *.test.js fidelity/*.test.js
	$(GO) test -tags e2e -count=1 -timeout 25m ./e2e ./e2e/lab ./e2e/attacks/...
	$(GO) test -tags e2e -count=1 ./audit -run SecondVerifier

crash: ## a gateway killed 200 times, or KILLS, in each stage and under load, and prunes, backups, erasures, new keys and segments as often: the record verifies, nothing acknowledged is missing
	TOOLWARD_KILLS=$(KILLS) $(GO) test ./audit -run '^TestKilled' -count=1 -v -timeout 2h

slow: build ## attacks that take minutes, on the built binary
	$(GO) test -tags e2e,slow -count=1 -timeout 20m ./e2e/attacks -run SlowReaders

field: build ## what the field throws at it, in tables by kind, against the built binary; needs Node
	cd e2e && npm ci --no-audit --no-fund && node --test field/*.test.js
	cd e2e/providers && npm ci --no-audit --no-fund
	$(GO) test -tags e2e -count=1 -timeout 25m ./e2e/field/...

conformance: build ## the official MCP conformance suite, direct and through the gateway; needs Node
	cd e2e/conformance && npm ci --no-audit --no-fund && node --test *.test.js

frameworks: build ## LangChain.js, Vercel AI SDK, Mastra and OpenAI Agents through the gateway; needs Node
	cd e2e && npm ci --no-audit --no-fund
	cd e2e/frameworks && npm ci --no-audit --no-fund && node_modules/.bin/node --test --test-force-exit *.test.js

cli: build ## Claude Code, Codex, Gemini CLI, OpenCode and Copilot CLI, their models stubs, and the MCP Inspector in a browser, in a network of loopback alone; needs Linux, root, Node, script and chromium-headless-shell
	cd e2e && npm ci --no-audit --no-fund
	cd e2e/cli && npm ci --no-audit --no-fund --ignore-scripts
	e2e/cli/run

firsthour: build ## clone, make run, the URL pasted into Claude Code and Codex, Claude Desktop's entry, six servers imported and governed, in a network of loopback alone; needs Linux, root, Node and script
	cd e2e && npm ci --no-audit --no-fund
	cd e2e/cli && npm ci --no-audit --no-fund --ignore-scripts
	e2e/firsthour/run

apis: ## descriptions of public HTTP APIs from npm: each operation called, time and memory printed; needs Node
	cd e2e/openapi && npm ci --no-audit --no-fund --ignore-scripts
	$(GO) test -tags apis -count=1 -v ./e2e/openapi

fuzz: ## each parser at a boundary, for FUZZTIME
	./.ci/fuzz $(FUZZTIME)

bench: build ## the whole pipeline against a bare reverse proxy in one run
	$(GO) run ./cmd/bench
	$(GO) run ./cmd/bench -conns 16 -sizes 1024 -kinds prose,json,code,log -policies conditions,written
	$(GO) run ./cmd/bench -conns 16 -sizes 1024 -modes session,stateless,stream
	$(GO) run ./cmd/bench -flat -conns 16 -sizes 1024
	$(GO) test ./guard -run '^$$' -bench 'Scan|Hostile' -benchtime 200ms -timeout 30m

cost: build ## instructions and allocations of a call and of a KiB of guard, which must not be 3 % over cmd/bench/cost.json; UPDATE=1 writes it; needs valgrind
	$(GO) build -trimpath -o bin/bench ./cmd/bench
	bin/bench -cost cmd/bench/cost.json $(if $(UPDATE),-update)

scale: ## a record of CALLS calls over thirty days, or DAYS, at RECORD; says what a call of it takes
	cd audit && TOOLWARD_CALLS=$(CALLS) TOOLWARD_DAYS=$(DAYS) TOOLWARD_RECORD=$(RECORD) $(GO) test . -run '^TestRecordOfAMonth$$' -count=1 -v -timeout 4h

review: ## what a reviewer waits for on two million calls, or CALLS; the record is made at RECORD if it is not there
	cd audit && TOOLWARD_CALLS=$(CALLS) TOOLWARD_RECORD=$(RECORD) $(GO) test . -run '^TestReviewAtScale$$' -count=1 -v -timeout 2h

ordinary: ## a corpus of ordinary files at ORDINARY, from Go, npm and Debian packages by name; needs npm and apt
	$(GO) run ./guard/train/ordinary -out $(ORDINARY)

cv: ## the figures of guard/classify: each source, kind of file and package judged by a model that has not seen it; after make ordinary
	$(GO) run ./guard/train -ordinary $(ORDINARY)/ordinary.jsonl.gz -data $(DATA) -cv

growth: ## what a text costs per KiB, counted, which must not grow with the size of the text
	GOCOVERDIR=$$(mktemp -d) $(GO) run -cover -covermode=atomic -coverpkg=toolward/cmd/growth,toolward/guard/...,toolward/gateway,toolward/audit,github.com/go-json-experiment/json/jsontext,math/big,strconv,regexp,bytes,strings,slices,sort,compress/flate,net/url,html,unicode/utf8 ./cmd/growth

dress: ## orders dressed up in every way that is known, at every place: how many are blocked
	$(GO) run ./cmd/dress

techniques: ## what each way of decoding finds that nothing else finds, and what it costs on clean text
	$(GO) run ./cmd/dress -techniques -every 7 $(if $(wildcard $(DATA)),-data $(DATA))
	$(GO) test ./guard/decode/normal ./guard/decode/reading -run '^$$' -bench Technique -benchtime 200x

image: ## toolward, the program alone, and toolward:node, for servers from npm; needs Docker with BuildKit
	docker build -f deploy/Dockerfile --target small -t toolward .
	docker build -f deploy/Dockerfile --target node -t toolward:node .

package: ## into dist: archives, deb, checksums and SBOM for Linux; needs gcc-aarch64-linux-gnu and libc6-dev-arm64-cross
	TOOLWARD_LINUX_ONLY=1 $(GO) run github.com/goreleaser/goreleaser/v2@v2.16.0 release --snapshot --clean --skip=docker,sign

clean:
	rm -rf bin dist
