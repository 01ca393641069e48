-- SPDX-License-Identifier: MIT
-- Messages between two processes, beside a socketpair's.

local billiard = require "billiard"
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS <const>, MESSAGES <const> = 9, 20000
local TEXT <const>, TEXTS <const> = ("x"):rep(64 << 10), 3000
local BULK_ROUNDS <const>, BULK_MIB <const> = 9, 64
local USED_MIB <const> = 512

-- A child that runs there(connection, n), while here(connection, n) tells the
-- seconds that count.
local function beside(there, here, n)
   local mine, yours = assert(billiard.Pipe())
   local p = billiard.Process { target = there, args = { yours, n } }
   assert(p:start())
   yours:close()
   local seconds = here(mine, n)
   mine:close()
   assert(p:join())
   return seconds
end

local function peer(kind, n)
   return measure.peer { "/usr/bin/python3", "bench/peers/pipe.py", kind,
      tostring(n) }
end

-- ---- small ones ----

local function echo(c, n)
   for _ = 1, n do c:send(c:recv()) end
end

local function ask(c, n)
   return measure.time(function()
      for i = 1, n do
         c:send(i)
         c:recv()
      end
   end) / n
end

local function ask_text(c, n)
   return measure.time(function()
      for _ = 1, n do
         c:send(TEXT)
         c:recv()
      end
   end) / n
end

local function stream(c, n)
   for i = 1, n do c:send(i) end
end

local function take(c, n)
   return measure.time(function()
      for _ = 1, n do c:recv() end
   end) / n
end

local function small()
   local ours, bare = measure.interleave(ROUNDS,
      function() return beside(echo, ask, MESSAGES) end,
      function() return floor.pingpong(MESSAGES) end)
   local theirs = peer("pingpong", MESSAGES)
   measure.seconds { name = "Pipe there and back", value = ours, floor = bare,
      peer = theirs, goal = { floor = 0.5 } }
   ours, bare = measure.interleave(ROUNDS,
      function() return beside(stream, take, MESSAGES * 5) end,
      function() return floor.oneway(MESSAGES * 5) end)
   measure.seconds { name = "Pipe one way", value = ours, floor = bare,
      peer = peer("oneway", MESSAGES * 5), goal = { peer = 5 } }
end

-- ---- between small and large ----

local function middling()
   measure.seconds { name = "Pipe there and back, 64 KiB",
      value = measure.interleave(ROUNDS,
         function() return beside(echo, ask_text, TEXTS) end),
      peer = peer("text", TEXTS), goal = { peer = 1 } }
end

-- ---- a large one ----

local function give_bulk(c, mib)
   local text = ("x"):rep(mib << 20)
   c:send "ready"
   c:recv()
   c:send(text)
end

-- It ends as a string of Lua's, which is one copy more than the floor has.
local function take_bulk(c)
   collectgarbage()
   c:recv()
   return measure.time(function()
      c:send "go"
      c:recv()
   end)
end

local function large()
   floor.use(USED_MIB)
   local ours, bare = measure.interleave(BULK_ROUNDS,
      function() return beside(give_bulk, take_bulk, BULK_MIB) end,
      function() return floor.bulk(BULK_MIB) end)
   measure.seconds { name = ("Pipe one way, %d MiB"):format(BULK_MIB),
      value = ours, floor = bare, peer = peer("bulk", BULK_MIB),
      goal = { floor = 1.2 } }
end

small()
middling()
large()
