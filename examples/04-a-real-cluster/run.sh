#!/bin/bash
# The gate in a real cluster, from audit to break-glass. Usage: ./run.sh [an empty folder to work in]
# It needs kubectl with a context that may do everything, IMAGE and STORE; README.md says what these are.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:-$(mktemp -d)}
cd "$work"
: "${IMAGE:?the image of dbom to install, by digest}" "${STORE:?where evidence is kept, for you and the controller}"
export DBOM_HOME="$work/home" # keys and logs of this example stay in its folder
repository=registry.example.com/models/penguins
aviary=(kubectl --namespace aviary)
system=(kubectl --namespace dbom-system)

step() { printf '\n== %s\n' "$*"; }
must_fail() { # what has to end with 1, "checked, and false", and with nothing else
  local status=0
  "$@" || status=$?
  [ "$status" -eq 1 ] || { echo "expected exit 1, got $status: $*" >&2; exit 1; }
}
now() { date --utc +%Y-%m-%dT%H:%M:%SZ; }
policy() { # the policy in a mode, as an object that needs no files
  sed 's/^/          /' on-call.pub > indented.pub
  sed -e "s|MODE|$1|; s|TRUSTED_ROOT|$(base64 -w0 trusted_root.json)|" \
    -e '/^ *ON_CALL$/{r indented.pub' -e 'd}' "$here/policy.yaml"
}
journals() { # the journals of all replicas, as folders in journals/
  rm -rf journals
  mkdir journals
  if [ -n "${JOURNALS:-}" ]; then
    cp -R "$JOURNALS/." journals/
  else # the image has no shell and no tar, but it has Python
    for pod in $("${system[@]}" get pods --selector app.kubernetes.io/name=dbom --output name); do
      "${system[@]}" exec "$pod" -- python3 -c 'import sys, tarfile
tarfile.open(fileobj=sys.stdout.buffer, mode="w|").add("/var/log/dbom", sys.argv[1])' "${pod#pod/}" | tar -x -C journals
    done
  fi
}
until_it() { # wait for something that comes by the controller: in a cluster with nodes it takes a minute or two
  for _ in $(seq 300); do
    "$@" > /dev/null 2>&1 && return
    sleep 1
  done
  echo "it never came: $*" >&2
  exit 1
}
pod_is_let_in() { kubectl create --dry-run=server --filename pod.yaml; }
pod_is_refused() { ! pod_is_let_in; }
events() { # what is told in the namespace of this kind, as soon as there is something
  until_it has_events "$1"
  "${aviary[@]}" get events --field-selector "$1" --output custom-columns=ABOUT:.involvedObject.name,MESSAGE:.message
}
has_events() { "${aviary[@]}" get events --field-selector "$1" --output name | grep . > /dev/null; }
decided_by() { # wait until every replica of the webhook says of itself that it decides by the policy in this mode
  local pods pod
  pods=$("${system[@]}" get pods --selector app.kubernetes.io/name=dbom --output name)
  for pod in $pods; do
    until_it says "${pod#pod/}" "$1"
  done
}
says() { # the mode is a policy's: what was decided before is counted by modes, too
  kubectl get --raw "/api/v1/namespaces/dbom-system/pods/https:$1:8443/proxy/status" |
    grep -- "\"name\":\"models-of-the-aviary\",\"namespace\":\"[^\"]*\",\"mode\":\"$2\"" > /dev/null
}

