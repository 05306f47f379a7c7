# What can be done with Chatgate. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PORT ?= 7071
# Azure runs linux/amd64; GOARCH=arm64 make package builds for the other plans.
TARGET_OS ?= linux
TARGET_ARCH ?= $(or $(GOARCH),amd64)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

.PHONY: package
package: msal ## build dist/, what Azure runs
	@rm -rf dist && mkdir dist
	@cp host.json dist/ && cp -R functions/. dist/
# With runtimesecret users' tokens are erased from memory; see internal/secretly.
# Without buildvcs=false git, and so go build, refuses a checkout that somebody else owns.
	CGO_ENABLED=0 GOEXPERIMENT=runtimesecret GOOS=$(TARGET_OS) GOARCH=$(TARGET_ARCH) go build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o dist/handler .

.PHONY: run
run: ## the whole system on this machine, http://localhost:7071 (FUNC=1: by Core Tools)
ifndef FUNC
# First of all: an app that runs at the port already has its files in dist/.
	@mkdir -p .local && go build -buildvcs=false -o .local/chatgate-local ./cmd/local
	@.local/chatgate-local -port '$(PORT)' -check
endif
	@$(MAKE) --no-print-directory package TARGET_OS=$$(go env GOHOSTOS) TARGET_ARCH=$$(go env GOHOSTARCH)
ifdef FUNC
	@PORT=$(PORT) exec scripts/run-func.sh
else
	@exec .local/chatgate-local -port '$(PORT)' -webchat "$$(scripts/fetch-webchat.sh)"
endif

.PHONY: webchat
webchat:
	@scripts/fetch-webchat.sh

# Embedded by web/, so it has to be there before a build that is to be shipped.
.PHONY: msal
msal:
	@scripts/fetch-msal.sh

.PHONY: deps
deps: ## install what the tests need
	@scripts/install-deps.sh

.PHONY: test
test: webchat package ## install what the tests need and run every one
	@scripts/test.sh

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s, or a count such as 1500x)
	@scripts/fuzz.sh

.PHONY: lint
lint: ## run the linters
	@scripts/lint.sh

.PHONY: bench
bench: package ## measure, beside what one would pick instead
	@scripts/install-deps.sh npm
	@scripts/bench.sh

.PHONY: rotate
rotate: ## a new Direct Line key for ASSISTANT in the vault (DRY_RUN=1 looks)
	@scripts/with-app-settings.sh go run ./cmd/rotate -assistant '$(ASSISTANT)' $(if $(DRY_RUN),-dry-run)

.PHONY: redrive
redrive: ## send what was given up in QUEUE again (DRY_RUN=1 looks)
	@scripts/with-app-settings.sh go run ./cmd/redrive -queue '$(QUEUE)' $(if $(DRY_RUN),-dry-run) $(if $(LIMIT),-limit $(LIMIT))

.PHONY: probe
probe: ## ask the app at URL, as a page of ORIGIN, whether all is well
	@go run ./cmd/probe -url '$(URL)' -origin '$(ORIGIN)' -assistant '$(ASSISTANT)'

# Make hands variables of its command line to the command's environment, so that
# the key stands on no further command line.
.PHONY: login-api-check
login-api-check: ## ask the Login API at URL (API_KEY, HINT, UNATTENDED=1, QUICK=1) whether it is as expected
	@go run ./cmd/loginapicheck

.PHONY: clean
clean: ## remove what was built
	rm -rf dist .cache artifacts web/desk/lib/*.gz
