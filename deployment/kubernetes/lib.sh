# shellcheck shell=bash disable=SC2034
# Shared by up and down; sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

context=
namespaces=(data-namespace gaming-namespace monitoring-namespace)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# usage prints the comment at the top of the script.
usage() { awk 'NR > 1 && !/^#|^$/ {exit} NR > 1 && !/^# shellcheck/ {sub(/^# ?/, ""); print}' "${0##*/}"; }

k() { kubectl --context "$context" --request-timeout=30s "$@"; }

# choose_context makes sure that the cluster is the intended one: it is on this machine, or --context names it.
choose_context() {
  local said
  command -v kubectl >/dev/null || die "kubectl is missing. Docker Desktop includes it; otherwise see https://kubernetes.io/docs/tasks/tools/"
  if [ -z "$context" ]; then
    context=$(kubectl config current-context 2>/dev/null) ||
      die "kubectl has no cluster. In Docker Desktop enable Kubernetes (docs/docker-desktop.md); otherwise set --context"
    case $context in
      docker-desktop | kind-* | minikube | colima | rancher-desktop | orbstack) ;;
      *) die "the current cluster of kubectl is $context, which may not be on this machine. To use it, set --context $context; otherwise use one of: $(kubectl config get-contexts -o name | paste -sd' ' -)" ;;
    esac
  else
    kubectl config get-contexts "$context" >/dev/null 2>&1 ||
      die "kubectl has no context $context, but: $(kubectl config get-contexts -o name | paste -sd' ' -)"
  fi
  said=$(kubectl --context "$context" --request-timeout=10s get nodes 2>&1) ||
    die "the cluster $context does not respond. Is it started? kubectl says:
$said"
}
