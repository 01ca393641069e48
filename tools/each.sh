#!/bin/sh
# each.sh [-c] RESULTS TARGET...: makes each target in turn and goes on after
# a failure. A target that fails without having recorded why counts as one
# failure; with -c every target counts as one, passed or failed.
set -eu
count=no
if [ "$1" = -c ]; then count=yes; shift; fi
results=$1
shift
status=0

failures() {
  if [ -f "$results" ]; then awk '{ n += $4 } END { print n + 0 }' "$results"
  else echo 0; fi
}

for target in "$@"; do
  echo "== $target"
  before=$(failures)
  began=$(date +%s)
  # SUBMAKE is a command with options
  if $SUBMAKE "$target"; then
    [ $count = no ] || echo "check $target 1 0" >> "$results"
  else
    status=1
    if [ $count = yes ] || [ "$(failures)" -eq "$before" ]; then
      echo "check $target 0 1" >> "$results"
    fi
    echo "== $target failed"
  fi
  [ $count = no ] || echo "   $(($(date +%s) - began)) s"
  # without a build nothing else can be right
  if [ $status = 1 ] && [ "$target" = all ]; then break; fi
done
exit $status
