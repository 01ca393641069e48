-- SPDX-License-Identifier: MIT
--- Shared memory: formats of string.pack in it.
-- @module billiard.shared

local core = require "billiard.core"

local SharedMemory = core.methods.SharedMemory

-- Calls f; what it raises has the position of who called our caller.
local function call(f, ...)
   local results = table.pack(pcall(f, ...))
   if not results[1] then
      error(results[2], 3)
   end
   return table.unpack(results, 2, results.n)
end

--- Writes values there as string.pack has them; the position behind them.
function SharedMemory:pack(pos, format, ...)
   local bytes = call(string.pack, format, ...)
   return (call(self.write, self, pos, bytes))
end

-- How many bytes a format needs; those that vary may need all there are.
local function size_of(memory, pos, format)
   local fixed, n = pcall(string.packsize, format)
   return fixed and n or math.max(0, #memory - pos + 1)
end

--- The values there, and the position behind them.
function SharedMemory:unpack(pos, format)
   local n = call(size_of, self, pos, format)
   local bytes = call(self.read, self, pos, n)
   local values = table.pack(call(string.unpack, format, bytes))
   values[values.n] = values[values.n] + pos - 1
   return table.unpack(values, 1, values.n)
end

return {
   SharedMemory = core.SharedMemory,
   Value = core.Value,
   Array = core.Array,
}
