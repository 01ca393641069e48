-- SPDX-License-Identifier: MIT
--- Counts the words of the licence texts as a topology: workers that each
-- count a share, one of which crashes at first, and one that sums up.
--    billiard run scripts/examples/wordcount_topology.lua
-- A worker's table comes through a named pipe, which outlives the worker: a
-- table that breaks off is thrown away, the next start of the worker sends
-- it again.

local billiard = require "billiard"
local topology, policy = billiard.topology, billiard.policy

local WORKERS <const> = 3
local found = assert(billiard.run { "find", "/usr/share/common-licenses", "-type", "f" })
local folder = assert(billiard.run { "mktemp", "-d" }).stdout:match "[^\n]+"
local function pipe(i) return ("%s/%d"):format(folder, i) end
for i = 1, WORKERS do assert(billiard.run { "mkfifo", pipe(i) }) end

local main <const> = billiard.current_process().pid
billiard.at_exit(function()
   if billiard.current_process().pid == main then billiard.run { "rm", "-r", folder } end
end)

local function count(i)
   local counts, n = {}, 0
   for path in found.stdout:gmatch "[^\n]+" do
      n = n + 1
      local file <close> = n % WORKERS == i - 1 and io.open(path)
      for word in (file and file:read "a" or ""):lower():gmatch "%a+" do
         counts[word] = (counts[word] or 0) + 1
      end
   end
   local out <close> = assert(io.open(pipe(i), "w"))
   out:write "\nBEGIN\n"
   for word, times in pairs(counts) do out:write(word, " ", times, "\n") end
   local crashed = io.open(folder .. "/crashed")
   if i == 1 and not crashed then -- once, within its table
      assert(io.open(folder .. "/crashed", "w")):close()
      error("a worker's bad day", 0)
   end
   out:write "END\n"
end

-- The whole table of worker i, however many starts it takes. "r+": the pipe
-- has no end while this process holds both of its ends.
local function take(i)
   local from <close> = assert(io.open(pipe(i), "r+"))
   local counts
   for line in from:lines() do
      if line == "END" then return counts end
      local word, times = line:match "^(%a+) (%d+)$"
      if line == "BEGIN" then counts = {}
      elseif word then counts[word] = math.tointeger(times) end
   end
end

local function sum_up()
   local totals, words = {}, {}
   for i = 1, WORKERS do
      for word, times in pairs(take(i)) do
         totals[word] = (totals[word] or 0) + times
      end
   end
   for word in pairs(totals) do words[#words + 1] = word end
   table.sort(words, function(a, b) return totals[a] > totals[b] end)
   for i = 1, math.min(5, #words) do
      print(("%7d %s"):format(totals[words[i]], words[i]))
   end
end

return topology.supervisor {
   name = "wordcount", intensity = 3, period = 10, auto_shutdown = "any_significant",
   topology.group { name = "count", n = WORKERS, target = count, restart = "transient",
      stop = policy.stop.graceful(1), intensity = 3 },
   { name = "sum", target = sum_up, restart = "transient", significant = true },
}
