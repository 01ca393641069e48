-- SPDX-License-Identifier: MIT
-- Supervision: from a death to the running replacement, what a child costs to
-- start and to stop among few and many, and what a quiet tree costs.

local billiard = require "billiard"
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

local function deaths()
   local t <close> = assert(topology.supervisor { name = "s", intensity = 1000,
      { name = "a", target = ready, ready = true } }:start())
   local list = {}
   for i = 1, ROUNDS do list[i] = replacement(t) end
   measure.line { name = "death to ready replacement, fork", unit = "ms",
      value = measure.median(list) * 1e3, goal = { value = 5 } }
end

-- ---- many ----

-- Seconds per child to start and to stop n.
local function crowd(n)
   local t = topology.group { name = "g", n = n, target = idle,
      stop = billiard.policy.stop.graceful(5) }
   local start = measure.time(function() assert(t:start()) end)
   local stop = measure.time(function() assert(t:stop()) end)
   return start / n, stop / n
end

local function crowds()
   local few = {}
   for _, n in ipairs { 10, 100, 1000 } do
      local starts, stops = {}, {}
      for round = 1, n < 1000 and 5 or 3 do
         starts[round], stops[round] = crowd(n)
      end
      for what, list in pairs { start = starts, stop = stops } do
         local value = measure.median(list)
         few[what] = few[what] or value
         measure.seconds { name = ("supervised child: %s, of %d"):format(what, n),
            value = value }
         if n == 1000 then
            measure.line { name = ("%s at 1000 / at 10"):format(what), unit = "x",
               value = value / few[what], goal = { value = 1.3 } }
         end
      end
   end
end

-- ---- nothing ----

local function quiet()
   local t <close> = assert(topology.group { name = "g", n = 1000,
      target = idle }:start())
   t:wait(0.5)
   local before = os.clock()
   t:wait(3)
   measure.line { name = "CPU of a quiet tree of 1000, 3 s", unit = "ms",
      value = (os.clock() - before) * 1e3, goal = { value = 1 } }
end

deaths()
crowds()
quiet()
