-- SPDX-License-Identifier: MIT
-- Values from processes to processes, beside multiprocessing's and a pipe.

local billiard = require "billiard"
local floor = require "floor_queue"
local measure = require "bench.measure"

local ROUNDS <const>, PEER_ROUNDS <const> = 7, 3
local VALUES <const>, LARGE <const> = 400000, 2000
local MIB <const> = 1 << 20

-- n values from some processes to others; seconds for one, their start and end
-- included.
local function through(q, producers, consumers, n, value)
   local all = {}
   local function start(target)
      all[#all + 1] = assert(billiard.Process { target = target }:start())
   end
   local seconds = measure.time(function()
      for _ = 1, consumers do
         start(function()
            for _ = 1, n // consumers do q:get() end
         end)
      end
      for _ = 1, producers do
         start(function()
            for i = 1, n // producers do q:put(value or i) end
         end)
      end
      for _, p in ipairs(all) do p:join() end
   end)
   for _, p in ipairs(all) do p:close() end
   return seconds / n
end

local function of_integers(producers, consumers)
   return function()
      local q <close> = assert(billiard.Queue())
      return through(q, producers, consumers, VALUES)
   end
end

local function of_strings()
   local q <close> = assert(billiard.Queue(8))
   return through(q, 1, 1, LARGE, ("x"):rep(MIB))
end

local function multiprocessing(producers, consumers)
   local all = {}
   for i = 1, PEER_ROUNDS do
      all[i] = measure.peer { "/usr/bin/python3", "bench/peers/values.py",
         tostring(producers), tostring(consumers) }
   end
   return #all > 0 and measure.median(all) or nil
end

local function small_values()
   local one, four = measure.interleave(ROUNDS, of_integers(1, 1),
      of_integers(4, 4))
   local peer = multiprocessing(1, 1)
   measure.seconds { name = "Queue integer, 1p1c", value = one,
      peer = peer, goal = { peer = 20 } }
   measure.seconds { name = "Queue integer, 4p4c", value = four,
      peer = peer, goal = { peer = 20 } }
   measure.seconds { name = "Queue integer, both 4p4c", value = four,
      peer = multiprocessing(4, 4) }
end

local function large_values()
   local ours, bare = measure.interleave(ROUNDS, of_strings,
      function() return floor.pipe(LARGE, MIB) end)
   measure.seconds { name = "Queue 1 MiB string", value = ours, floor = bare,
      goal = { floor = 1 } }
end

-- What the kernel holds for one, but for its ring.
local function memory()
   local RING <const> = 64
   local q <close> = assert(billiard.Queue())
   measure.line { name = "Queue, empty, without its ring", unit = "KiB",
      value = floor.kib "billiard-queue" - RING, goal = { value = 64 } }
   assert(q:empty())
end

small_values()
large_values()
memory()
