# shellcheck shell=bash disable=SC2154
# Steps of `run` in the cluster; sourced, not run.

# Pods.

load_rate=300 load_seconds=45

# pod NAMESPACE NAME LABELS ARGUMENT... starts the agent. The pod is never ready, because it must not receive the
# requests of the component whose labels it has.
pod() {
  local namespace=$1 name=$2 labels=$3 key='' ready='"readinessGates": [{"conditionType": "gsm-check/never"}],'
  shift 3
  [ "$namespace" != gaming-namespace ] || key=', {"name": "GSM_ADMIN_KEY", "valueFrom": {"secretKeyRef": {"name": "gsm", "key": "GSM_ADMIN_KEY"}}}'
  k -n "$namespace" delete pod "$name" --ignore-not-found --wait >/dev/null
  k create -f - >/dev/null <<JSON
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "$name", "namespace": "$namespace", "labels": $labels}, "spec": {
  "restartPolicy": "Never", "automountServiceAccountToken": false, $ready
  "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
  "containers": [{"name": "agent", "image": "gsm-check:local", "imagePullPolicy": "Never", "args": $(printf '%s\n' "$@" | jq -R . | jq -s .),
    "env": [{"name": "API", "value": "http://gsm.gaming-namespace.svc.cluster.local"},
      {"name": "RATE", "value": "$load_rate"}, {"name": "SECONDS", "value": "$load_seconds"}$key],
    "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}}]}}
JSON
}

# ended NAMESPACE NAME waits for a pod and prints its output. It fails if the pod failed.
ended() {
  local code
  k -n "$1" wait pod "$2" --for=jsonpath='{.status.containerStatuses[0].state.terminated}' --timeout=240s >/dev/null
  k -n "$1" logs "$2" >&3
  code=$(k -n "$1" get pod "$2" -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}')
  k -n "$1" delete pod "$2" --wait=false >/dev/null
  [ "$code" = 0 ] || die "the agent $1/$2 failed"
}

client='{"gsm-client": "true"}'

# agent NAMESPACE LABELS ARGUMENT... runs the agent to its end.
agent() {
  local name=agent-$RANDOM
  pod "$1" "$name" "$2" "${@:3}"
  ended "$1" "$name"
}



# create NAME prints the id of a new player.
create() { agent gaming-namespace "$client" player create "$1" 3>&1 | jq -r .id; }

rolled_out() { k -n "$1" rollout status "$2" --timeout=180s; }

# address NAMESPACE LABEL prints the address of a running pod.
address() { k -n "$1" get pods -l "$2" --field-selector status.phase=Running -o jsonpath='{.items[0].status.podIP}'; }

network_policies() {
  local api=gsm.gaming-namespace.svc.cluster.local:80 ops database others prometheus=prometheus.monitoring-namespace.svc.cluster.local:9090
  local grafana=grafana.monitoring-namespace.svc.cluster.local:80 kubernetes=kubernetes.default.svc.cluster.local:443
  local api_pod
  api_pod=$(address gaming-namespace app.kubernetes.io/name=gsm)
  ops=$api_pod:8081
  if [ "$1" = ferretdb ]; then
    database=ferretdb.data-namespace.svc.cluster.local:27017 others=(postgres.data-namespace.svc.cluster.local:5432)
  else
    database=mongodb-0.mongodb.data-namespace.svc.cluster.local:27017
    others=("$(address data-namespace app.kubernetes.io/name=mongodb-exporter):9216")
  fi

  echo "a caller of the API"
  agent gaming-namespace "$client" probe "open=$api" "closed=$ops" "closed=$database" "closed=${others[0]}" "closed=$prometheus" "closed=$grafana" "closed=$kubernetes"
  echo "a pod beside the API that says nothing"
  agent gaming-namespace '{}' probe "closed=$api" "closed=$ops" "closed=$database"
  echo "the API"
  agent gaming-namespace '{"app.kubernetes.io/name": "gsm"}' probe "open=$database" "closed=$prometheus" "closed=$kubernetes" "closed=$api"
  echo "a pod beside the database that says nothing"
  agent data-namespace '{}' probe "closed=$database" "closed=${others[0]}" "closed=$api"
  echo "a backup"
  if [ "$1" = ferretdb ]; then
    agent data-namespace '{"gsm-database-client": "true"}' probe "open=${others[0]}" "closed=$database" "closed=$api"
  else
    agent data-namespace '{"gsm-database-client": "true"}' probe "open=$database" "closed=${others[0]}" "closed=$api"
  fi
  echo "Prometheus"
  [ "$1" = ferretdb ] || agent monitoring-namespace '{"app.kubernetes.io/name": "prometheus"}' probe "open=${others[0]}"
  agent monitoring-namespace '{"app.kubernetes.io/name": "prometheus"}' probe "open=$ops" "closed=$api" "closed=$database" "closed=$grafana" "open=$kubernetes"
  echo "Grafana"
  agent monitoring-namespace '{"app.kubernetes.io/name": "grafana"}' probe "open=$prometheus" "closed=$api" "closed=$ops" "closed=$database" "closed=$kubernetes"
  echo "a stranger in another namespace, then a caller there"
  k create namespace gsm-check >/dev/null
  agent gsm-check '{"gsm-client": "true"}' probe "closed=$api" "closed=$ops" "closed=$database" "closed=$prometheus" "closed=$grafana"
  k label namespace gsm-check gsm-client=true >/dev/null
  agent gsm-check '{}' probe "open=$api" "closed=$ops" "closed=$database" "closed=$prometheus" "closed=$grafana"
  k delete namespace gsm-check --wait=false >/dev/null
}

# under_load COMMAND... runs the command under load on the API, and waits until the load ends. No request may be lost.
under_load() {
  pod gaming-namespace load "$client" load
  k -n gaming-namespace wait pod load --for=jsonpath='{.status.phase}'=Running --timeout=60s >/dev/null
  until k -n gaming-namespace logs load 2>/dev/null | grep -q begun; do sleep 0.2; done
  "$@"
  if [ "$(k -n gaming-namespace get pod load -o jsonpath='{.status.phase}')" != Running ]; then
    k -n gaming-namespace logs load
    die "the load ended too early: $*"
  fi
  ended gaming-namespace load 3>&1
}

restart() {
  k -n gaming-namespace rollout restart deployment/gsm
  rolled_out gaming-namespace deployment/gsm
}

backup() {
  k -n data-namespace create job --from=cronjob/backup backup-now
  k -n data-namespace wait --for=condition=complete --timeout=180s job/backup-now >/dev/null
  k -n data-namespace logs job/backup-now
}

# heals NAMESPACE POD deletes a pod of a StatefulSet, and waits for its replacement.
heals() {
  k -n "$1" delete pod "$2"
  k -n "$1" wait --for=create --timeout=60s "pod/$2" >/dev/null
  k -n "$1" wait --for=condition=Ready --timeout=180s "pod/$2"
}

# grafana_shows runs the queries of all dashboards as a user would: as admin, through port-forward.
grafana_shows() {
  local said=$cache/port-forward port='' dashboards password end=$((SECONDS + 60))
  dashboards=$(jq -r .uid ../monitoring/grafana/dashboards/*.json | sort)
  : >"$said" # what it said before is of another port
  k -n monitoring-namespace port-forward service/grafana :80 >"$said" &
  forward=$!
  until port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$said") && [ -n "$port" ]; do
    kill -0 "$forward" || die "port-forward to Grafana has ended"
    sleep 0.2
  done
  password=$(k -n monitoring-namespace get secret grafana -o go-template='{{index .data "admin-password" | base64decode}}')
  until [ "$(ask_grafana "$port" '/api/search?type=dash-db' | jq -r '.[].uid' | sort)" = "$dashboards" ]; do
    [ $SECONDS -lt $end ] || die "Grafana does not have its dashboards"
    sleep 1
  done
  GRAFANA_PASSWORD=$password go -C ../monitoring run ./panels "http://127.0.0.1:$port" || die "not every panel gets an answer"
  kill "$forward"
  wait "$forward" || true
  forward=
}

# ask_grafana PORT PATH prints a response. The password is in a file, because arguments are visible to other users.
ask_grafana() {
  curl --silent --show-error --fail --config <(printf 'user = "admin:%s"\n' "$password") "http://127.0.0.1:$1$2"
}

# no_errors SINCE fails if a container has logged an error since a time. Before it, `up` was still waiting.
no_errors() {
  local namespace pod logs=$cache/logs
  : >"$logs"
  for namespace in data-namespace gaming-namespace monitoring-namespace; do
    for pod in $(k -n "$namespace" get pods -o name); do
      k -n "$namespace" logs "$pod" --all-containers --prefix --since-time="$1" >>"$logs"
    done
  done
  ./log-errors <"$logs" || die "these lines of the logs are errors"
  printf 'no error in %s lines\n' "$(wc -l <"$logs")"
}

backup_and_restore() {
  local before=$1 after
  under_load backup
  after=$(create after-the-backup)
  k -n gaming-namespace scale deployment/gsm --replicas=0
  if [ "$2" = ferretdb ]; then
    k -n data-namespace scale deployment/ferretdb statefulset/postgres --replicas=0
    k -n data-namespace wait --for=delete pod/postgres-0 --timeout=120s
  fi
  k -n data-namespace create job --from=cronjob/restore restore-now
  k -n data-namespace wait --for=condition=complete --timeout=180s job/restore-now >/dev/null
  k -n data-namespace logs job/restore-now
  k -n data-namespace delete job backup-now restore-now
  if [ "$2" = ferretdb ]; then
    k -n data-namespace scale statefulset/postgres --replicas=1
    rolled_out data-namespace statefulset/postgres
    k -n data-namespace scale deployment/ferretdb --replicas=1
    rolled_out data-namespace deployment/ferretdb
  fi
  k -n gaming-namespace scale deployment/gsm --replicas=1
  rolled_out gaming-namespace deployment/gsm
  k -n gaming-namespace exec deployment/gsm -- /gsm db check
  agent gaming-namespace "$client" player read "$before" 3>&1
  agent gaming-namespace "$client" player absent "$after" 3>&1
}
