-- SPDX-License-Identifier: MIT
--- A search in all files of a tree, by as many processes as there are
-- processors; what they find comes out in the order of the files, as if one
-- had looked.
--    billiard fanout.lua [word] [folder]

local billiard = require "billiard"
local topology = billiard.topology

local word = arg and arg[1] or "warranty"
local folder = arg and arg[2] or "/usr/share/common-licenses"

local function files()
   local found = assert(billiard.run { "find", folder, "-type", "f" })
   local list = {}
   for path in found.stdout:gmatch "[^\n]+" do list[#list + 1] = path end
   table.sort(list)
   return list
end

local function search(path)
   local file <close>, hits, n = io.open(path), {}, 0
   for line in file and file:lines() or function() end do
      n = n + 1
      if line:lower():find(word, 1, true) then
         hits[#hits + 1] = ("%s:%d:%s"):format(path, n, line)
      end
   end
   return hits
end

local searchers <close> = topology.fanout { name = "search", ordered = true,
   n = billiard.usable_cpu_count(), target = search,
   source = function() return coroutine.wrap(function()
      for _, path in ipairs(files()) do coroutine.yield(path) end
   end) end }
assert(searchers:start())

local together, alone = {}, {}
for hits in searchers:results() do table.move(hits, 1, #hits, #together + 1, together) end
for _, path in ipairs(files()) do
   local hits = search(path)
   table.move(hits, 1, #hits, #alone + 1, alone)
end
for i = 1, math.min(3, #together) do print(together[i]) end
print(("%d lines with %q, the same as one process finds"):format(#together, word))
assert(table.concat(together, "\n") == table.concat(alone, "\n"))
