-- SPDX-License-Identifier: MIT
--- How large is a folder? Leaves of a tree of processes each measure a share of
-- its files, those above add up what comes from below, and the root tells.
--    billiard tree.lua [folder]

local billiard = require "billiard"
local topology = billiard.topology

local LEAVES <const> = 4
local folder = arg and arg[1] or "/usr/share/common-licenses"
local found = assert(billiard.run { "find", folder, "-type", "f" }).stdout
local answer = billiard.Queue()

local function measure(up, _, i)
   local size, n = 0, 0
   for path in found:gmatch "[^\n]+" do
      n = n + 1
      local file <close> = n % LEAVES == i - 1 and io.open(path, "rb")
      if file then size = size + file:seek "end" end
   end
   up:send { size, 1 }
end

local function add_up(up, downs)
   local size, leaves = 0, 0
   for _, down in ipairs(downs) do
      local part = assert(down:recv())
      size, leaves = size + part[1], leaves + part[2]
   end
   if up then up:send { size, leaves } else answer:put { size, leaves } end
end

local function leaf(i)
   return { name = "leaf-" .. i, target = measure, args = { i }, restart = "transient" }
end

local tree <close> = topology.tree { name = "root", target = add_up, restart = "transient",
   { name = "left", target = add_up, restart = "transient", leaf(1), leaf(2) },
   { name = "right", target = add_up, restart = "transient", leaf(3), leaf(4) },
}
assert(tree:start())
local result
repeat
   assert(not tree.instance:attend(answer), "the tree gave up")
   result = answer:get(0)
until result
local size, leaves = table.unpack(result)

local wanted = 0
for bytes in assert(billiard.run { "find", folder, "-type", "f", "-printf", "%s\n" })
   .stdout:gmatch "%d+" do wanted = wanted + bytes end
print(("%d bytes in %s, measured by %d leaves"):format(size, folder, leaves))
assert(size == wanted and leaves == LEAVES)
