#!/bin/sh
# run-valgrind.sh LOGS PROGRAM...: the native tests under valgrind. Memory
# errors count in every process they fork, leaks only in the test itself: a
# forked child leaves what it inherited. What they exec runs plain. A valgrind
# without pidfd_open (before 3.22 or so) takes the runtime's way around it.
set -eu
logs=$1
shift
limit=${UNIT_TIMEOUT:-120}
rm -rf "$logs"
mkdir -p "$logs"
status=0
bad='uninitialised|Invalid (read|write|free)|Mismatched free|unaddressable'
bad="$bad|overlap in"
lost='(definitely|indirectly) lost in loss'

for program in "$@"; do
  name=$(basename "$program")
  code=0
  # shellcheck disable=SC2016
  timeout -k 5 "$limit" sh -c 'echo $$ >"$0"; exec "$@"' "$logs/$name-pid" \
    valgrind -q --leak-check=full --errors-for-leak-kinds=none \
    --show-leak-kinds=definite,indirect --trace-children=no \
    --log-file="$logs/$name.%p" "$program" \
    >"$logs/$name.out" 2>&1 </dev/null || code=$?
  own=$logs/$name.$(cat "$logs/$name-pid")
  verdict=ok
  if grep -qE "$bad" "$logs/$name".[0-9]*; then verdict="memory errors"
  elif grep -qE "$lost" "$own"; then verdict="leaks"
  elif [ $code -ne 0 ]; then verdict="exit status $code"; fi
  printf '  %-34s %s\n' "$name" "$verdict"
  case $verdict in
    ok) ;;
    *)
      status=1
      grep '^not ok ' "$logs/$name.out" || :
      cat "$logs/$name".[0-9]*
      ;;
  esac
done
exit $status
