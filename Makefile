# SPDX-License-Identifier: MIT
# Short names for the usual work; the presets in CMakePresets.json are the interface behind them.
PREFIX ?= /usr/local

.PHONY: build examples demo test test-long simulate lint bench fresh install clean distclean help

build: ## build the library and the programs into build/release
	cmake --preset release -DCMAKE_INSTALL_PREFIX='$(PREFIX)'
	cmake --build --preset release

examples: ## build the programs of examples/ beside them
	cmake --preset release -DSTELE_EXAMPLES=ON
	cmake --build --preset release

demo: ## real purchases through a real Kafka, a worker killed in the middle, every total checked
	scripts/deps --for demo
	scripts/demo

test: ## everything that runs in minutes, on a real broker (or on STELE_KAFKA=host:port)
	scripts/deps --for test
	scripts/test

fresh: ## make demo, the install and the template as a newcomer meets them: in an empty Debian 12
	scripts/deps --for fresh
	scripts/fresh tests/install/newcomer

test-long: ## everything: also a newer librdkafka, ThreadSanitizer, the container image
	scripts/deps --for long
	scripts/test --long

simulate: ## thousands of runs of the whole line in virtual time, with faults (SEED=… ROUNDS=… BUG=…)
	scripts/deps --for build
	scripts/simulate $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BUG),--bug '$(BUG)')

lint: ## formatting, static analysis, include rules, scripts, Dockerfile
	scripts/deps --for lint
	scripts/lint

bench: ## measure: beside raw librdkafka on a real broker, beside hand-written codecs
	scripts/deps --for demo
	cmake --preset bench
	cmake --build --preset bench
	set -e; for run in bench/*/run; do echo "== $$run"; $$run; done

install: build ## install into PREFIX (/usr/local), below DESTDIR if that is set
	cmake --install build/release

clean: ## remove what was built
	rm -rf build

distclean: clean ## also end this tree's brokers and databases, and remove what was downloaded
	scripts/kafka stop --all
	scripts/postgres stop --all
	scripts/redis stop --all
	rm -rf .kafka .postgres .redis .deps

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done
