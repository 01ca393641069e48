#!/bin/sh
# asan.sh DIR FLAGS: builds into DIR with the sanitizers FLAGS and runs the
# native tests there, and the specs with that host as interpreter: everything
# of ours is then inside an instrumented executable.
#
# Reports go to files, so that one from a child that nobody asks, or that has
# closed its stderr, is not lost. Leaks: looked for in the native tests only;
# a Lua state left by os.exit, or a module unloaded at its end, looks like one.
set -u
dir=$1 flags=$2
reports=$(pwd)/$dir/reports
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports/ubsan"
export BILLIARD_SPEC_SCALE=4 BILLIARD_SPEC_ASAN=1
export SPEC_TIMEOUT=300 UNIT_TIMEOUT=120
# a child that comes from memory, and one that comes from a message: the fork
# server's comes as the latter does, and has its turn in `make gcstress`
export BILLIARD_SPEC_METHOD="fork spawn"
asan="log_path=$reports/asan:detect_stack_use_after_return=1"
status=0

build() { # SUBMAKE is a command with options
  $SUBMAKE BUILD="$dir" SANITIZE="$flags" \
    CFLAGS='-O1 -g -fno-omit-frame-pointer' "$@"
}

echo "building into $dir"
build all natives || exit 1
ASAN_OPTIONS="$asan:detect_leaks=1" build unit || status=1
ASAN_OPTIONS="$asan:detect_leaks=1" build replay || status=1
ASAN_OPTIONS="$asan:detect_leaks=0" build host-spec || status=1

# beside ASan, gcc's UBSan knows no log_path: its reports are in the logs
if grep -E '\.[ch]:[0-9]+:[0-9]+: runtime error: ' "$dir"/logs/*.log; then
  status=1
fi
for report in "$reports"/*; do
  [ -f "$report" ] || continue
  status=1
  echo "-- $report"
  cat "$report"
done
exit $status
