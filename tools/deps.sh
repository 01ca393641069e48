#!/bin/sh
# deps.sh [make] [build] [test] [check] [inject] [model] [fuzz] [bench]:
# installs what is missing for these levels, through apt-get where that can be
# done; elsewhere it names the packages (as Debian 12 calls them) and fails.
set -eu
export LC_ALL=C.UTF-8
missing=

command_of() { # COMMAND PACKAGE
  command -v "$1" >/dev/null || missing="$missing $2"
}
module_of() { # LUA-MODULE PACKAGE
  lua5.4 -e "require '$1'" >/dev/null 2>&1 || missing="$missing $2"
}

build() {
  command_of make make
  command_of cc gcc
  command_of ld binutils
  command_of pkg-config pkg-config
  command_of lua5.4 lua5.4
  [ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
  pkg-config --exists lua5.4 2>/dev/null || missing="$missing liblua5.4-dev"
}

tests() {
  module_of busted lua-busted
  module_of lfs lua-filesystem
  module_of luv lua-luv
  module_of cqueues lua-cqueues
  module_of socket lua-socket
  command_of luarocks luarocks
  command_of ps procps
  command_of python3 python3
  command_of curl curl
  command_of escript erlang-base
  /usr/bin/python3 -c 'import msgpack' 2>/dev/null ||
    missing="$missing python3-msgpack"
}

check() {
  command_of luacheck lua-check
  command_of valgrind valgrind
  command_of cppcheck cppcheck
  command_of clang clang
}

inject() {
  command_of strace strace
}

fuzz() {
  command_of clang clang
  echo 'int main(void) { return 0; }' | clang -fsanitize=fuzzer-no-link,address \
    -x c -o /dev/null - 2>/dev/null || missing="$missing libclang-rt-14-dev"
}

# the peers that the figures stand beside
bench() {
  command_of /usr/bin/python3 python3
  /usr/bin/python3 -c 'import billiard' 2>/dev/null ||
    missing="$missing python3-billiard"
  module_of luv lua-luv
  module_of cjson lua-cjson
}

for level in "$@"; do
  case $level in
    make) command_of make make ;;
    build) build ;;
    test) tests ;;
    check) check ;;
    inject) inject ;;
    fuzz) fuzz ;;
    bench) bench ;;
    model) command_of spin spin ;;
    *) echo "deps.sh: no level named $level" >&2; exit 2 ;;
  esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "please install:$missing (named as in Debian 12)" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "please install:$missing (apt-get needs root)" >&2
    exit 1
  fi
  as_root="sudo -n"
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if ! { $as_root apt-get update &&
  $as_root apt-get install -y --no-install-recommends $missing; } \
  >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  rm -f "$log"
  echo "apt-get could not install:$missing" >&2
  exit 1
fi
rm -f "$log"
