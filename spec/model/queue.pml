/* SPDX-License-Identifier: MIT */
/* The protocol of a queue (runtime/queue.h), for spin.
 *
 * Each statement that touches shared memory is a step of its own, and after
 * each there is a point, named as in the C files, at which the process may be
 * killed; one that sleeps may be killed or run out of time. Records have size
 * one, so that bytes and items are the same; looking at a cursor is one step,
 * which cursor.pml justifies. The mutexes are robust: those of a dead process
 * are free, one after the other (mutex.pml).
 *
 * The variables below "ghosts" are not in the memory: they record what is to
 * be judged. The judge wakes when nobody can do anything. */

#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of each producer */
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#ifndef WATCHERS /* consumers that poll the bell as a level */
#define WATCHERS 0
#endif
#ifndef SHUTTERS
#define SHUTTERS 0
#endif
#ifndef JOINERS /* then consumers count what is done */
#define JOINERS 0
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef LATE /* waits that may end by their time */
#define LATE 0
#endif
#ifndef MAXSIZE
#define MAXSIZE 0
#endif
#define FIRST 1 /* capacity */
#define LAST 8
#define ALL (PRODUCERS * MESSAGES)

/* ---- the memory ---- */

byte put_mutex, get_mutex; /* who has it; 0: nobody */

byte put_copy[2], get_copy[2], done_copy[2], rounds_copy[2];
bit put_moves, get_moves, done_moves;
#define PUT put_copy[put_moves]
#define GET get_copy[get_moves]
#define DONE done_copy[done_moves]
#define ROUNDS rounds_copy[done_moves]

byte cell[LAST]; /* the ring: messages, counted from 1 */
byte capacity = FIRST;
bool shut, watched;

bool items_awaited, room_awaited, done_awaited;
bool items_bell, room_bell, done_bell; /* eventfds: readable? */

/* ---- ghosts ---- */

byte kills = KILLS, late = LATE;
byte log[ALL];      /* the message at each position */
bool returned[ALL]; /* its put has returned */
bool taken[ALL];    /* a get was committed */
byte asleep_items, asleep_room, asleep_level, asleep_join;

/* ---- what they are made of ---- */

#define point(name) \
  if \
  :: kills > 0 -> kills--; goto dead \
  :: true \
  fi

#define lock(mutex) atomic { mutex == 0 -> mutex = me }
#define unlock(mutex) mutex = 0

#define prepare(copy, moves, to) copy[1 - moves] = to
#define commit(moves) moves = 1 - moves

#define sound(awaited, bell) \
  bell = true; point(sound_rung); \
  awaited = false; point(sound_noted)

#define ring(awaited, bell) \
  if \
  :: awaited -> sound(awaited, bell) \
  :: else \
  fi

#define await(awaited, bell) \
  awaited = true; point(await_noted); \
  bell = false; point(await_silent)

/* Polls the bell, from when the mutex is given; the label makes it a place
   where it may be at the end. */
#define sleep(mutex, bell, asleep, label) \
  d_step { mutex = 0; asleep++ } \
label: \
  if \
  :: atomic { bell -> asleep-- } \
  :: atomic { kills > 0 -> kills--; asleep--; goto dead } \
  :: atomic { late > 0 -> late--; asleep-- } \
  fi

#define has_items (PUT > GET)
#define may_get (shut || has_items)
#define is_full(put, got) (MAXSIZE > 0 && put - got >= MAXSIZE)
#define may_put (shut || !is_full(PUT, GET))
#define fits(put, got) (!is_full(put, got) && put - got + 1 <= capacity)
#define is_joined (ROUNDS != since || PUT == DONE)

/* The kernel, when a process ends. */
#define give_up \
  if :: get_mutex == me -> get_mutex = 0 :: else fi; \
  if :: put_mutex == me -> put_mutex = 0 :: else fi

/* Under the put mutex: the bell as a level. */
#define level() \
  lock(put_mutex); point(level_locked); \
  if \
  :: may_get -> sound(items_awaited, items_bell) \
  :: else -> await(items_awaited, items_bell) \
  fi; \
  unlock(put_mutex)

/* ---- the put side ---- */

/* To `size`. What is behind the capacity is zeroes then. */
inline resize() {
  lock(get_mutex); point(size_locked);
  first = GET;
  if
  :: size > capacity -> point(size_reserved)
  :: else
  fi;
  do
  :: first < put ->
     if
     :: first % size != first % capacity ->
        cell[first % size] = cell[first % capacity]
     :: else
     fi;
     first++; point(size_spread)
  :: else -> break
  od;
  point(size_ready);
  capacity = size; point(size_known);
  do
  :: size < LAST -> cell[size] = 0; size++
  :: else -> break
  od;
  point(size_trimmed);
  unlock(get_mutex)
}

/* Looks at the other side where it must; and may do so where it need not, and
   then shrink the ring. */
inline make_room() {
  size = capacity;
  if
  :: fits(put, got_seen)
  :: true ->
     got_seen = GET;
     if
     :: is_full(put, got_seen) -> unlock(put_mutex); goto no_room
     :: else
     fi;
     if
     :: size > FIRST && put - got_seen + 1 <= size / 2 -> size = size / 2
     :: put - got_seen + 1 > size ->
        do
        :: put - got_seen + 1 > size -> size = size * 2
        :: else -> break
        od;
        assert(size <= LAST)
     :: else
     fi
  fi;
  if
  :: size != capacity -> resize()
  :: else
  fi
}

inline write_record(id) {
  cell[put % capacity] = id + 1; point(put_written);
  prepare(put_copy, put_moves, put + 1); point(put_prepared);
  ring(items_awaited, items_bell); point(put_rung);
  d_step { commit(put_moves); log[put] = id } point(put_committed)
}

