-- SPDX-License-Identifier: MIT
-- What run.lua has checked: sizes of models, and ways to spoil them.

local runs = {}

local function queue(what, size) return { model = "queue", what = what, size = size } end

runs.sizes = {
  queue("two producers, two deaths",
    { PRODUCERS = 2, CONSUMERS = 1, MESSAGES = 1, KILLS = 2, LATE = 1 }),
  queue("two consumers, two deaths",
    { PRODUCERS = 1, CONSUMERS = 2, MESSAGES = 2, KILLS = 2, LATE = 1 }),
  queue("two of each, two deaths",
    { PRODUCERS = 2, CONSUMERS = 2, MESSAGES = 1, KILLS = 2 }),
  queue("growing and shrinking, one death",
    { PRODUCERS = 2, CONSUMERS = 1, MESSAGES = 2, KILLS = 1 }),
  queue("growing and shrinking further, two deaths",
    { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 5, KILLS = 2 }),
  queue("bounded, three deaths",
    { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 3, KILLS = 3, LATE = 2, MAXSIZE = 1 }),
  queue("bounded, two producers, one death",
    { PRODUCERS = 2, CONSUMERS = 1, MESSAGES = 2, KILLS = 1, MAXSIZE = 1 }),
  queue("a consumer in a loop, two deaths",
    { PRODUCERS = 1, CONSUMERS = 1, WATCHERS = 1, MESSAGES = 2, KILLS = 2 }),
  queue("two consumers in loops, one death",
    { PRODUCERS = 1, CONSUMERS = 0, WATCHERS = 2, MESSAGES = 2, KILLS = 1 }),
  queue("shutdown, two deaths",
    { PRODUCERS = 1, CONSUMERS = 1, SHUTTERS = 1, MESSAGES = 2, KILLS = 2, MAXSIZE = 1 }),
  queue("two shut it down, one death",
    { PRODUCERS = 1, CONSUMERS = 1, SHUTTERS = 2, MESSAGES = 2, KILLS = 1, MAXSIZE = 1 }),
  queue("joined, two deaths",
    { PRODUCERS = 1, CONSUMERS = 1, JOINERS = 1, MESSAGES = 2, KILLS = 2 }),
  { model = "cursor", what = "two movers, two deaths", size = { KILLS = 2 } },
  { model = "mutex", what = "three takers, two deaths", size = { KILLS = 2 } },
  { model = "mutex", what = "three takers, waits that end", size = { KILLS = 1, LATE = 2 } },
}

runs.more = {
  queue("three consumers, three deaths",
    { PRODUCERS = 1, CONSUMERS = 3, MESSAGES = 2, KILLS = 3 }),
}

local function spoilt(what, size, ...)
  return { model = "queue", what = what, size = size, changes = { ... } }
end

local PAIR <const> = { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 2, KILLS = 1 }
local FOUR <const> = { PRODUCERS = 2, CONSUMERS = 2, MESSAGES = 1, KILLS = 1 }
local SHUT <const> = { PRODUCERS = 1, CONSUMERS = 1, SHUTTERS = 1, MESSAGES = 2, KILLS = 1,
  MAXSIZE = 1 }

runs.mutants = {
  spoilt("rung after the message is there", PAIR,
    "ring(items_awaited, items_bell); point(put_rung);\n", "",
    "point(put_committed)\n",
    "point(put_committed); ring(items_awaited, items_bell); point(put_rung)\n"),
  spoilt("rung after there is room",
    { PRODUCERS = 1, CONSUMERS = 2, MESSAGES = 3, KILLS = 1, MAXSIZE = 1 },
    "ring(room_awaited, room_bell); point(get_rung);\n", "",
    "point(get_committed)\n",
    "point(get_committed); ring(room_awaited, room_bell); point(get_rung)\n"),
  spoilt("noted before it is rung",
    { PRODUCERS = 2, CONSUMERS = 1, MESSAGES = 1, KILLS = 1 },
    "bell = true; point(sound_rung); \\\n  awaited = false;",
    "awaited = false; point(sound_rung); \\\n  bell = true;"),
  spoilt("silenced before it is noted", FOUR,
    "awaited = true; point(await_noted); \\\n  bell = false;",
    "bell = false; point(await_noted); \\\n  awaited = true;"),
  spoilt("to sleep without a second look", PAIR,
    ":: may_get -> unlock(put_mutex)\n", ":: false -> unlock(put_mutex)\n"),
  spoilt("a cursor that is kept once, moved before its message",
    { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 1, KILLS = 1 },
    "copy[1 - moves] = to", "copy[moves] = to", "moves = 1 - moves", "skip"),
  spoilt("the capacity known before the bytes have moved",
    { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 4, KILLS = 1 },
    "  first = GET;\n", "  first = GET; old = capacity; capacity = size;\n",
    "byte put, got_seen,", "byte old, put, got_seen,",
    "first % size != first % capacity", "first % size != first % old",
    "cell[first % capacity]", "cell[first % old]"),
  spoilt("shrunk with too much in it",
    { PRODUCERS = 1, CONSUMERS = 1, MESSAGES = 4, KILLS = 0 },
    "size > FIRST && put - got_seen + 1 <= size / 2", "size > FIRST && put > got_seen + 1"),
  spoilt("shut without the get mutex", SHUT,
    "lock(get_mutex); point(shut_locked);", "point(shut_locked);",
    "shut = true; point(shut_set);\n  unlock(get_mutex);", "shut = true; point(shut_set);"),
  spoilt("shut before the bells are rung", SHUT,
    "point(shut_locked);", "shut = true; point(shut_locked);"),
  spoilt("a level by what was so before the mutex",
    { PRODUCERS = 1, CONSUMERS = 0, WATCHERS = 1, MESSAGES = 2, KILLS = 0 },
    "lock(put_mutex); point(level_locked); \\",
    "all = may_get; lock(put_mutex); point(level_locked); \\",
    ":: may_get -> sound(items_awaited, items_bell)",
    ":: all -> sound(items_awaited, items_bell)"),
  spoilt("the last one done and not rung for",
    { PRODUCERS = 1, CONSUMERS = 1, JOINERS = 1, MESSAGES = 2, KILLS = 0 },
    ":: all -> ring(done_awaited, done_bell)", ":: all -> true"),
  { model = "cursor", what = "seen without a second look", size = { KILLS = 0 },
    changes = { ":: moves == before -> break", ":: true -> break" } },
  { model = "cursor", what = "kept once", size = { KILLS = 1 },
    changes = { "idle = 1 - moves % 2", "idle = moves % 2" } },
  { model = "mutex", what = "who sleeps does so for ever", size = { KILLS = 1 },
    changes = { ":: atomic { timeout -> sleeping-- } /* of the slice */", "" } },
  { model = "mutex", what = "the kernel forgets what was pending", size = { KILLS = 1 },
    changes = { "(mine || pending) && holder == me", "mine && holder == me" } },
  { model = "mutex", what = "one who was woken forgets the others", size = { KILLS = 0 },
    changes = { "seen_waiters = true /* others may sleep on */", "true",
      ":: atomic { timeout -> sleeping-- } /* of the slice */", "" } },
}

return runs
