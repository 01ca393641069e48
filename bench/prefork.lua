-- SPDX-License-Identifier: MIT
-- A web server of two workers, under topology.prefork and by hand, and what
-- its callers see of a rolling replacement.

local billiard = require "billiard"
local core = require "billiard.core"
local measure = require "bench.measure"

local topology = billiard.topology

local REQUESTS <const>, ROUNDS <const>, WORKERS <const> = 4000, 5, 2
local SERVER <const> = { "/usr/bin/python3", "-S",
   "spec/fixtures/prefork/server.py" }

local function curl(port)
   return { "curl", "-s", "-Z", "--no-progress-meter", "--parallel-max", "8",
      "-o", "/dev/null", "-w", "%{http_code}\n",
      ("http://127.0.0.1:%d/[1-%d]"):format(port, REQUESTS) }
end

-- Seconds for one request.
local function ask(port)
   return measure.time(function()
      assert(assert(billiard.run(curl(port))).exitcode == 0)
   end) / REQUESTS
end

local function served()
   local t = topology.prefork { name = "web", n = WORKERS, ready = "systemd",
      listen = { host = "127.0.0.1", port = 0 },
      command = table.move({ "systemd" }, 1, 1, 4, table.move(SERVER, 1, 3, 1, {})) }
   return assert(t:start())
end

-- The same server on a socket of our own.
local function by_hand()
   local socket <close> = assert(core.listen("127.0.0.1", 0, 511))
   local list = {}
   for i = 1, WORKERS do
      list[i] = billiard.Process { daemon = true, stdin = socket:fileno(),
         ready = "systemd",
         command = table.move({ "0" }, 1, 1, 4, table.move(SERVER, 1, 3, 1, {})) }
      assert(list[i]:start())
      assert(list[i]:wait_ready(10))
   end
   local seconds = ask(socket:port())
   for _, p in ipairs(list) do
      p:terminate()
      p:join()
      p:close()
   end
   return seconds
end

local function ours()
   local t <close> = served()
   return ask(t:port())
end

local function speed()
   local mine, bare = measure.interleave(ROUNDS, ours, by_hand)
   measure.seconds { name = "prefork, a request", value = mine, floor = bare,
      goal = { floor = 1.1 } }
end

local function failures()
   local t <close> = served()
   local client <close> = billiard.Process { command = curl(t:port()),
      stdout = "pipe", stderr = "null" }
   assert(client:start())
   local replaced, well = 0, 0
   repeat replaced = replaced + #select(2, assert(t:roll())).replaced
   until not client:is_alive()
   for code in client.stdout:lines() do well = well + (code == "200" and 1 or 0) end
   measure.line { name = ("failed of %d, %d workers replaced"):format(REQUESTS,
      replaced), unit = "", value = REQUESTS - well, goal = { value = 0 } }
end

speed()
failures()
