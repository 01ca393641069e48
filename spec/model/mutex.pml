/* SPDX-License-Identifier: MIT */
/* What runtime/mutex.h stands on, for spin: a robust mutex as glibc and Linux
 * make it, of one word that holds its holder, whether somebody sleeps, and
 * whether a holder has died.
 *
 * A process that is about to take or give notes that (`pending`); when it
 * ends, at whatever step, the kernel looks at what it holds and at what it was
 * about to do: the word of a dead holder passes on, and one who was about to
 * wake somebody, or had been woken himself, does not take that with him.
 *
 * Not always: who gives it and dies before he has woken a sleeper leaves that
 * one asleep, if somebody else has taken it meanwhile, who knows of no sleeper.
 * That is why bl_mutex_take() sleeps in slices: the end of one is a `timeout`
 * here, when nothing else can happen. runs.lua has spin find what comes of a
 * sleep without them.
 *
 * Judged: one holder at a time; each death with it is told to one taker, the
 * next; all who live get it in the end. */

#ifndef TAKERS
#define TAKERS 3
#endif
#ifndef TIMES
#define TIMES 2
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef LATE /* deadlines that come */
#define LATE 0
#endif

byte holder;         /* of the word: who, 0 nobody; */
bool waiters, died;  /* and its two bits */

/* ghosts */
byte inside, untold, kills = KILLS, late = LATE;
byte sleeping, tokens; /* in the kernel's queue; woken, not yet back */

#define may_die \
  if \
  :: kills > 0 -> kills--; goto dead \
  :: true \
  fi

/* futex_wake(1) */
#define wake \
  if \
  :: sleeping > 0 -> sleeping--; tokens++ \
  :: else \
  fi

proctype taker(byte me) {
  byte left = TIMES;
  bool pending, mine, seen_waiters;
again:
  if
  :: left == 0 -> goto finished
  :: else -> left--
  fi;
  pending = true; may_die;
  seen_waiters = false;
  do
  :: atomic { /* compare and swap */
       holder == 0 ->
       holder = me;
       waiters = waiters || seen_waiters;
       mine = true;
       inside++;
       assert(inside == 1);
       if
       :: died -> died = false; assert(untold == 1); untold = 0
       :: else
       fi
     }
     break
  :: atomic { holder != 0 -> waiters = true } may_die;
     /* futex_wait: sleeps if the word is what was seen */
     if
     :: atomic { holder != 0 && waiters -> sleeping++ }
        if
        :: atomic { tokens > 0 -> tokens-- }
        :: atomic { timeout -> sleeping-- } /* of the slice */
        :: atomic { kills > 0 && sleeping > 0 ->
             kills--; sleeping--; goto dead }
        :: atomic { late > 0 && sleeping > 0 ->
             late--; sleeping--; pending = false; goto again }
        fi;
        may_die;
        seen_waiters = true /* others may sleep on */
     :: else
     fi
  od;
  may_die;
  pending = false; may_die;
  /* inside */
  may_die;
  pending = true; may_die;
  mine = false; may_die; /* off the list; found by pending now */
  d_step { /* exchange */
    holder = 0;
    inside--;
    seen_waiters = waiters;
    waiters = false
  }
  may_die;
  if
  :: seen_waiters -> d_step { wake }
  :: else
  fi;
  may_die;
  pending = false; may_die;
  goto again;
dead:
  skip; /* the kernel's walk, of one word here */
  d_step {
    if
    :: (mine || pending) && holder == me ->
       holder = 0;
       died = true;
       inside--;
       untold = 1;
       if :: waiters -> wake :: else fi
    :: else ->
       if
       :: pending && holder == 0 -> wake
       :: else
       fi
    fi
  }
finished:
  skip
}

proctype mercy() {
  d_step { kills = 0; late = 0 }
}

/* That nobody is left asleep is for spin to see: it would be no place to
   end. */
proctype judge() {
  atomic { timeout && sleeping == 0 -> assert(holder == 0 && inside == 0) }
  assert(died == (untold == 1))
}

init {
  byte n = 0;
  atomic {
    do :: n < TAKERS -> n++; run taker(n) :: else -> break od;
    run mercy();
    run judge()
  }
}