step "a dataset, what was made of it, and a model that was trained on that: each described and signed"
mkdir scraped
cp "$here/../../dbom/demo/data/penguins.csv" scraped/
cp "$here/../02-a-dataset-two-hops-up/clean.py" "$here/../01-from-bytes-to-a-refused-pod/train.py" .
sign() { # what, as what, its name, its licence
  local what=$1 as=$2 name=$3 license=$4
  shift 4
  dbom generate "$what" --as "$as" --name "$name" --license "$license" -o "$what.cdx.json"
  dbom sign "$what" --bom "$what.cdx.json" --local --store "$STORE" "$@" >> signed.txt
}
sign scraped dataset scraped-penguins CC-BY-NC-4.0
dbom run --local --store "$STORE" --in derived-from=scraped --out clean -- python3 clean.py scraped clean
sign clean dataset clean-penguins CC0-1.0
dbom run --local --store "$STORE" --in trained-on=clean --out model -- python3 train.py clean model
digest=$(python3 -P -c 'import sys; from pathlib import Path; from dbom.demo.image import write_image
print(write_image(Path("model"), Path("image")))')
sign model model penguin-species Apache-2.0 --location "oci://$repository@$digest"
dbom attest revocations publish "$STORE" --local
dbom keys generate --no-password --out on-call
dbom trust export -o trusted_root.json
dbom lineage ancestors model --store "$STORE" --local

step "the gate is installed in audit: it blocks nothing, and writes down what it would say"
kubectl create namespace aviary
"${aviary[@]}" wait --for=create serviceaccount/default --timeout=60s
dbom admission manifests --mode audit --image "$IMAGE" --store "$STORE" -o gate.yaml
kubectl apply --filename gate.yaml > applied.txt
kubectl wait --for=condition=Established customresourcedefinition/provenancepolicies.dbom.dev --timeout=60s
policy audit > audit.yaml
kubectl apply --filename audit.yaml
"${system[@]}" wait --for=condition=Ready provenancepolicy/models-of-the-aviary --timeout=120s
"${system[@]}" rollout status deployment/dbom-controller deployment/dbom --timeout=300s
decided_by audit
began=$(now)

step "people work as ever"
sed "s/IMAGE_DIGEST/$digest/" "$here/workloads.yaml" | "${aviary[@]}" apply --filename -
"${aviary[@]}" wait --for=create pod --selector app=penguins --timeout=60s
"${aviary[@]}" wait --for=create pod --selector app=mystery --timeout=60s
"${aviary[@]}" wait --for=create pod --selector app=from-the-hub --timeout=60s

step "what would have been refused"
journals
dbom admission report --since "$began" --namespace aviary journals

step "the namespace is enforced: two things that need no restart"
"${aviary[@]}" delete deployment from-the-hub
dbom admission manifests --mode audit --enforce aviary --image "$IMAGE" --store "$STORE" -o gate.yaml
kubectl apply --filename gate.yaml > applied.txt
policy enforce > enforce.yaml
kubectl apply --filename enforce.yaml
"${system[@]}" wait --for=condition=Ready provenancepolicy/models-of-the-aviary --timeout=120s
decided_by enforce
enforced=$(now)
sed "s/IMAGE_DIGEST/$digest/" "$here/pod.yaml" > pod.yaml
sed 's|models/penguins@sha256:.*|models/mystery@sha256:7777777777777777777777777777777777777777777777777777777777777777|; s/one-more/mystery/' pod.yaml > mystery.yaml
must_fail kubectl create --filename mystery.yaml
kubectl create --filename pod.yaml
kubectl delete --filename pod.yaml
"${aviary[@]}" get deployments

step "the data that all of it came from is withdrawn"
dbom attest revoke scraped --reason "three people withdrew their consent" --local --store "$STORE"
dbom attest revocations publish "$STORE" --local
until_it pod_is_refused

step "what runs and descends from it"
kubectl get pods,deployments --namespace aviary --output json > running.json
must_fail dbom admission review running.json --policy enforce.yaml --store "$STORE"
events reason=ProvenanceRefused,involvedObject.name=penguins

step "the next pod is refused, and so is the next one of the Deployment"
must_fail kubectl create --filename pod.yaml
lost=$("${aviary[@]}" get pods --selector app=penguins --output jsonpath='{.items[0].metadata.name}')
"${aviary[@]}" delete pod "$lost"
events reason=FailedCreate

step "somebody has to have it all the same, and signs for that"
dbom admission break-glass pod.yaml --policy enforce.yaml --store "$STORE" --for 1h --reason "INC-1234: the aviary is open" \
  --signing-key on-call.key --local
until_it pod_is_let_in
kubectl create --filename pod.yaml

step "what an auditor reads"
# The journals come last: they may hold more than what they are held against, not less.
[ -z "${AUDIT_LOG:-}" ] || cp "$AUDIT_LOG" audit.log
kubectl get pods --all-namespaces --output json > pods.json
journals
dbom admission report --since "$began" --namespace aviary --pods pods.json ${AUDIT_LOG:+--audit-log audit.log} journals

step "was it right? what was enforced is decided again, by the policy as the cluster has it and the evidence of then"
"${system[@]}" get provenancepolicy models-of-the-aviary --output yaml > in-force.yaml
dbom admission report --since "$enforced" --namespace aviary --replay --policy in-force.yaml --store "$STORE" -o again.txt journals
sed -n '/^Replay/,/^$/p' again.txt

step "and a stricter policy: what would it have refused from the beginning?"
cat enforce.yaml "$here/stricter.yaml" > stricter.yaml
dbom admission report --since "$began" --namespace aviary --replay --policy stricter.yaml --store "$STORE" -o stricter.txt journals
sed -n '/^Replay/,/^$/p' stricter.txt
echo "all of it lies in $work"
