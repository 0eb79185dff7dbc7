# The commands a newcomer needs. Each does its own set-up first; that is quick when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help run test bench bench-pages check deploy screenshots setup fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## both halves, and a first transcript; stays in the foreground (ONCE=1: exits after it; EDGE_PORT, INFERENCE_PORT)
	@scripts/run

test: ## every test: native units, then end to end against real workerd and the real service
	@scripts/test

bench: ## the figures of the README, measured here
	@scripts/bench

bench-pages: ## the figures of the pages, each beside its target; fails where one is missed
	@scripts/bench-pages

check: ## formatting, lints (native and wasm32), documentation, licences, unused dependencies, deployment files
	@scripts/check

deploy: ## the Worker to Cloudflare (DRY_RUN=1: build and bundle only, no network)
	@scripts/deploy

screenshots: ## pictures of every page to target/screenshots, and those of the README
	@scripts/screenshots

setup: ## all the set-up, and nothing else
	@scripts/setup all

fmt: ## format the code
	@cargo fmt --all

clean: ## remove what was built and the local state (the caches outside the checkout stay)
	@cargo clean -q && rm -rf edge/build edge/build-test edge/ui/dist edge/ui/.stamp .dev .wrangler
