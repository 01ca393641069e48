-- SPDX-License-Identifier: MIT
-- Tasks through a pool of 2 workers, beside those of Python. There is no
-- thread library for Lua 5.4 in Debian to hold it against.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS <const>, PEER_ROUNDS <const> = 9, 5
local TASKS <const>, CALLS <const> = 50000, 20000
local PEER_TASKS <const>, PEER_CALLS <const> = 20000, 3000
local ITEMS <const>, WORKERS <const> = 100000, 2
local TEN_MICROSECONDS <const> = 10e-6

local function square(x) return x * x end

-- ---- what is timed: each returns a function of no arguments: seconds ----

-- Without what was left by the time before: a peer is a new process each time.
local function cleanly(f)
   collectgarbage()
   return measure.time(f)
end

-- All of them submitted, then all of them taken.
local function each_async(pool, f, n, value)
   return function()
      return cleanly(function()
         local results = {}
         for i = 1, n do results[i] = pool:apply_async(f, { value or i }) end
         for i = 1, n do assert(results[i]:get()) end
      end) / n
   end
end

local function each_apply(pool, n)
   return function()
      return measure.time(function()
         for i = 1, n do assert(pool:apply(square, { i })) end
      end) / n
   end
end

local function list_of(n)
   local list = {}
   for i = 1, n do list[i] = i end
   return list
end

local function whole_map(pool, n)
   local list = list_of(n)
   return function()
      return cleanly(function() assert(pool:map(square, list)) end) / n
   end
end

local function python(module, what, n)
   return function()
      return measure.peer { "/usr/bin/python3", "bench/peers/pool.py", module,
         what, tostring(n) } or math.huge
   end
end

-- nil without the peer.
local function known(seconds)
   return seconds < math.huge and seconds or nil
end

-- The median of each, and of what Python takes for the same.
local function beside_python(what, ours, n)
   local one, other, fork = measure.interleave(PEER_ROUNDS, ours,
      python("multiprocessing", what, n), python("billiard", what, n))
   return one, known(other), known(fork)
end

local function line(name, value, peer, goal)
   measure.seconds { name = name, value = value, peer = peer, goal = goal }
end

-- ---- against others ----

local function tasks(pool)
   local ours, other, fork = beside_python("async",
      each_async(pool, square, TASKS), PEER_TASKS)
   line("Pool apply_async + get, x*x", ours, other, { peer = 20 })
   line("the same / billiard of Python", ours, fork, { peer = 20 })
end

local function round_trips(pool)
   local ours, bare = measure.interleave(ROUNDS, each_apply(pool, CALLS),
      function() return floor.pingpong(CALLS // 4) end)
   local theirs = measure.interleave(PEER_ROUNDS,
      python("multiprocessing", "apply", PEER_CALLS))
   measure.seconds { name = "Pool apply / socketpair, there+back",
      value = ours, floor = bare, goal = { floor = 0.5 } }
   line("Pool apply / multiprocessing", ours, known(theirs))
end

local function maps(pool)
   local ours, other, fork = beside_python("map", whole_map(pool, ITEMS),
      ITEMS)
   line("Pool map of 100 000 x*x, an item", ours, other, { peer = 2 })
   line("the same / billiard of Python", ours, fork)
end

-- What map, close and join take of a pool that is up.
local function once()
   local pool = assert(billiard.Pool(WORKERS))
   local list = list_of(1000)
   return measure.time(function()
      assert(pool:map(square, list))
      pool:close()
      assert(pool:join())
   end)
end

local function whole_life()
   local ours, theirs = measure.interleave(PEER_ROUNDS, once,
      python("multiprocessing", "join", 1000))
   measure.line { name = "Pool map + close + join", unit = "ms",
      value = ours * 1e3, peer = known(theirs) and theirs * 1e3,
      goal = { value = 50 } }
end

-- ---- limits on every task ----

local function spin(n)
   local x = 0
   for i = 1, n do x = x + i % 7 end
   return x
end

-- How many turns of its loop take ten microseconds here.
local function turns()
   local N <const> = 100000
   local seconds = measure.interleave(5, function()
      return measure.time(spin, N)
   end)
   return math.ceil(N * TEN_MICROSECONDS / seconds)
end

local function limits(pool)
   local limited <close> = assert(billiard.Pool { processes = WORKERS,
      soft_timeout = 5, timeout = 10 })
   local n = turns()
   local long, long_limited, short, short_limited = measure.interleave(ROUNDS,
      each_async(pool, spin, TASKS // 5, n),
      each_async(limited, spin, TASKS // 5, n),
      each_async(pool, square, TASKS), each_async(limited, square, TASKS))
   measure.seconds { name = "limits on 10 us / without",
      value = long_limited, floor = long, goal = { floor = 1.15 } }
   measure.seconds { name = "limits on x*x / without",
      value = short_limited, floor = short, goal = { floor = 1.5 } }
end

do
   local pool <close> = assert(billiard.Pool(WORKERS))
   tasks(pool)
   round_trips(pool)
   maps(pool)
   limits(pool)
end
whole_life()
