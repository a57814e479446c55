# Everything a person types: build, test, proof, soak, fuzz, demo, bench, clean. `make` alone builds.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
BIN := $(VENV)/bin

# The same for every cargo call, so that none rebuilds another's work.
export PYO3_PYTHON := $(abspath $(BIN)/python)

CLI := target/release/horus
WHEEL_SOURCES := $(shell find horus-py/src horus-py/python horus-core/src horus-macros/src horus-shm/src -type f \
	-not -name '*.pyc' -not -name '*.so') \
	$(wildcard horus-py/Cargo.toml horus-core/Cargo.toml horus-macros/Cargo.toml horus-shm/Cargo.toml) \
	horus-py/pyproject.toml horus-py/rust_sources.sh Cargo.toml Cargo.lock

.PHONY: build test proof soak fuzz demo bench clean rust

WHEELHOUSE := target/wheelhouse

# Two steps: what cargo leaves untouched must look untouched to the second.
build: rust
	@$(MAKE) --no-print-directory $(VENV)/.installed $(WHEELHOUSE)/.filled
	@echo "built; next: . $(VENV)/bin/activate; horus --help"

# The environment, with the pinned tools. Made anew when the list changes.
$(VENV)/.tools: horus-py/requirements.txt horus-py/venv.sh
	bash horus-py/venv.sh $(PYTHON) $(VENV) horus-py/requirements.txt
	@touch $@

# cargo itself knows what is up to date; the command's time stamp changes only with the command.
rust: $(VENV)/.tools
	$(CARGO) build --release --locked --workspace --exclude horus-py

# One wheel: the extension module, the native command, and the sources that Rust nodes are built against. maturin sets up pyo3 in its own way, hence its own folder.
$(VENV)/.installed: $(VENV)/.tools $(CLI) $(WHEEL_SOURCES)
	install -D -s -m 755 $(CLI) horus-py/horus.data/scripts/horus
	bash horus-py/rust_sources.sh "$(abspath horus-py/horus.data/data/share/horus/rust)"
	rm -rf target/wheel/wheels
	CARGO_TARGET_DIR=target/wheel PATH="$(abspath $(BIN)):$$PATH" \
		$(BIN)/maturin build --quiet --release --locked --manifest-path horus-py/Cargo.toml --out target/wheel/wheels
	$(BIN)/python -m pip install --quiet --no-deps --force-reinstall target/wheel/wheels/*.whl
	@touch $@

# What the package needs, so that a test can install it into an empty environment without a network.
$(WHEELHOUSE)/.filled: horus-py/requirements.txt $(VENV)/.tools
	rm -rf $(WHEELHOUSE)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary :all: --no-deps \
		--dest $(WHEELHOUSE) $$(grep '^numpy==' horus-py/requirements.txt)
	@touch $@

# A shell starts jobs in the background with Ctrl+C ignored; the tests of signals begin with the defaults.
test: build
	+@env --default-signal=INT,QUIT,HUP,PIPE bash .ci/test.sh

# What takes too long for every commit: models, mutations, thousands of kills, scribbles. STEPS=word runs those named so.
proof: build
	+@env --default-signal=INT,QUIT,HUP,PIPE bash .ci/proof.sh $(STEPS)

# Everything at once for some minutes; the figures go to docs/soak.md.
MINUTES ?= 10
soak: build
	target/release/horus-proof soak --minutes $(MINUTES) --python $(BIN)/python --json target/soak.json --page docs/soak.md

# Each fuzz target for some seconds: `make fuzz SECONDS=600 TARGETS=schema`. Needs a nightly toolchain and cargo-fuzz.
fuzz:
	bash .ci/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

demo: build
	$(BIN)/python examples/pipeline/demo.py

# The others are left out where they can't be had; what is missing is said. BENCH holds options, as in make bench BENCH='--only rust-16'.
bench: build
	@if [ -f benches/peers/prepare.sh ]; then bash benches/peers/prepare.sh target/peers; fi
	target/release/horus-benches $(BENCH)

clean:
	rm -rf target $(VENV) horus-py/horus.data
