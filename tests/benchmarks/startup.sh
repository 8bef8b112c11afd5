#!/usr/bin/env bash
# Measure start-up as a user has it: the built wheel in an environment of its own, everything compiled to bytecode.
# usage: startup.sh UV PYTHON WHEEL [--runs N]
set -euo pipefail
uv=$(realpath "$(command -v "$1")") python=$2 wheel=$(realpath "$3")
shift 3
top=$(git rev-parse --show-toplevel)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$uv" venv --quiet --python "$(command -v "$python")" "$room/venv"
"$uv" pip install --quiet --python "$room/venv/bin/python" --compile-bytecode --require-hashes -r "$top/requirements/base.txt"
"$uv" pip install --quiet --python "$room/venv/bin/python" --compile-bytecode --no-deps "$wheel"
cd "$room"
venv/bin/python -P "$top/tests/benchmarks/startup.py" "$@"
