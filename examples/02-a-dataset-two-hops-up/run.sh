#!/bin/bash
# A dataset two hops up decides. Usage: ./run.sh [an empty folder to work in]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:-$(mktemp -d)}
cd "$work"
export DBOM_HOME="$work/home" # keys and logs of this example stay in its folder
repository=registry.example.com/models/penguins

step() { printf '\n== %s\n' "$*"; }
must_fail() { # what has to end with 1, "checked, and false", and with nothing else
  local status=0
  "$@" || status=$?
  [ "$status" -eq 1 ] || { echo "expected exit 1, got $status: $*" >&2; exit 1; }
}

step "data that somebody scraped, for research only"
mkdir scraped
cp "$here/../../dbom/demo/data/penguins.csv" scraped/
dbom generate scraped --as dataset --name scraped-penguins --license CC-BY-NC-4.0 -o scraped.cdx.json
dbom sign scraped --bom scraped.cdx.json --local --store evidence

step "somebody cleans it, and gives it a licence of their own"
cp "$here/clean.py" "$here/../01-from-bytes-to-a-refused-pod/train.py" .
dbom run --local --store evidence --in derived-from=scraped --out clean -- python3 clean.py scraped clean
dbom generate clean --as dataset --name clean-penguins --license CC0-1.0 -o clean.cdx.json
dbom sign clean --bom clean.cdx.json --local --store evidence

step "a model is trained on that"
dbom run --local --store evidence --in trained-on=clean --out model -- python3 train.py clean model
digest=$(python3 -P -c 'import sys; from pathlib import Path; from dbom.demo.image import write_image
print(write_image(Path("model"), Path("image")))')
dbom generate model --name penguin-species --license Apache-2.0 -o model.cdx.json
dbom sign model --bom model.cdx.json --local --store evidence --location "oci://$repository@$digest"

step "the pod that would load it"
dbom trust export -o trusted_root.json
cp "$here/policy.yaml" .
sed "s/DIGEST/$digest/" "$here/pod.yaml" > pod.yaml
must_fail dbom admission review pod.yaml --policy policy.yaml --store evidence

step "what was looked at"
must_fail dbom admission review pod.yaml --policy policy.yaml --store evidence --explain

step "the same as a finding for a code host"
must_fail dbom admission review pod.yaml --policy policy.yaml --store evidence -f sarif -o review.sarif
dbom lineage ancestors model --store evidence
echo "all of it lies in $work"
