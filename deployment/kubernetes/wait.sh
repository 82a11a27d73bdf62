# shellcheck shell=bash disable=SC2034,SC2154
# Functions of `up` that wait for components and print why they are not ready; sourced, not run.

# Earlier failures do not count.
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# newest NAMESPACE NAME prints the newest pod of a component that is not being deleted.
newest() {
  k -n "$1" get pods -l "app.kubernetes.io/name=$2" --sort-by=.metadata.creationTimestamp --no-headers \
    -o custom-columns=:metadata.name,:metadata.deletionTimestamp | awk '$2 == "<none>" {name = $1} END {print name}'
}

# containers NAMESPACE POD prints the lines of pod.tmpl for containers that are not ready or have ended during this
# run. A container that has completed its work has none.
containers() {
  k -n "$1" get pod "$2" -o go-template-file=pod.tmpl |
    awk -F '|' -v began="$began" '($2 != "true" || $6 > began) && !($3 == "Completed" && $5 == 0)'
}

# last_lines NAMESPACE POD CONTAINER prints the last log lines of a container, including those of its previous run.
last_lines() {
  k -n "$1" logs "$2" -c "$3" --previous --tail=20 2>/dev/null || true
  k -n "$1" logs "$2" -c "$3" --tail=20 2>/dev/null || true
}

# trouble NAMESPACE NAME prints what is wrong with the newest pod of a component, and advice on known problems. It sets
# `known` to the largest number of restarts of a container with a known problem, or to an empty string.
trouble() {
  local pod container up state ended code restarts message advice
  known=
  pod=$(newest "$1" "$2") || return 0
  if [ -z "$pod" ]; then
    say "   it has no pod:"
    k -n "$1" get events --field-selector reason=FailedCreate --sort-by=.lastTimestamp \
      -o jsonpath='{range .items[*]}{.involvedObject.name}: {.message}{"\n"}{end}' |
      grep "^$2" | tail -n 1 | sed 's/^/   /' || true
    return 0
  fi
  while IFS='|' read -r container up state ended code _ restarts message; do
    [ "$container" != - ] || container="no node takes it"
    [ "$state $up" != "running false" ] || state="running, not ready"
    [ "$state" != CrashLoopBackOff ] || message= # that it waits between its ends is what the word says
    code=${code:+; last end: $ended, exit code $code}
    say "   $pod, $container: $state${message:+: $message}$code; $restarts restarts"
    code=${code##* }
    [ "$state" = Unschedulable ] || [[ $state == *Image* ]] || [[ $state == *Config* ]] || state=$ended
    if advice=$(last_lines "$1" "$pod" "$container" | ../diagnose "$code" "$state"); then
      printf '   => %s\n' "${advice//$'\n'/$'\n'      }"
      [ "$restarts" -lt "${known:-0}" ] || known=$restarts
    fi
  done < <(containers "$1" "$pod")
}

# explain NAMESPACE NAME prints why a component is not ready.
explain() {
  local pod
  say
  say "!! $1 $2 is not ready:"
  trouble "$1" "$2"
  say "-- warnings"
  k -n "$1" get events --field-selector type=Warning --sort-by=.lastTimestamp \
    -o custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message |
    grep -E "^(OBJECT|$2)" | tail -n 6 || true
  pod=$(newest "$1" "$2") || return 0
  [ -n "$pod" ] || return 0
  say "-- last lines of $pod"
  k -n "$1" logs "$pod" --all-containers --prefix --tail=15 2>&1 || true
  k -n "$1" logs "$pod" --all-containers --prefix --tail=15 --previous 2>/dev/null || true
}

# components PART prints NAMESPACE KIND NAME of all components that must be ready, the database first. It fails if they
# cannot be listed.
components() {
  local namespace line='{.metadata.namespace} {.kind} {.metadata.name} {.metadata.ownerReferences[0].kind}'
  line="$line {.metadata.labels.app\.kubernetes\.io/component}"
  for namespace in "${namespaces[@]}"; do
    k -n "$namespace" get statefulsets,deployments,jobs -l app.kubernetes.io/part-of=gsm --ignore-not-found \
      -o jsonpath="{range .items[*]}$line{\"\n\"}{end}" |
      awk -v wanted="$1" '!/ CronJob / {
        part = $1 == "monitoring-namespace" || $NF == "monitoring" ? "monitoring" : "core"
        if (part == wanted) print $1, $2, $3
      }' || return
  done
}

