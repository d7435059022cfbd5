# Every habit of this project is a recipe; CI runs recipes only.

set shell := ["bash", "-euo", "pipefail", "-c"]

guest_target := "wasm32-wasip2"
guest_packages := "-p capsock-policy -p capsock-test-programs -p sockets-p3 -p http-get -p function -p function-p3 -p echo-server -p echo-client -p dual-stack-echo-server -p dual-stack-echo-client -p ping -p sniff -p can -p udp-echo -p unix-echo -p resolve -p chat -p send-fds -p static-files -p redis-client-std -p gateway -p capsock-test-programs-std -p bench-sdk -p bench-std -p bench-std-sdk -p bench-p3"

# What can be done.
default:
    @just --list

# Run the echo server under its grant, talk to it, then see it denied.
demo: build guests
    @scripts/demo

# Run all tests.
test: build guests libc-guests c-sdk c-programs python
    scripts/peers
    scripts/python-packages
    scripts/bench-memcached
    scripts/cargo-test --workspace
    cargo test --workspace --doc

# Try the attack table from the outside, and print it: attempt, expected, got.
attack: build guests
    cargo test --workspace --test attack -- --nocapture --test-threads 1 attack_table

# Random sequences of operations: no denied address reaches the kernel.
model sequences="1000000":
    CAPSOCK_SEQUENCES={{ sequences }} cargo test -p capsock-host --lib -- --nocapture no_denied_address

# Random policies and operations: the firewall gives the verdicts that the host gives.
verdicts policies="10000": build guests
    CAPSOCK_SEQUENCES={{ policies }} cargo test --workspace --test verdicts -- --nocapture

# Fuzz each target for so many seconds. What is found is in fuzz/artifacts.
fuzz seconds="60":
    scripts/cargo-tool cargo-fuzz 0.13.2
    scripts/fuzz {{ seconds }}

# Build the components that `capsock seal` puts into others, to target/components.
components:
    scripts/components

# Build the CLI, and all that the tests need: one build serves every recipe.
build: components
    cargo build --workspace --all-targets

# Build every guest program and example to target/guests/NAME.wasm.
guests:
    cargo "+$(scripts/guest-toolchain)" build --profile guest --target {{ guest_target }} {{ guest_packages }}
    mkdir -p target/guests
    cp target/{{ guest_target }}/guest/*.wasm target/guests/

# Build the guests in C and on tokio, which need clang and a new wasi-libc.
libc-guests:
    scripts/guests-of-libc

# Build the C SDK, with its compiler, to target/c-sdk, and the examples in C.
c-sdk:
    scripts/c-sdk

# Make a component of a JavaScript module that listens for `fetch`, with npm.
build-js app output:
    scripts/build-js {{ app }} {{ output }}

# Build programs in C from Debian's sources, as they are, to target/c-programs.
c-programs *names: c-sdk
    scripts/c-programs {{ names }}

# Build target/guests/python.wasm, CPython with its standard library, from its source.
python: c-sdk
    scripts/cpython
    scripts/python

# Print how long Python takes to start, compiled before.
python-start: build python
    scripts/python-start

# Run CPython's own tests of networks and threads, and write docs/python-conformance.md.
python-conformance: build python
    python3 tests/python/conformance.py -o docs/python-conformance.md target/debug/capsock target/guests/python.wasm target/cpython/python target/cpython/source/Lib

# Make a component of a Python script: build-python app.py app.wasm [--path LIBRARIES]
build-python application output *options: python
    scripts/python {{ application }} {{ output }} {{ options }}

# Check the format, the lints, the documentation and the dependencies.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p capsock-host --no-default-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    scripts/cargo-tool cargo-deny 0.20.2
    cargo deny check bans licenses sources

# Everything that CI does.
ci: lint test demo (fuzz "20")

# Open, use and drop 100,000 sockets; print what the host has before and after.
soak: build guests
    CAPSOCK_SOAK=100000 cargo test -p capsock-tests --test limits soak -- --nocapture

# Build the CLI as fast as it gets: compiled with a profile of what it does most, to
# target/profiled/capsock. A quarter of an hour.
release: guests python
    scripts/release

# Measure guests beside native programs: target/bench/results.json and
# docs/performance.md. Some minutes on two cores that do nothing else.
bench: guests python c-sdk
    scripts/bench-memcached
    cargo build --release -p capsock-bench
    target/release/capsock-bench run --recipe 'just bench' --results target/bench/results.json --document docs/performance.md

# Print the round trips and the throughput alone; less than two minutes.
bench-quick: guests python c-sdk
    cargo build --release -p capsock-bench
    target/release/capsock-bench run --recipe 'just bench-quick' --quick --rounds 9 --results target/bench/quick.json

# Print the same of what `just release` built last; it is built where it never was.
bench-release: guests python c-sdk
    [ -x target/profiled/capsock-bench ] || just release
    target/profiled/capsock-bench run --recipe 'just bench-release' --quick --results target/bench/release.json
