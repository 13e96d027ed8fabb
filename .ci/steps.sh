# What .ci/run is made of: steps, one after another, and builds that go on beside them. To be sourced by bash.
#
#   build NAME COMMAND…       names what is to be built; of two, the first is built first
#   start_builds              begins with the builds, which take what CPU time the steps leave
#   run COMMAND…              a step
#   run_after NAME COMMAND…   a step that needs a build: waits for it, and fails with its words if it failed
#   close                     prints the seconds of everything, and how many tests passed; the exit status
#
# All that was started is ended with the shell, also where that is interrupted.

set -uo pipefail
work=$(mktemp -d)
log=$work/log
: >"$log"
status=0
steps=()
names=()
builds=()
# Leaders of the process groups of the step and of the builds; empty where there are none.
step_group=
builds_group=

build() {
  names+=("$1")
  builds+=("$1" "$(printf '%q ' "${@:2}")")
}

start_builds() {
  # In a session of their own: Linux shares CPU time among sessions first (sched(7), autogroup), and a process is
  # nice to those of its own session only.
  setsid nice -n 19 bash -c "$(declare -f build_all); build_all \"\$@\"" builds $$ "$work" "${builds[@]}" \
    </dev/null >/dev/null 2>&1 &
  builds_group=$!
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
  local began=$SECONDS
  # There is none where the step's shell is killed.
  rm -f "$work/status"
  # As a job, in a process group that can be ended: bash waits for what it runs itself before it hears a signal.
  set -m
  {
    "$@" 2>&1
    echo $? >"$work/status"
  } </dev/null | tee -a "$log" &
  step_group=$(jobs -p %%)
  set +m
  wait "$!"
  step_group=
  grep -qsx 0 "$work/status" || status=1
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
    status=1
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
  failed=$(count fail)
  # What died before it could count is a failure too.
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  echo "$passed passed, $failed failed"
  return "$status"
}

# node's runner closes with "# pass N" or "ℹ pass N" (and fail), as-pect with "[Tests]: PASSED / ALL".
count() {
  sed -E 's/\x1b\[[0-9;]*m//g' "$log" | awk -v word="$1" '
    $0 ~ "^(#|ℹ) " word " [0-9]+$" { n += $3 }
    $1 == "[Tests]:" { n += word == "pass" ? $2 : $4 - $2 }
    END { print n + 0 }'
}

# Ends a process group: first so that it can end what it has started elsewhere.
end_group() {
  local group=$1 tenths=0
  [ -n "$group" ] || return 0
  kill -TERM -- "-$group" 2>/dev/null
  while kill -0 -- "-$group" 2>/dev/null; do
    [ $((tenths++)) -lt 150 ] || kill -KILL -- "-$group" 2>/dev/null
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
