-- SPDX-License-Identifier: MIT
-- One that is ready, among few and among thousands.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local FEW <const>, MANY <const> = 10, 9000
local ROUNDS <const>, CALLS <const> = 200, 100

-- n descriptors, of which the last is ready; what waits for them, ours and the
-- kernel's alone.
local function set_of(n)
   local set = { poller = assert(billiard.Poller()), fds = {} }
   for i = 1, n do
      set.fds[i] = floor.event(i == n)
      assert(set.poller:add(set.fds[i]))
   end
   set.epoll = floor.epoll(set.fds)
   return set
end

local function drop(set)
   set.poller:close()
   floor.close(set.epoll)
   for _, fd in ipairs(set.fds) do
      floor.close(fd)
   end
end

local function ours(set)
   local poller = set.poller
   return function()
      return measure.time(function()
         for _ = 1, CALLS do poller:wait() end
      end) / CALLS
   end
end

local function bare(set)
   local epoll = set.epoll
   return function()
      local seconds = 0
      for _ = 1, CALLS do seconds = seconds + floor.epoll_wait(epoll) end
      return seconds / CALLS
   end
end

local function one_ready()
   local few, many = set_of(FEW), set_of(MANY)
   assert(#few.poller:wait() == 1 and #many.poller:wait() == 1)
   local our_few, our_many, bare_few, bare_many = measure.interleave(ROUNDS,
      ours(few), ours(many), bare(few), bare(many))
   measure.seconds { name = "Poller.wait, 1 ready of 10", value = our_few,
      floor = bare_few }
   measure.seconds { name = "Poller.wait, 1 ready of 9000", value = our_many,
      floor = bare_many }
   measure.line { name = "Poller.wait at 9000 / at 10", unit = "x",
      value = our_many / our_few, floor = bare_many / bare_few,
      goal = { value = 2 } }
   drop(few)
   drop(many)
end

if floor.descriptors() > MANY + 100 then
   one_ready()
else
   print(("# Poller.wait: skipped, fewer than %d descriptors"):format(MANY))
end
