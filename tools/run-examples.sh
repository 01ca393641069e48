#!/bin/sh
# run-examples.sh RESULTS STAGE LUA EXAMPLE...: runs the examples against the
# tree installed in STAGE: each Lua one with the host and with LUA, a topology
# by `billiard run` and from a program in Lua, each C one
# built the way a stranger would, through pkg-config. One with a line
# "-- needs: MODULE" is skipped, with a word about it, where LUA has none; one
# with "-- run with: ARGUMENTS" gets these.
set -eu
results=$1 stage=$2 lua=$3
shift 3
logs=$(dirname "$results")/logs
mkdir -p "$logs"
log=$logs/example.log
status=0

try() { # NAME COMMAND...
  name=$1
  shift
  if timeout -k 5 60 "$@" >"$log" 2>&1 </dev/null; then
    echo "example $name 1 0" >> "$results"
    printf '  %-34s ok\n' "$name"
  else
    code=$?
    status=1
    echo "example $name 0 1" >> "$results"
    printf '  %-34s failed (exit status %d)\n' "$name" "$code"
    cat "$log"
  fi
}

compile_and_run() { # SOURCE PROGRAM
  PKG_CONFIG_PATH=$stage/lib/pkgconfig
  export PKG_CONFIG_PATH
  # shellcheck disable=SC2046
  "${CC:-cc}" -std=c11 -Wall -Wextra -Werror "$1" -o "$2" \
    $(pkg-config --cflags --libs billiard)
  "$2"
}

if [ "${1:-}" = --compile ]; then compile_and_run "$2" "$3"; exit; fi

lacks() { # EXAMPLE: prints the first module that it needs and is not there
  for module in $(sed -n 's/^-- needs: //p' "$1"); do
    "$lua" -e "require '$module'" >/dev/null 2>&1 ||
      { echo "$module"; return; }
  done
}

unset LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT LUA_INIT_5_4
for example in "$@"; do
  base=$(basename "$example")
  arguments=$(sed -n 's/^-- run with: //p' "$example")
  module=$(lacks "$example")
  if [ -n "$module" ]; then
    printf '  %-34s skipped: there is no Lua module %s\n' "$base" "$module"
    continue
  fi
  kind=${example##*.}
  ! grep -q '^return topology' "$example" || kind=topology
  case $kind in
    topology)
      try "$base(run)" "$stage/bin/billiard" run "$example"
      try "$base(lua)" env \
        LUA_PATH="$stage/share/lua/5.4/?.lua;$stage/share/lua/5.4/?/init.lua;;" \
        LUA_CPATH="$stage/lib/lua/5.4/?.so;;" "$lua" -e \
        "local t = dofile '$example'; assert(t:start()); assert(t:wait())"
      ;;
    lua)
      # shellcheck disable=SC2086
      try "$base(host)" "$stage/bin/billiard" "$example" $arguments
      # shellcheck disable=SC2086
      try "$base(lua)" env \
        LUA_PATH="$stage/share/lua/5.4/?.lua;$stage/share/lua/5.4/?/init.lua;;" \
        LUA_CPATH="$stage/lib/lua/5.4/?.so;;" "$lua" "$example" $arguments
      ;;
    c)
      try "$base" sh "$0" "$results" "$stage" "$lua" --compile "$example" \
        "$stage/${base%.c}"
      ;;
  esac
done
exit $status