# rolled_out NAMESPACE KIND NAME SECONDS waits for a rollout.
rolled_out() {
  if [ "$2" = Job ]; then
    kubectl --context "$context" -n "$1" wait --for=condition=complete --timeout="$4s" "job/$3"
  else
    kubectl --context "$context" -n "$1" rollout status --timeout="$4s" "$2/$3"
  fi </dev/null >/dev/null 2>&1
}

# renew_stuck deletes pods of StatefulSets that have an earlier revision and are not ready. Kubernetes waits until they
# are ready before it rolls out the next revision, even if that one fixes the problem.
renew_stuck() {
  local namespace kind name revision pod line='{.metadata.name} {.metadata.labels.controller-revision-hash}'
  line="$line {.status.conditions[?(@.type==\"Ready\")].status}"
  while read -r namespace kind name; do
    [ "$kind" = StatefulSet ] || continue
    revision=$(k -n "$namespace" get statefulset "$name" -o jsonpath='{.status.updateRevision}')
    while read -r pod; do
      say "$namespace $pod is of an earlier revision and not ready: it is recreated"
      k -n "$namespace" delete pod "$pod" --wait=false >/dev/null
    done < <(k -n "$namespace" get pods -l "app.kubernetes.io/name=$name" \
      -o jsonpath="{range .items[*]}$line{\"\n\"}{end}" |
      awk -v revision="$revision" 'NF && !($2 == revision || $3 == "True") {print $1}')
  done < <(components core; components monitoring)
}

# ready NAMESPACE KIND NAME waits until a component is ready, and prints its state now and then. It gives up early on a
# known problem that does not go away by itself.
ready() {
  local begin=$SECONDS step=10 told=30 over
  [ "$timeout" -ge $step ] || step=$timeout
  while ! rolled_out "$1" "$2" "$3" "$step"; do
    renew_stuck
    if [ $((SECONDS - begin)) -ge "$timeout" ]; then
      explain "$1" "$3"
      return 1
    fi
    trouble "$1" "$3" >"$scratch/trouble"
    over=
    [ "$2" != Job ] || over=$(k -n "$1" get job "$3" -o jsonpath='{.status.conditions[?(@.type=="Failed")].reason}')
    if [ -n "$over" ] || { [ -n "$known" ] && { [ "$known" -ge 3 ] || [ $((SECONDS - begin)) -ge 120 ]; }; }; then
      explain "$1" "$3"
      return 1
    fi
    if [ $((SECONDS - begin)) -ge "$told" ]; then
      say "waiting for $1 $3, ${told}s so far:"
      cat "$scratch/trouble"
      told=$((told + 30))
    fi
  done
  say "ready: $1 $3"
}

# wait_for PART waits for each component of a part, and lists those that did not become ready in `failed`.
wait_for() {
  local list namespace kind name
  say "== wait: $1"
  failed=
  list=$(components "$1") || die "the components cannot be listed"
  [ -n "$list" ] || die "nothing runs that has the label app.kubernetes.io/part-of=gsm"
  while read -r namespace kind name; do
    ready "$namespace" "$kind" "$name" || { failed="$failed $name"; [ "$1" = monitoring ] || break; }
  done <<<"$list"
}

# crashed prints the core components that are ready but have crashed during this run for a known cause. They will crash
# again.
crashed() {
  local namespace kind name found=1
  while read -r namespace kind name; do
    trouble "$namespace" "$name" >"$scratch/trouble"
    if grep -qE 'exit code (139|132|134);' "$scratch/trouble"; then
      say "!! $namespace $name is ready, but crashes and is restarted:"
      cat "$scratch/trouble"
      found=0
    fi
  done < <(components core)
  return $found
}

