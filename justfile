# What one does here, one line each. `just` lists them.

_list:
    @just --list --unsorted

# Run backtrail, as in `just run investigate fixtures/incident --at 2025-10-15T14:05:00Z`
run *args:
    cargo run --release -- {{args}}

# Every test
test *args:
    cargo test --workspace --locked {{args}}

# What must pass before a change lands
ci:
    .ci/run

# Micro-benchmarks of the hot paths, if there are any
bench *args:
    cargo bench --workspace {{args}}

# Backtrail beside DuckDB and the floor, as in `just bench-compare --events 300000`
bench-compare *args: _release
    cargo run --release -p backtrail-benches -- compare {{args}}

# Make the checked-in evidence and its truth anew
fixture:
    cargo run --release -p backtrail-benches -- fixture

# The API documentation
docs:
    cargo doc --workspace --no-deps

# What is published: one binary, optimised as a whole
dist:
    cargo build --profile dist --locked

_release:
    cargo build --release --locked
