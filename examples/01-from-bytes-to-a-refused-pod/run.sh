#!/bin/bash
# From bytes to a refused pod, step by step. Usage: ./run.sh [an empty folder to work in]
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

step "a dataset: what it is, described and signed"
mkdir penguins
cp "$here/../../dbom/demo/data/penguins.csv" penguins/
cp "$here/../../dbom/demo/data/LICENSE-penguins" penguins/LICENSE
dbom fingerprint penguins
dbom generate penguins --as dataset --name palmer-penguins --license CC0-1.0 -o penguins.cdx.json
dbom sign penguins --bom penguins.cdx.json --local

step "a model trained on it, the training recorded"
cp "$here/train.py" .
dbom run --local --in trained-on=penguins --out model -- python3 train.py penguins model

step "the model, described and signed, and the image that holds it"
digest=$(python3 -P "$here/pack_image.py" model image)
dbom generate model --name penguin-species --trained-on penguins -o model.cdx.json
dbom sign model --bom model.cdx.json --local --location "oci://$repository@$digest"

step "checked"
dbom verify penguins model
dbom lineage ancestors model --store .
dbom lineage ancestors model --store . -f svg -o lineage.svg

step "a pod with this model may start"
dbom trust export -o trusted_root.json
cp "$here/policy.yaml" .
dbom policy check policy.yaml
sed "s/DIGEST/$digest/" "$here/pod.yaml" > pod.yaml
dbom admission review pod.yaml --policy policy.yaml --store .

step "one flipped label, and the verdict is no"
sed -i '2s/^Adelie/Gentoo/' penguins/penguins.csv
must_fail dbom verify penguins

step "a model trained on that, and the pod that would load it"
python3 train.py penguins poisoned
poisoned=$(python3 -P "$here/pack_image.py" poisoned poisoned-image)
sed "s/DIGEST/$poisoned/" "$here/pod.yaml" > poisoned-pod.yaml
must_fail dbom admission review poisoned-pod.yaml --policy policy.yaml --store .

step "a report for people who don't have to trust us"
dbom audit report --store . -o report.html
echo "all of it lies in $work"
