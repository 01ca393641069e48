#!/bin/sh
# run-native.sh RESULTS PROGRAM...: runs the native tests, each in a process
# group of its own and for at most UNIT_TIMEOUT seconds.
#
# A native test prints one line per behaviour, "ok NAME" or
# "not ok NAME: why", and exits non-zero if any failed.
set -eu
results=$1
shift
limit=${UNIT_TIMEOUT:-60}
logs=$(dirname "$results")/logs
mkdir -p "$logs"
status=0

for program in "$@"; do
  name=$(basename "$program")
  log=$logs/native-$name.log
  code=0
  timeout -k 5 "$limit" "$program" >"$log" 2>&1 </dev/null || code=$?
  passed=$(grep -c '^ok ' "$log" || :)
  failed=$(grep -c '^not ok ' "$log" || :)
  why=
  case $code in
    0) [ $((passed + failed)) -gt 0 ] || why="tested nothing" ;;
    124 | 137) why="not done after $limit s" ;;
    *) [ "$failed" -gt 0 ] || why="exit status $code" ;;
  esac
  [ -z "$why" ] || failed=$((failed + 1))
  echo "unit $name $passed $failed" >> "$results"
  printf '  %-34s %3d passed, %d failed\n' "$name" "$passed" "$failed"
  if [ "$failed" -gt 0 ]; then
    status=1
    [ -z "$why" ] || echo "not ok $name: $why"
    cat "$log"
  fi
done
exit $status
