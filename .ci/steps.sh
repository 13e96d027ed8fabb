# What .ci/run is made of: steps, one after another, and builds that go on beside them. To be sourced by bash.
#
#   build NAME COMMAND…       names what is to be built; of two, the first is built first
#   start_builds              begins with the builds, which take what CPU time the steps leave
#   run COMMAND…              a step
#   run_after NAME COMMAND…   a step that needs a build: waits for it, and fails with its words if it failed
#   close                     prints the seconds of everything, and how many tests passed; the exit status
#
# What a step leaves behind is ended with it, and all that was started with the shell, also where that is interrupted.
# Only what begins a session of its own has to end itself.

set -uo pipefail
# What takes longer hangs: the longest of each takes ten minutes on two busy cores (timeout(1)).
STEP_LIMIT=20m
BUILD_LIMIT=30m
# Of what node's runner counts: what was not run to its end has not passed.
FAILED='fail|cancelled|skipped|todo'
work=$(mktemp -d)
log=$work/log
: >"$log"
# Steps that failed without a test that did: what died before it could count, and what was not run.
uncounted=0
steps=()
names=()
builds=()
# Leaders of the process groups of the step and of the builds; empty where there are none.
step_group=
builds_group=

build() {
  names+=("$1")
  builds+=("$1" "$(printf '%q ' timeout -k 10 "$BUILD_LIMIT" "${@:2}")")
}

start_builds() {
  # In a session of their own: Linux shares CPU time among sessions first (sched(7), autogroup), and a process is
  # nice to those of its own session only.
  setsid nice -n 19 bash -c "$(declare -f build_all); build_all \"\$@\"" builds $$ "$work" "${builds[@]}" \
    </dev/null >/dev/null 2>&1 &
  builds_group=$!
  # bash says nothing of its end, not even after the last line.
  disown "$builds_group"
}

# One build after another. Each leaves its output in NAME.log, and its exit status and seconds in NAME.end.
build_all() {
  local owner=$1 folder=$2 began ended
  shift 2
  { echo 19 >/proc/self/autogroup; } 2>/dev/null
  while [ $# -gt 0 ] && kill -0 "$owner" 2>/dev/null; do
    began=$SECONDS
    eval "$2" >"$folder/$1.log" 2>&1
    ended=$?
    # At once, for whoever waits for it.
    echo "$ended $((SECONDS - began))" >"$folder/end"
    mv "$folder/end" "$folder/$1.end"
    shift 2
  done
}

# Waits for a build. Prints its output and is false where it failed.
built() {
  local name=$1 ended seconds
  until [ -e "$work/$name.end" ]; do
    if ! kill -0 "$builds_group" 2>/dev/null && [ ! -e "$work/$name.end" ]; then
      echo "the builds ended before $name"
      return 1
    fi
    sleep 0.5
  done
  read -r ended seconds <"$work/$name.end"
  [ "$ended" -eq 0 ] && return
  cat "$work/$name.log"
  echo "$name was not built: exit status $ended after $seconds s"
  return 1
}

run() {
  echo "── $*"
  local began=$SECONDS failed shown ended left
  failed=$(count "$FAILED")
  shown=$(stat -c %s "$log")
  # As a job, in a process group that can be ended: bash waits for what it runs itself before it hears a signal.
  # Into a file, which ends where the step does; a pipe goes on with whoever is left behind.
  set -m
  timeout -k 10 "$STEP_LIMIT" "$@" </dev/null >>"$log" 2>&1 &
  step_group=$!
  set +m
  tail -s 0.2 -f --pid="$step_group" -c "+$((shown + 1))" "$log" &
  wait "$step_group"
  ended=$?
  left=$(left_in "$step_group")
  end_group "$step_group"
  step_group=
  # For tail, which has the last lines to print.
  wait "$!"
  [ -z "$left" ] || echo "left behind, and ended: $left"
  if [ "$ended" -ne 0 ]; then
    echo "exit status $ended after $((SECONDS - began)) s: $*"
    [ "$(count "$FAILED")" -gt "$failed" ] || uncounted=$((uncounted + 1))
  fi
  steps+=("$((SECONDS - began)) s  $*")
}

run_after() {
  local name=$1 began=$SECONDS
  shift
  if built "$name"; then
    [ $((SECONDS - began)) -eq 0 ] || steps+=("$((SECONDS - began)) s  waiting for $name")
    run "$@"
  else
    echo "── $*: not run"
    uncounted=$((uncounted + 1))
    steps+=("$((SECONDS - began)) s  $*: not run, for $name was not built")
  fi
}

close() {
  local name ended seconds passed failed
  printf '%s\n' "${steps[@]}"
  for name in "${names[@]}"; do
    if read -r ended seconds 2>/dev/null <"$work/$name.end"; then echo "$seconds s  built beside them: $name"; fi
  done
  echo "$SECONDS s  in all"
  passed=$(count pass)
  failed=$(($(count "$FAILED") + uncounted))
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

# node's runner closes with "# pass N" or "ℹ pass N" (and the others), as-pect with "[Tests]: PASSED / ALL".
count() {
  sed -E 's/\x1b\[[0-9;]*m//g' "$log" | awk -v word="$1" '
    $0 ~ "^(#|ℹ) (" word ") [0-9]+$" { n += $3 }
    $1 == "[Tests]:" { n += word == "pass" ? $2 : $4 - $2 }
    END { print n + 0 }'
}

# The processes of a group, or of the session that it leads, but for those that are dead and not yet reaped.
# The name in parentheses may hold anything; state, parent, group and session follow it (proc(5), stat).
members() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed -nE 's/^([0-9]+) \(.*\) /\1 /p' |
    awk -v group="$1" '($4 == group || $5 == group) && $2 !~ /[ZX]/ { print $1 }'
}

# The command lines of what outlives its step by more than a second.
left_in() {
  local pid
  [ -z "$(members "$1")" ] || sleep 1
  for pid in $(members "$1"); do
    { tr '\0' ' ' <"/proc/$pid/cmdline" && echo; } 2>/dev/null
  done | paste -sd ';'
}

# Ends a process group: first so that it can end what it has started elsewhere, after 15 seconds by force. Does not
# wait for what even that does not end.
end_group() {
  local group=$1 signal=TERM tenths pids
  [ -n "$group" ] || return 0
  for ((tenths = 0; tenths < 200; tenths++)); do
    pids=$(members "$group")
    [ -n "$pids" ] || return 0
    [ "$tenths" -ne 150 ] || signal=KILL
    # TERM once: a second one may end what is tidying up.
    case $tenths:$signal in 0:* | *:KILL) kill "-$signal" $pids 2>/dev/null ;; esac
    sleep 0.1
  done
}

leave() {
  trap '' HUP INT TERM
  end_group "$step_group"
  end_group "$builds_group"
  rm -rf "$work"
}

trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
