-- SPDX-License-Identifier: MIT
-- Supervision: from a death to the running replacement, what a child costs to
-- start and to stop among few and many, beside what it costs by hand (which
-- grows with their number too), and what a quiet tree costs.

local billiard = require "billiard"
local floor_lock = require "floor_lock"
local measure = require "bench.measure"

local topology = billiard.topology

local ROUNDS <const> = 100

local function idle() billiard.sleep(600) end
local function ready() billiard.ready() billiard.sleep(600) end

-- ---- a death ----

local function replacement(t)
   local before = t:status().children[1].pid
   local start = billiard.now()
   os.execute("kill -KILL " .. before)
   local killed = billiard.now()
   repeat
      t:wait(0)
      local row = t:status().children[1]
   until row.state == "running" and row.pid ~= before
   return billiard.now() - (start + killed) / 2
end

local function deaths(method)
   local t <close> = assert(topology.supervisor { name = "s", intensity = 1000,
      { name = "a", target = ready, ready = true, start_method = method } }:start())
   local list = {}
   for i = 1, ROUNDS do list[i] = replacement(t) end
   measure.line { name = "death to ready replacement, " .. method, unit = "ms",
      value = measure.median(list) * 1e3, goal = { value = 5 } }
end

-- ---- many ----

-- Seconds per child to start and to stop n, supervised.
local function crowd(n)
   local t = topology.group { name = "g", n = n, target = idle }
   local start = measure.time(function() assert(t:start()) end)
   local stop = measure.time(function() assert(t:stop()) end)
   return start / n, stop / n
end

-- The same by hand: what the processes themselves cost.
local function by_hand(n)
   local list = {}
   local start = measure.time(function()
      for i = 1, n do
         list[i] = billiard.Process { target = idle, daemon = true,
            pgroup = true }
         assert(list[i]:start())
      end
   end)
   local stop = measure.time(function()
      for i = n, 1, -1 do
         list[i]:terminate()
         list[i]:join()
         list[i]:close()
      end
   end)
   return start / n, stop / n
end

-- Medians of start and stop, supervised and by hand.
local function figures(n)
   local lists = { {}, {}, {}, {} }
   for round = 1, n < 1000 and 20 or 3 do
      lists[1][round], lists[2][round] = crowd(n)
      lists[3][round], lists[4][round] = by_hand(n)
   end
   for i, list in ipairs(lists) do lists[i] = measure.median(list) end
   return lists
end

local function crowds()
   local few
   for _, n in ipairs { 10, 100, 1000 } do
      local now = figures(n)
      few = few or now
      for i, what in ipairs { "start", "stop" } do
         measure.seconds { name = ("supervised child: %s, of %d"):format(what, n),
            value = now[i], floor = now[i + 2] }
         if n == 1000 then
            measure.line { name = ("%s at 1000 / at 10"):format(what),
               unit = "x", value = now[i] / few[i],
               floor = now[i + 2] / few[i + 2], goal = { floor = 1.3 } }
         end
      end
   end
end

-- ---- memory ----

-- What this interpreter and its process hold more for each child of a group.
local function memory()
   local MANY <const> = 1000
   local function held()
      collectgarbage()
      collectgarbage()
      local file <close> = assert(io.open "/proc/self/statm")
      local _, resident = file:read("n", "n")
      return collectgarbage "count", resident * 4
   end
   local lua, all = held()
   local t = assert(topology.group { name = "g", n = MANY,
      target = idle }:start())
   local lua_after, all_after = held()
   t:stop()
   measure.line { name = "memory per supervised child", unit = "KiB",
      value = (all_after - all) / MANY, goal = { value = 8 } }
   measure.line { name = "memory per supervised child, Lua's", unit = "KiB",
      value = (lua_after - lua) / MANY }
end

-- ---- a pipeline ----

local ITEMS <const>, MAXSIZE <const> = 50000, 64

local function numbers()
   local i = 0
   return function()
      i = i + 1
      return i <= ITEMS and i or nil
   end
end

local function same(x) return x end

-- Seconds per item of three stages, from the first result to the last.
local function pipeline()
   local t <close> = assert(topology.pipeline { name = "p", source = numbers,
      maxsize = MAXSIZE, { name = "a", target = same },
      { name = "b", target = same }, { name = "c", target = same } }:start())
   local results = t:results()
   results()
   return measure.time(function() for _ in results do end end) / ITEMS
end

-- The same items through one such queue.
local function hand_over()
   local q <close> = assert(billiard.Queue(MAXSIZE))
   local p <close> = billiard.Process { daemon = true, target = function()
      for i in numbers() do q:put(i) end
      q:put(false)
   end }
   assert(p:start())
   q:get()
   return measure.time(function() while q:get() do end end) / ITEMS
end

-- On one processor: the pipeline's five processes, which hand each item over
-- four times, share what there are, too.
local function hand_over_alone()
   local p <close> = billiard.Process { target = function()
      floor_lock.stay()
      return hand_over()
   end }
   assert(p:start())
   return assert(p:result())
end

local function pipelines()
   local ours, one = measure.interleave(5, pipeline, hand_over_alone)
   measure.seconds { name = "pipeline of 3 stages, an item", value = ours,
      floor = one, goal = { floor = 3 } }
end

-- ---- nothing ----

local function quiet()
   local t <close> = assert(topology.group { name = "g", n = 1000,
      target = idle }:start())
   t:wait(0.5)
   collectgarbage() -- of what those before it left
   local before = os.clock()
   t:wait(3)
   measure.line { name = "CPU of a quiet tree of 1000, 3 s", unit = "ms",
      value = (os.clock() - before) * 1e3, goal = { value = 1 } }
end

deaths "fork"
deaths "forkserver"
memory()
pipelines()
crowds()
quiet()
