#!/bin/sh
# summary.sh RESULTS...: adds up lines "kind name passed failed"; the last
# line printed is "N passed, N failed". Fails if anything did or nothing ran.
set -eu
for file in "$@"; do [ ! -f "$file" ] || cat "$file"; done | awk '
  $4 > 0 { printf "failed: %s %s (%d)\n", $1, $2, $4 }
  !($1 in seen) { seen[$1] = 1; kinds[++n] = $1 }
  { passed[$1] += $3; failed[$1] += $4; p += $3; f += $4 }
  END {
    for (i = 1; i <= n; i++)
      printf "  %-10s %5d passed, %d failed\n", kinds[i], passed[kinds[i]],
        failed[kinds[i]]
    printf "%d passed, %d failed\n", p, f
    exit f > 0 || p == 0
  }'
