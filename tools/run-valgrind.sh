#!/bin/sh
# run-valgrind.sh LOGS PROGRAM...: the native tests under valgrind. Memory
# errors count in every process they fork; what they exec runs plain.
#
# A valgrind that lacks a system call we need (pidfd_open before 3.22 or so)
# makes the tests themselves fail: then only its memory errors count.
set -eu
logs=$1
shift
limit=${UNIT_TIMEOUT:-120}
rm -rf "$logs"
mkdir -p "$logs"
status=0
bad='uninitialised|Invalid (read|write|free)|Mismatched free|unaddressable'
bad="$bad|(definitely|indirectly) lost in loss|overlap in"

for program in "$@"; do
  name=$(basename "$program")
  code=0
  timeout -k 5 "$limit" valgrind -q --leak-check=full \
    --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite \
    --trace-children=no --error-exitcode=99 --log-file="$logs/$name.%p" \
    "$program" >"$logs/$name.out" 2>&1 </dev/null || code=$?
  verdict=ok
  if grep -qE "$bad" "$logs/$name".[0-9]*; then verdict="memory errors"
  elif grep -q 'unhandled .* syscall' "$logs/$name".[0-9]*; then
    verdict="no memory errors (this valgrind lacks a system call)"
  elif [ $code -ne 0 ]; then verdict="exit status $code"; fi
  printf '  %-34s %s\n' "$name" "$verdict"
  case $verdict in
    ok | no\ *) ;;
    *)
      status=1
      grep '^not ok ' "$logs/$name.out" || :
      cat "$logs/$name".[0-9]*
      ;;
  esac
done
exit $status
