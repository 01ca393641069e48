#!/bin/sh
# lint.sh C-FILE... -- LUA-FILE...: what can be said about the sources without
# building them.
set -eu
status=0
c=
while [ $# -gt 0 ] && [ "$1" != -- ]; do c="$c $1"; shift; done
[ $# -eq 0 ] || shift

echo "luacheck"
luacheck -q --no-color --codes "$@" || status=1

if command -v cppcheck >/dev/null; then
  echo "cppcheck"
  # shellcheck disable=SC2086
  cppcheck -q --std=c11 --enable=warning,portability,performance \
    --inline-suppr --suppress=missingInclude --error-exitcode=1 \
    -I. -D__linux__ -D__x86_64__ $c || status=1
else
  echo "no cppcheck: skipped"
fi

echo "sh -n, marks, blanks"
for script in tools/*.sh; do sh -n "$script" || status=1; done
# written in two halves, or this line would find itself
# shellcheck disable=SC2086
! grep -nE 'TO''DO|FIX''ME|\bXX''X\b' $c "$@" || status=1
# shellcheck disable=SC2086
! grep -nE '[[:blank:]]$' $c "$@" tools/*.sh || status=1
# shellcheck disable=SC2086
! awk 'length > 100 { print FILENAME ":" FNR ": longer than 100"; n++ }
  END { exit !n }' $c tools/*.sh || status=1
exit $status
