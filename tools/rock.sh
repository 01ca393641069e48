#!/bin/sh
# rock.sh RESULTS BUILD: makes the rock in a build and a tree of its own,
# without any server, and runs processes with what it has installed and
# nothing else on the paths.
set -u
results=$1 build=$2
tree=$build/rocktree
log=$build/rock.log
lua=${LUA:-lua5.4}
mkdir -p "$build"

make_rock() {
  luarocks --lua-version 5.4 lint billiard-scm-1.rockspec &&
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL BUILD="$build/rock" \
      luarocks --lua-version 5.4 make --tree "$tree" billiard-scm-1.rockspec
}

works='
local billiard = require "billiard"
local where = package.searchpath("billiard", package.path)
local p <close> = billiard.Process{ target = function() return 7 end }
assert(p:start() and p:join() and p.exitcode == 0, "a target")
assert(billiard.run{ "echo", "hi" }.stdout == "hi\n", "a command")
print(billiard._VERSION, where)'

try_rock() {
  LUA_PATH="$tree/share/lua/5.4/?.lua;$tree/share/lua/5.4/?/init.lua" \
    LUA_CPATH="$tree/lib/lua/5.4/?.so" \
    "$lua" -e "$works" &&
    env -u LUA_PATH -u LUA_CPATH "$tree/bin/billiard" -e "$works"
}

rm -rf "$tree"
if make_rock >"$log" 2>&1 && try_rock >>"$log" 2>&1; then
  echo "rock make 1 0" >> "$results"
  echo "  the rock builds, installs and runs processes"
else
  echo "rock make 0 1" >> "$results"
  cat "$log"
  exit 1
fi
