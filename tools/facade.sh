#!/bin/sh
# facade.sh HEADER: prints HEADER with the project headers it includes written
# out in its place, each once: one file to install that needs nothing beside.
set -eu
awk '
  function flatten(file,   line, name) {
    if (file in seen) return
    seen[file] = 1
    while ((getline line < file) > 0) {
      if (line ~ /SPDX-License-Identifier/) {
        if (!licence++) print line
      } else if (match(line, /^#include "runtime\/[^"]+"/)) {
        name = substr(line, 11, RLENGTH - 11)
        flatten(name)
      } else print line
    }
    close(file)
  }
  BEGIN { flatten(ARGV[1]) }' "$1"
