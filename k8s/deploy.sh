#!/bin/sh
# Brings an overlay onto the cluster that kubectl points at: sh k8s/deploy.sh deploy|finish|back|load OVERLAY
#
#   deploy   installs or upgrades: stores and settings, migrations that only add, then door and workers
#   finish   once the new version stays: migrations that remove what only the old version needed
#   back     door and workers as this checkout has them, no migrations: check out the version to return to first
#   load     the load test of an overlay that has one, from the beginning; follow it with kubectl logs -f job/loadtest-master
#
# Each step waits for the one before it and stops at the first that fails; the pods that run stay as they are then.
# Safe to repeat.
set -eu
verb=${1:-}
overlay=$(dirname "$0")/overlays/${2:-}
step=gelombang.example/step

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 3
}
[ -n "${2:-}" ] && [ -f "$overlay/kustomization.yaml" ] || usage

rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
kubectl kustomize "$overlay" >"$rendered"
namespace=$(sed -n 's/^namespace: //p' "$overlay/kustomization.yaml")

apply() {
    kubectl apply --server-side --filename "$rendered" --selector "$step=$1"
}

migrate() { # before | after
    kubectl delete job "migrate-$1" --namespace "$namespace" --ignore-not-found
    apply "$1"
    kubectl wait --for=condition=Complete --timeout=30m --namespace "$namespace" "job/migrate-$1"
}

roll_out() {
    apply run
    for workload in $(kubectl get deployments,statefulsets --namespace "$namespace" --selector "$step=run" --output name); do
        kubectl rollout status --timeout=15m --namespace "$namespace" "$workload"
    done
}

case $verb in
deploy)
    apply ground
    kubectl wait --for=condition=Ready --timeout=15m --namespace "$namespace" cluster.postgresql.cnpg.io --all
    kubectl rollout status --timeout=15m --namespace "$namespace" statefulset/valkey
    migrate before
    roll_out
    ;;
finish) migrate after ;;
back) roll_out ;;
load)
    kubectl delete job loadtest-master --namespace "$namespace" --ignore-not-found
    apply load
    ;;
*) usage ;;
esac
