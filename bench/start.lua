-- SPDX-License-Identifier: MIT
-- Starts by the fork server and as new programs: from a small process, and
-- from one with much memory of its own, whose forks are dear.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS <const> = 800
local HEAP <const> = 256 << 20 -- bytes, all of them written to
local PEER_ROUNDS <const> = 3

local function nothing() end

local function start_join(method)
   local p = billiard.Process { target = nothing, start_method = method }
   assert(p:start())
   assert(p:join())
end

local function round_of(method)
   return function() return measure.time(start_join, method) end
end

local forkserver, spawn = round_of "forkserver", round_of "spawn"

-- ---- a process with much memory of its own ----

local function by_request(connection)
   local rounds = {
      forkserver = function()
         local p = billiard.Process { target = nothing,
            start_method = "forkserver" }
         return p:start() and p:join()
      end,
      fork = function() return floor.fork() or true end,
   }
   local heap = ("x"):rep(HEAP)
   for what in function() return (connection:recv()) end do
      local start = billiard.now()
      assert(rounds[what]())
      connection:send(billiard.now() - start)
   end
   return #heap
end

-- Returns it, and a function that has it do a round and tells how long that
-- took.
local function large()
   local here, there = billiard.Pipe()
   local p = assert(billiard.Process { target = by_request, args = { there },
      start_method = "spawn" }:start())
   there:close()
   return { close = function()
      here:close()
      p:join()
   end }, function(what)
      return function()
         assert(here:send(what))
         return assert(here:recv())
      end
   end
end

local function against_the_floor()
   local giant, of = large()
   local small, ours, bare = measure.interleave(ROUNDS, forkserver,
      of "forkserver", floor.fork)
   local dear = measure.interleave(ROUNDS // 40, of "fork")
   giant.close()
   measure.seconds { name = "start+join forkserver", value = small,
      floor = bare, goal = { floor = 2 } }
   measure.seconds { name = "the same, 256 MiB dirty", value = ours,
      floor = bare, goal = { floor = 2 } }
   measure.seconds { name = "the same / a bare fork from there", value = ours,
      peer = dear, goal = { peer = 20 } }
end

local function against_python()
   local ours, theirs = {}, {}
   for i = 1, PEER_ROUNDS do
      ours[i] = measure.interleave(ROUNDS // 20, spawn)
      theirs[i] = measure.peer { "/usr/bin/python3", "bench/peers/start.py",
         "multiprocessing", "spawn" }
   end
   measure.seconds { name = "start+join spawn / multiprocessing",
      value = measure.median(ours),
      peer = #theirs > 0 and measure.median(theirs) or nil,
      goal = { peer = 5 } }
end

against_the_floor()
against_python()
