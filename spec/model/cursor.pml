/* SPDX-License-Identifier: MIT */
/* A cursor (runtime/cursor.h), for spin: who looks without the mutex sees a
 * pair that was there at one moment, and never an older one than before;
 * whoever dies while it moves. queue.pml takes a look for one step because of
 * this.
 *
 * Memory is sequentially consistent here; that the fences of cursor.h make it
 * so for these accesses is an argument of C11, not of this model. */

#ifndef MOVERS
#define MOVERS 2
#endif
#ifndef MOVES /* of each */
#define MOVES 3
#endif
#ifndef LOOKS
#define LOOKS 3
#endif
#ifndef KILLS
#define KILLS 1
#endif

byte mutex, kills = KILLS;
byte bytes[2], items[2], moves;

#define may_die \
  if \
  :: kills > 0 -> kills--; goto dead \
  :: true \
  fi

proctype mover(byte me) {
  byte left = MOVES, idle, to;
  do
  :: left > 0 ->
     atomic { mutex == 0 -> mutex = me }
     to = items[moves % 2] + 1;
     idle = 1 - moves % 2;
     bytes[idle] = 2 * to; may_die;
     items[idle] = to; may_die;
     moves++; may_die;
     mutex = 0;
     left--
  :: else -> break
  od;
  goto finished;
dead:
  mutex = 0;
finished:
  skip
}

proctype looker() {
  byte left = LOOKS, before, b, i, last;
  do
  :: left > 0 ->
     before = moves;
     do
     :: b = bytes[before % 2];
        i = items[before % 2];
        if
        :: moves == before -> break
        :: else -> before = moves
        fi
     od;
     assert(b == 2 * i);
     assert(i >= last);
     last = i;
     left--
  :: else -> break
  od
}

init {
  byte n = 0;
  atomic {
    do :: n < MOVERS -> n++; run mover(n) :: else -> break od;
    run looker()
  }
}