proctype producer(byte me; byte id) {
  byte put, got_seen, first, size, left = MESSAGES;
again:
  lock(put_mutex); point(put_locked);
  put = PUT;
  if
  :: shut -> unlock(put_mutex); goto finished
  :: else
  fi;
  make_room();
  write_record(id);
  unlock(put_mutex);
  returned[id] = true;
  id++;
  left--;
  if
  :: left > 0 -> goto again
  :: else -> goto finished
  fi;
no_room:
  lock(get_mutex); point(room_locked);
  if
  :: may_put -> unlock(get_mutex)
  :: else ->
     await(room_awaited, room_bell);
     sleep(get_mutex, room_bell, asleep_room, end_room)
  fi;
  goto again;
dead:
  give_up;
finished:
  skip
}

/* ---- the get side ---- */

/* Under the get mutex, and there is one. */
inline read_record() {
  got = GET;
  id = cell[got % capacity] - 1;
  assert(id == log[got]);
  point(get_read);
  prepare(get_copy, get_moves, got + 1); point(get_prepared);
  ring(room_awaited, room_bell); point(get_rung);
  d_step {
    commit(get_moves);
    assert(!taken[id]);
    taken[id] = true
  }
  point(get_committed)
}

inline task_done() {
  lock(get_mutex); point(done_locked);
  assert(DONE < GET);
  all = (PUT - DONE == 1);
  prepare(done_copy, done_moves, DONE + 1);
  prepare(rounds_copy, done_moves, ROUNDS + all); point(done_prepared);
  if
  :: all -> ring(done_awaited, done_bell)
  :: else
  fi;
  point(done_rung);
  commit(done_moves); point(done_committed);
  unlock(get_mutex)
}

/* Goes to `again` with a message, to `closed` at the end. */
inline try_get() {
  was_shut = shut;
  got_one = false;
  if
  :: has_items ->
     lock(get_mutex); point(get_locked);
     if
     :: has_items -> read_record(); got_one = true
     :: else
     fi;
     unlock(get_mutex)
  :: else
  fi;
  if
  :: watched && !has_items -> level()
  :: else
  fi;
#if JOINERS
  if
  :: got_one -> task_done()
  :: else
  fi;
#endif
  if
  :: got_one -> goto again
  :: !got_one && was_shut -> goto finished
  :: else
  fi
}

proctype consumer(byte me) {
  byte got, id;
  bool was_shut, got_one, all;
again:
  try_get();
  lock(put_mutex); point(items_locked);
  if
  :: may_get -> unlock(put_mutex)
  :: else ->
     await(items_awaited, items_bell);
     sleep(put_mutex, items_bell, asleep_items, end_items)
  fi;
  goto again;
dead:
  give_up;
finished:
  skip
}

/* In a loop of its own: gets when the descriptor is readable. */
proctype watcher(byte me) {
  byte got, id;
  bool was_shut, got_one, all;
  watched = true;
  level();
again:
  asleep_level++;
end_level:
  if
  :: atomic { items_bell -> asleep_level-- }
  :: atomic { kills > 0 -> kills--; asleep_level--; goto dead }
  fi;
  try_get();
  goto again;
dead:
  give_up;
finished:
  skip
}

/* ---- the others ---- */

proctype shutter(byte me) {
  lock(put_mutex);
  lock(get_mutex); point(shut_locked);
  sound(items_awaited, items_bell);
  sound(room_awaited, room_bell); point(shut_rung);
  shut = true; point(shut_set);
  unlock(get_mutex);
  unlock(put_mutex);
  goto finished;
dead:
  give_up;
finished:
  skip
}

proctype joiner(byte me) {
  byte since = ROUNDS;
again:
  if
  :: is_joined -> goto finished
  :: else
  fi;
  lock(get_mutex); point(join_locked);
  if
  :: is_joined -> unlock(get_mutex)
  :: else ->
     await(done_awaited, done_bell);
     sleep(get_mutex, done_bell, asleep_join, end_join);
     /* for the judge: one who could have gone on has not slept on */
  fi;
  goto again;
dead:
  give_up;
finished:
  skip
}

/* No more kills from some moment on: or a sleeper that will never wake could
   only be seen killed. */
proctype mercy() {
  d_step { kills = 0; late = 0 }
}

proctype judge() {
  byte i, j;
  timeout ->
  /* nobody waits for a mutex, */
  assert(put_mutex == 0 && get_mutex == 0);
  /* nor for what is there */
  assert(asleep_items == 0 || !may_get);
  assert(asleep_level == 0 || !may_get);
  assert(asleep_room == 0 || !may_put);
  assert(asleep_join == 0 || PUT != DONE);
  /* what was put is got, or is still there; positions are in order */
  assert(GET <= PUT && DONE <= GET);
  i = 0;
  do
  :: i < PUT -> assert(taken[log[i]] == (i < GET)); i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < ALL && returned[i] ->
     j = 0;
     do
     :: j < PUT && log[j] != i -> j++
     :: else -> break
     od;
     assert(j < PUT);
     i++
  :: i < ALL && !returned[i] -> assert(true); i++
  :: i >= ALL -> break
  od
}

init {
  byte n, me = 1;
  atomic {
    n = 0;
    do :: n < PRODUCERS -> run producer(me, n * MESSAGES); n++; me++
       :: else -> break od;
    n = 0;
    do :: n < CONSUMERS -> run consumer(me); n++; me++ :: else -> break od;
    n = 0;
    do :: n < WATCHERS -> run watcher(me); n++; me++ :: else -> break od;
    n = 0;
    do :: n < SHUTTERS -> run shutter(me); n++; me++ :: else -> break od;
    n = 0;
    do :: n < JOINERS -> run joiner(me); n++; me++ :: else -> break od;
    run mercy();
    run judge()
  }
}
