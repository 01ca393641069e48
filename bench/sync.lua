-- SPDX-License-Identifier: MIT
-- Locks that nobody else wants, and how long a wake-up takes.

local billiard = require "billiard"
local floor = require "floor"
local floor_lock = require "floor_lock"
local measure = require "bench.measure"

local PAIRS <const>, ROUNDS <const> = 100000, 15
local EVENTS <const> = 200 -- each is set once: clearing is no part of it

-- Seconds for one acquire + release.
local function call(lock)
   return function()
      return measure.time(function()
         for _ = 1, PAIRS do
            lock:acquire()
            lock:release()
         end
      end) / PAIRS
   end
end

local function section(lock)
   local function nothing() end
   return function()
      return measure.time(function()
         for _ = 1, PAIRS do lock:with(nothing) end
      end) / PAIRS
   end
end

-- A peer that is asked in turn with ours, since the machine changes its pace.
local function peer(class, how)
   local command = { "/usr/bin/python3", "bench/peers/lock.py", class, how }
   local known = measure.peer(command)
   return function() return known and measure.peer(command) or 0 end, known
end

-- Ours, the peer's, the same two methods around what both stand on, and around
-- nothing; the medians of the latter three are returned.
local function beside(class, how, ours, bare, goal)
   local theirs, known = peer(class, how)
   local seconds, peer_seconds, floor_seconds, empty = measure.interleave(
      ROUNDS, ours, theirs, call(bare), call(floor_lock.empty()))
   measure.seconds { goal = goal, value = seconds, floor = floor_seconds,
      name = class .. (how == "with" and " with" or " acquire + release"),
      peer = known and peer_seconds }
   return known and peer_seconds, floor_seconds, empty
end

local function locks()
   local lock <close> = assert(billiard.Lock())
   local rlock <close> = assert(billiard.RLock())
   local bounded <close> = assert(billiard.BoundedSemaphore(1))
   local semaphore <close> = assert(billiard.Semaphore(1))
   local mutex = floor_lock.mutex()
   local theirs, bare, empty = beside("Lock", "call", call(lock), mutex,
      { peer = 1.5 })
   -- what no lock can do without, measured in the same turns
   measure.seconds { name = "  a bare robust mutex, two methods", value = bare,
      floor = empty, peer = theirs }
   measure.seconds { name = "  two empty method calls", value = empty,
      peer = theirs }
   beside("Lock", "with", section(lock), mutex)
   beside("RLock", "call", call(rlock), mutex)
   beside("BoundedSemaphore", "call", call(bounded), mutex)
   beside("Semaphore", "call", call(semaphore), floor_lock.eventfd())
end

local function make_events()
   local all = {}
   for i = 0, EVENTS do all[i] = assert(billiard.Event()) end
   return all
end

-- Seconds from a set in one process to the end of the wait in the other.
local function wake_up(there, back)
   local p = billiard.Process { target = function()
      for i = 0, EVENTS do
         there[i]:wait()
         back[i]:set()
      end
   end }
   assert(p:start())
   local function round(i)
      there[i]:set()
      back[i]:wait()
   end
   round(0) -- the child is there
   local seconds = measure.time(function()
      for i = 1, EVENTS do round(i) end
   end)
   p:join()
   p:close()
   for i = 0, EVENTS do
      there[i]:clear()
      back[i]:clear()
   end
   return seconds / (2 * EVENTS)
end

-- On one processor: to wake another takes seven times as long, and where the
-- kernel puts two processes would decide which of the two is faster.
local function events()
   floor_lock.stay()
   local there, back = make_events(), make_events()
   local ours, bare = measure.interleave(ROUNDS,
      function() return wake_up(there, back) end,
      function() return floor.futex(EVENTS) end)
   measure.seconds { name = "Event set to wake-up", value = ours,
      floor = bare, goal = { floor = 1.3 } }
end

locks()
events()
