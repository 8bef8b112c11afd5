#!/bin/bash
# A model on a volume that proves itself when the pod starts. Usage: ./run.sh [an empty folder to work in]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:-$(mktemp -d)}
cd "$work"
export DBOM_HOME="$work/home" # keys and logs of this example stay in its folder
image=registry.example.com/dbom@sha256:1111111111111111111111111111111111111111111111111111111111111111

step() { printf '\n== %s\n' "$*"; }
must_fail() { # what has to end with 1, "checked, and false", and with nothing else
  local status=0
  "$@" || status=$?
  [ "$status" -eq 1 ] || { echo "expected exit 1, got $status: $*" >&2; exit 1; }
}

step "a model, signed"
mkdir bucket
cp "$here/../../dbom/demo/data/penguins.csv" bucket/
dbom sign bucket --local --store evidence
digest=$(dbom fingerprint bucket | cut -d' ' -f1)

step "the pod is admitted, since its init container demands that digest"
dbom trust export -o trusted_root.json
sed "s|DBOM_IMAGE|$image|" "$here/policy.yaml" > policy.yaml
sed "s|DBOM_IMAGE|$image|; s|DIGEST|$digest|" "$here/pod.yaml" > pod.yaml
dbom policy check policy.yaml
dbom admission review pod.yaml --policy policy.yaml --store evidence

step "what the init container does (a folder stands for the bucket, another for the volume)"
dbom verify "--for-pod=$digest" --copy-from=bucket volume/penguins

step "another byte in the bucket, and the pod doesn't start"
echo >> bucket/penguins.csv
must_fail dbom verify "--for-pod=$digest" --copy-from=bucket other-volume/penguins
find other-volume -type f

step "a server that could write to the volume makes it no proof"
sed 's|, readOnly: true||' pod.yaml > writable.yaml
must_fail dbom admission review writable.yaml --policy policy.yaml --store evidence

step "and so does an init container of another image, or one that demands nothing"
sed 's|@sha256:11111111|@sha256:22222222|' pod.yaml > other-image.yaml
must_fail dbom admission review other-image.yaml --policy policy.yaml --store evidence
sed 's|verify, .*, /models|version, /models|' pod.yaml > demands-nothing.yaml
must_fail dbom admission review demands-nothing.yaml --policy policy.yaml --store evidence
echo "all of it lies in $work"
