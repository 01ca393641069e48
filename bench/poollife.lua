-- SPDX-License-Identifier: MIT
-- Workers of a pool: killed and replaced, idle, many; and many tasks.

local billiard = require "billiard"
local floor = require "floor"
local floor_pool = require "floor_pool"
local measure = require "bench.measure"

local ROUNDS <const> = 25
local FEW <const> = 10000
local MANY <const> = tonumber(os.getenv "TASKS") or 300000
local IDLE_WORKERS <const>, IDLE_SECONDS <const> = 64, 2

local function square(x) return x * x end
local function sleep(seconds) return require "billiard".sleep(seconds) end

-- ---- killed ----

-- Kills one that runs a task; seconds until the task's result is there, and
-- until another worker is.
local function kill_one(pool, ups)
   local before, r = ups.n, assert(pool:apply_async(sleep, { 60 }))
   while not r:accepted() do pool:poll(0.001) end
   billiard.sleep(0.002) -- it sleeps
   local pid, start = r:worker_pid(), billiard.now()
   floor_pool.kill(pid)
   local value = r:get()
   local resolved = billiard.now() - start
   while ups.n == before do pool:poll(1) end
   assert(value == nil and r:successful() == false)
   return resolved, ups.at - start
end

local function killed(method)
   local ups = { n = 0 }
   local pool <close> = assert(billiard.Pool { processes = 2,
      start_method = method, max_restarts = 10 * ROUNDS,
      on_process_up = function() ups.n, ups.at = ups.n + 1, billiard.now() end })
   while ups.n < 2 do pool:poll(1) end
   local resolved, replaced, bare = {}, {}, {}
   for i = 1, ROUNDS do
      resolved[i], replaced[i] = kill_one(pool, ups)
      bare[i] = floor.death()
   end
   return measure.median(resolved), measure.median(replaced),
      measure.median(bare)
end

-- It ends its session: its pool would outlive it, or take a minute to end.
local function python()
   local seconds = measure.peer { "/bin/sh", "-c", [[setsid --wait \
      /usr/bin/python3 bench/peers/pool.py billiard killed 1; exit 0]] }
   return seconds and seconds * 1e3
end

local function deaths()
   for _, method in ipairs { "fork", "forkserver" } do
      local resolved, replaced, bare = killed(method)
      measure.line { name = "killed: result, " .. method, unit = "ms",
         value = resolved * 1e3, floor = bare * 1e3,
         peer = method == "fork" and python() or nil, goal = { value = 10 } }
      measure.line { name = "killed: replaced, " .. method, unit = "ms",
         value = replaced * 1e3, goal = { value = 20 } }
   end
end

-- ---- many tasks ----

local function wait_for(event) return event:wait() end

-- Seconds and bytes of the owner for one of n tasks, all of them queued
-- before a worker starts the first.
local function queued(n)
   local pool <close> = assert(billiard.Pool(2))
   local gate = assert(billiard.Event())
   for _ = 1, 2 do assert(pool:apply_async(wait_for, { gate })) end
   collectgarbage()
   local results, before, start = table.pack(), floor_pool.rss(), billiard.now()
   for i = 1, n do results[i] = pool:apply_async(square, { i }) end
   local bytes, submitted = floor_pool.rss() - before, billiard.now()
   gate:set()
   for i = 1, n do assert(results[i]:get() == i * i) end
   local all = billiard.now() - start
   return all / n, bytes / n, (submitted - start) / n
end

-- In a process of its own: what one has used the next would be given.
local function alone(n)
   local here, there = billiard.Pipe()
   local p = assert(billiard.Process { target = function(connection)
      connection:send { queued(n) }
   end, args = { there } }:start())
   local figures = assert(here:recv())
   p:join()
   here:close()
   there:close()
   return table.unpack(figures)
end

local function many_tasks()
   local seconds, bytes = { {}, {} }, { {}, {} }
   for round = 1, 3 do
      for i, n in ipairs { FEW, MANY } do
         seconds[i][round], bytes[i][round] = alone(n)
      end
   end
   local name = ("%d queued / %d, "):format(MANY, FEW)
   measure.seconds { name = name .. "a task", goal = { floor = 1.3 },
      value = measure.median(seconds[2]), floor = measure.median(seconds[1]) }
   measure.line { name = name .. "each", goal = { floor = 1.3 }, unit = "B",
      value = measure.median(bytes[2]), floor = measure.median(bytes[1]) }
end

-- ---- many workers ----

-- Seconds for one of n workers, from the pool's creation to its end.
local function workers(n)
   return function()
      return measure.time(function()
         local ups = 0
         local pool <close> = assert(billiard.Pool { processes = n,
            on_process_up = function() ups = ups + 1 end })
         while ups < n do pool:poll(1) end
      end) / n
   end
end

-- Seconds for a task of a pool of n workers.
local function tasks(n)
   local pool = assert(billiard.Pool(n))
   return function()
      return measure.time(function()
         local results = {}
         for i = 1, FEW do results[i] = pool:apply_async(square, { i }) end
         for i = 1, FEW do assert(results[i]:get()) end
      end) / FEW
   end, pool
end

local function many_workers()
   local few, many = measure.interleave(5, workers(10), workers(100))
   measure.seconds { name = "start + end of one of 100 / of 10",
      value = many, floor = few, goal = { floor = 1.3 } }
   local ten, pool <close> = tasks(10)
   local hundred, other <close> = tasks(100)
   local of_ten, of_hundred = measure.interleave(5, ten, hundred)
   measure.seconds { name = "a task, 100 workers / 10",
      value = of_hundred, floor = of_ten, goal = { floor = 1.3 } }
   return pool, other
end

-- What a pool of which nothing is wanted costs: milliseconds of CPU in the
-- owner, and how often its workers woke.
local function idle()
   local pool <close> = assert(billiard.Pool(IDLE_WORKERS))
   while pool:stats().up < IDLE_WORKERS do pool:poll(1) end
   assert(pool:map(square, { 1, 2, 3 }))
   while pool:poll(0.2) do end
   local pids = {}
   for i, row in ipairs(pool:workers()) do pids[i] = row.pid end
   local woken = floor_pool.woken(pids)
   local cpu, deadline = os.clock(), billiard.now() + IDLE_SECONDS
   while billiard.now() < deadline do pool:poll(deadline - billiard.now()) end
   cpu = os.clock() - cpu
   measure.line { name = "64 idle: CPU of the owner in 2 s", unit = "ms",
      value = cpu * 1e3, goal = { value = 1 } }
   measure.line { name = "64 idle: they woke in 2 s", unit = "times",
      value = floor_pool.woken(pids) - woken, goal = { value = 0 } }
end

deaths()
many_tasks()
many_workers()
idle()
