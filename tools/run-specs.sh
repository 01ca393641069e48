#!/bin/sh
# run-specs.sh RESULTS INTERPRETER FILE...: runs each spec file in an
# interpreter of its own, for at most SPEC_TIMEOUT seconds, and shows the
# output of those that fail.
# run-specs.sh --one RESULTS INTERPRETER FILE METHOD: one of these runs.
# A file whose head says "Run once per start method." is run once for each, by
# what the environment tells spec/helper.lua.
# SPEC_JOBS says how many run at a time (1).
#
# Output goes to a file, not through a pipe: a process that a test leaves
# behind would keep the pipe open, and us waiting.
set -eu
one=
[ "$1" != --one ] || { one=1; shift; }
results=$1
interpreter=$2
shift 2
limit=${SPEC_TIMEOUT:-120}
jobs=${SPEC_JOBS:-1}
logs=$(dirname "$results")/logs
mkdir -p "$logs"

# the summary that tools/report.lua prints: "# 3 passed, 0 failed, 1 skipped"
field() {
  grep '^# [0-9]* passed, [0-9]* failed' "$log" | tail -n 1 |
    grep -o "[0-9]* $1" | cut -d' ' -f1
}

methods_of() {
  if grep -q '^-- .*Run once per start method\.$' "$1"; then
    echo "${BILLIARD_SPEC_METHOD:-fork forkserver spawn}"
  else
    echo fork
  fi
}

show() {
  printf '  %-34s %3d passed, %d failed' "$name" "$passed" "$failed"
  [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
  echo
  if [ "$failed" -gt 0 ]; then
    [ -z "$why" ] || echo "not ok $file: $why"
    cat "$log"
  elif [ "$skipped" -gt 0 ]; then
    grep '^skipped ' "$log" | sed 's/^/    /'
  fi
}

run() {
  file=$1 method=$2
  name=$(basename "$file" _spec.lua)
  [ "$method" = fork ] || name=$name-$method
  log=$logs/spec-$name.log
  code=0
  BILLIARD_SPEC_METHOD=$method timeout -k 5 "$limit" "$interpreter" spec/run.lua "$file" \
    >"$log" 2>&1 </dev/null || code=$?
  summaries=$(grep -c '^# [0-9]* passed, [0-9]* failed' "$log" || :)
  passed=$(field passed) failed=$(field failed) skipped=$(field skipped)
  passed=${passed:-0} failed=${failed:-0} skipped=${skipped:-0}
  why=
  case $code in
    0) [ $((passed + failed + skipped)) -gt 0 ] || why="no test ran" ;;
    124 | 137) why="not done after $limit s" ;;
    *) [ "$failed" -gt 0 ] || why="exit status $code" ;;
  esac
  # a forked child that returned into the suite
  [ "$summaries" -le 1 ] || why="$summaries processes ran the suite's end"
  [ -z "$why" ] || failed=$((failed + 1))
  echo "spec $name $passed $failed" >> "$results"
  show > "$log.shown" # in one piece, whoever else has something to show
  cat "$log.shown"
  [ "$failed" -eq 0 ]
}

if [ "$one" ]; then run "$1" "$2"; exit; fi

# whoever has finished takes the next one
for each in "$@"; do
  for method in $(methods_of "$each"); do echo "$each" "$method"; done
done | xargs -n 2 -P "$jobs" sh "$0" --one "$results" "$interpreter"
