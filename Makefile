# Each target installs what it needs into .venv; once installed, none needs a network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := homeostat knowledge receiver analysis healing status twin bench tests

.PHONY: demo test seeds stories lint cover bench-ingest bench-decoding bench-ack campaigns crashes kills \
  test-cluster demo-cluster bench-reflector bench-overload bench-rca bench-rca-study bench-leak \
  bench-faults bench-absence bench-windows parts test-collector test-traffic million fuzz \
  conformance bench-control bench-control-pareto bench-learning bench-twin vpa-vectors proto lock \
  clean

demo: $(VENV)/run.stamp ## the whole loop against the digital twin, in a terminal
	$(BIN)/homeostat demo

test: lint ## everything that runs in minutes
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --ignore=tests/cluster --ignore=tests/collector --ignore=tests/stories --ignore=tests/traffic

seeds: $(VENV)/dev.stamp ## twenty demos, each healed in time and nothing else touched
	$(BIN)/python -m pytest tests/whole/test_demo.py --seeds 20

stories: $(VENV)/dev.stamp ## autoscalers on the twin, half an hour of its time each
	$(BIN)/python -m pytest tests/stories

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

cover: $(VENV)/dev.stamp
	$(BIN)/coverage run -m pytest --ignore=tests/cluster --ignore=tests/collector --ignore=tests/stories --ignore=tests/traffic
	$(BIN)/coverage report

bench-ingest: $(VENV)/bench.stamp ## spans per CPU-second beside Rotel, interleaved
	$(BIN)/python -m bench.ingest

bench-decoding: $(VENV)/dev.stamp ## what the two decoders cost a span
	$(BIN)/python -m bench.decoding

bench-ack: $(VENV)/bench.stamp ## how long senders wait at half load, without and with the log
	$(BIN)/python -m bench.ack

campaigns: $(VENV)/dev.stamp ## 2,000 stories of lost and forged telemetry, storms and real faults, scored
	POLARS_MAX_THREADS=1 $(BIN)/python -m bench.campaigns

crashes: $(VENV)/dev.stamp ## 10,000 stories of deaths around a write, on the twin's cluster
	$(BIN)/python -m pytest tests/healing/test_crashes.py --crashes 10000

KILLS ?= 200
kills: $(VENV)/dev.stamp ## 200 times kill -9 under load: nothing acknowledged is lost, nothing counts twice
	$(BIN)/python -m pytest tests/whole/test_kills.py --kills $(KILLS) -s

test-cluster: $(VENV)/dev.stamp ## against a genuine Kubernetes control plane, built once (needs Go)
	$(BIN)/python -m tests.parts.build kubernetes kwok otelcol
	$(BIN)/python -m pytest tests/cluster

demo-cluster: $(VENV)/dev.stamp ## the whole loop on a genuine control plane that it starts itself (needs Go once)
	$(BIN)/python -m tests.parts.build kubernetes kwok otelcol
	$(BIN)/python -m tests.cluster.story

bench-reflector: $(VENV)/dev.stamp ## our copy of 5,000 pods on a genuine API server (needs Go once)
	$(BIN)/python -m tests.parts.build kubernetes kwok
	$(BIN)/python -m bench.reflector

bench-overload: $(VENV)/bench.stamp ## three times too much for two minutes, and one greedy client
	$(BIN)/python -m bench.overload

DATA ?= ../data/rca
bench-rca: $(VENV)/dev.stamp ## recorded incidents in DATA through the real service, scored
	$(BIN)/python -m bench.rca $(DATA)

bench-rca-study: $(VENV)/dev.stamp ## the engine beside simple ones, and without parts of it
	$(BIN)/python -m bench.rca.study $(DATA)

bench-leak: $(VENV)/dev.stamp ## memory leaks among realistic pods, and pods without one
	$(BIN)/python -m bench.leak

bench-faults: $(VENV)/dev.stamp ## the fault library on the twin: is it found, is the cause named?
	$(BIN)/python -m bench.faults

bench-absence: $(VENV)/dev.stamp ## are the dead told from the silent? 1,000 runs of each
	$(BIN)/python -m bench.faults.absence_columns
	$(BIN)/python -m bench.faults.absence

bench-windows: $(VENV)/dev.stamp ## what windows and detectors cost, from 10 services to 10,000
	$(BIN)/python -m bench.windows

parts: $(VENV)/dev.stamp ## the real programs that tests run against, into ~/.cache/homeostat (needs Go)
	$(BIN)/python -m tests.parts.build

test-collector: $(VENV)/dev.stamp ## the real Collector and official SDKs send, through restarts (needs Go and npm once)
	$(BIN)/python -m tests.parts.build otelcol sender-go sender-js
	$(BIN)/python -m pytest tests/collector

test-traffic: $(VENV)/bench.stamp ## real Envoy and HAProxy are kept in balance (~3 min; needs apt-get once)
	$(BIN)/python -m tests.parts.proxies
	$(BIN)/python -m pytest tests/traffic

million: $(VENV)/dev.stamp ## 1,000,000 spans through the Collector, and a kill of all of Homeostat amid them
	$(BIN)/python -m tests.parts.build otelcol
	$(BIN)/python -m pytest tests/collector/test_million.py --spans 1000000 -s

fuzz: $(VENV)/dev.stamp ## a million mutated requests of each signal, and of their JSON
	$(BIN)/python -m tests.fuzz.run

conformance: $(VENV)/bench.stamp parts ## OTLP 1.11 put to us, the Collector and Rotel; or ENDPOINT=host:port
	$(BIN)/python -m tests.conformance.run $(ENDPOINT)

TRACES ?=
bench-control: $(VENV)/bench.stamp ## autoscalers side by side, request by request; TRACES=DIR of *.parquet
	$(BIN)/python -m bench.control --traces "$(TRACES)"

bench-control-pareto: $(VENV)/bench.stamp ## the same swept: violations over replica-hours
	$(BIN)/python -m bench.control --traces "$(TRACES)" --pareto

bench-learning: $(VENV)/bench.stamp ## the remedy bandit before and after all has changed: regret
	$(BIN)/python -m bench.learning

bench-twin: $(VENV)/dev.stamp ## the twin's engines beside theory, Ciw and each other; TRACES=DIR of *.parquet
	$(BIN)/python -m bench.twin --traces "$(TRACES)"

VECTORS := tests/healing/control/vpa_vectors.json
vpa-vectors: $(VENV)/dev.stamp ## what VPA's own recommender says to the shared samples (needs Go)
	$(BIN)/python -m tests.healing.control.vpa_cases | (cd tests/parts/vpa && go run .) > $(VECTORS).new
	mv $(VECTORS).new $(VECTORS)

proto: $(VENV)/dev.stamp ## regenerate the projection's Python modules
	$(BIN)/python proto/generate.py
	$(BIN)/python proto/conventions.py
	$(BIN)/ruff format --quiet receiver/renamed.py

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
lock: ## refresh requirements/*.lock (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.lock
	$(LOCK) pyproject.toml --group dev -c requirements/run.lock -o requirements/dev.lock
	$(LOCK) pyproject.toml --group dev --group bench -c requirements/dev.lock -o requirements/bench.lock
	$(LOCK) requirements/build.in -o requirements/build.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "homeostat needs Python 3.11 or newer, found %d.%d: pass PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/%.stamp: requirements/%.lock requirements/build.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/$*.lock
	$(PIP) install --require-hashes -r requirements/build.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	rm -rf $(VENV)/lib/python*/site-packages/tests  # ciw brings its own under this name, which would hide ours
	touch $@

clean:
	rm -rf $(VENV) out
