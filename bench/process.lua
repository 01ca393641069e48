-- SPDX-License-Identifier: MIT
-- Start, join and what an idle child costs.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS <const> = 1500
local PEER_ROUNDS <const> = 3

local function nothing() end

local function start_join(daemon)
   local p = billiard.Process { target = nothing, daemon = daemon }
   assert(p:start())
   assert(p:join())
end

local function fork_round() return measure.time(start_join) end
local function daemon_round() return measure.time(start_join, true) end

-- ---- one process ----

local function against_the_floor()
   local fork, daemon, bare = measure.interleave(ROUNDS, fork_round,
      daemon_round, floor.fork)
   measure.seconds { name = "start+join fork", value = fork, floor = bare,
      goal = { floor = 1.5 } }
   measure.seconds { name = "start+join fork, daemonic", value = daemon,
      floor = bare, goal = { floor = 1.7 } }
end

local function against(module, times)
   local ours, theirs = {}, {}
   for i = 1, PEER_ROUNDS do
      ours[i] = measure.interleave(ROUNDS // 10, fork_round)
      theirs[i] = measure.peer { "/usr/bin/python3", "bench/peers/start.py",
         module }
   end
   measure.seconds { name = "start+join fork / " .. module,
      value = measure.median(ours),
      peer = #theirs > 0 and measure.median(theirs) or nil,
      goal = { peer = times } }
end

-- Writes when it died, and dies.
local function dying()
   billiard.sleep(0.002) -- until the parent waits
   io.write(("%.9f"):format(billiard.now()))
   io.flush()
end

local function death_round()
   local p = billiard.Process { target = dying, stdout = "pipe" }
   assert(p:start())
   assert(p:join())
   local seen = billiard.now()
   local died = tonumber(p.stdout:read "a")
   p:close()
   return seen - died
end

local function death()
   local ours, bare = measure.interleave(ROUNDS // 10, death_round, floor.death)
   measure.line { name = "death to join", unit = "ms", value = ours * 1e3,
      floor = bare * 1e3, goal = { value = 1 } }
end

-- ---- a thousand processes ----

local MANY <const>, BATCH <const>, SAMPLE <const> = 1000, 10, 10

local function idle() billiard.sleep(600) end

local ours = {
   hold = function()
      local p = billiard.Process { target = idle }
      return assert(p:start())
   end,
   drop = function(p)
      p:kill()
      p:join()
   end,
}

local function per_process(batches, first)
   return measure.median(table.move(batches, first, first + SAMPLE - 1, 1, {}))
      / BATCH
end

-- Starts MANY children a batch at a time, then ends them likewise. Returns
-- seconds per process: start among few, among many, end among few, among many.
local function crowd(kind)
   local children, starts, ends = {}, {}, {}
   for b = 1, MANY // BATCH do
      starts[b] = measure.time(function()
         for _ = 1, BATCH do children[#children + 1] = kind.hold() end
      end)
      billiard.sleep(0.003) -- what the batch has left to do is no part of it
   end
   for b = 1, MANY // BATCH do
      ends[b] = measure.time(function()
         for _ = 1, BATCH do kind.drop(table.remove(children)) end
      end)
   end
   local last = MANY // BATCH - SAMPLE + 1
   return { per_process(starts, 1), per_process(starts, last),
      per_process(ends, last), per_process(ends, 1) }
end

local function column(rounds, i)
   local list = {}
   for r, round in ipairs(rounds) do list[r] = round[i] end
   return measure.median(list)
end

local function thousand()
   local mine, bare = {}, {}
   for round = 1, 3 do
      mine[round], bare[round] = crowd(ours), crowd(floor)
   end
   for i, what in ipairs { "start", "kill+join" } do
      local few, many = 2 * i - 1, 2 * i
      local value, least = column(mine, many), column(bare, many)
      measure.seconds { name = what .. ", one among 1000", value = value,
         floor = least }
      measure.line { name = what .. " at 1000 / at 10", unit = "x",
         value = value / column(mine, few), floor = least / column(bare, few),
         goal = { value = 1.3 } }
   end
end

-- ---- memory ----

local function private_kib()
   local p = ours.hold()
   local kib = floor.private(p.pid)
   ours.drop(p)
   return kib
end

local function bare_kib()
   local pid = floor.hold()
   local kib = floor.private(pid)
   floor.drop(pid)
   return kib
end

local function memory(name)
   collectgarbage()
   collectgarbage "stop"
   local kib, bare = measure.interleave(5, private_kib, bare_kib)
   collectgarbage "restart"
   measure.line { name = name, unit = "KiB", value = kib, floor = bare,
      goal = { value = 128 } }
end

-- Some 20 MiB of small tables.
local function large_heap()
   local before, heap = collectgarbage "count", {}
   while collectgarbage "count" - before < 20 * 1024 do
      heap[#heap + 1] = { #heap }
   end
   return heap
end

local function with_large_heap()
   local heap = large_heap()
   collectgarbage()
   local fork, bare = measure.interleave(ROUNDS // 10, fork_round, floor.fork)
   measure.seconds { name = "start+join fork, heap 20 MiB", value = fork,
      floor = bare, goal = { floor = 1.5 } }
   memory "idle child, heap 20 MiB"
   return #heap
end

against_the_floor()
against("multiprocessing", 5)
against("billiard", 10)
death()
thousand()
memory "idle child"
with_large_heap()
collectgarbage()
