-- SPDX-License-Identifier: MIT
--- Shared memory: formats of string.pack in it.
-- @module billiard.shared

local core = require "billiard.core"

local SharedMemory = core.methods.SharedMemory

-- Calls f for the method `what`; what it raises has that name, and the position
-- of who called our caller.
local function call(what, f, ...)
   local results = table.pack(pcall(f, ...))
   if not results[1] then
      local problem = results[2]
      if type(problem) == "string" then
         problem = problem:gsub("^%l+: ", what .. ": "):gsub("to '%?'", "to '" .. what .. "'")
      end
      error(problem, 3)
   end
   return table.unpack(results, 2, results.n)
end

--- Writes values there as string.pack has them; the position behind them.
function SharedMemory:pack(pos, format, ...)
   local bytes = call("pack", string.pack, format, ...)
   return (call("pack", self.write, self, pos, bytes))
end

--- The values there, and the position behind them.
function SharedMemory:unpack(pos, format)
   local fixed, n = pcall(string.packsize, format)
   if not fixed then -- it may need all there are
      call("unpack", self.read, self, pos, 0)
      n = #self - pos + 1
   end
   local bytes = call("unpack", self.read, self, pos, n)
   local values = table.pack(call("unpack", string.unpack, format, bytes))
   values[values.n] = values[values.n] + pos - 1
   return table.unpack(values, 1, values.n)
end

return {
   SharedMemory = core.SharedMemory,
   Value = core.Value,
   Array = core.Array,
}
