-- SPDX-License-Identifier: MIT
--- Do two values, most of all checked specs, mean the same? Tables by what is
-- in them, functions by their code and upvalues, everything else by itself.
-- @module billiard.supervisor.same

local code = require "billiard.supervisor.code"

local same

local function same_upvalues(a, b, seen)
   local i = 1
   while true do
      local name, mine = debug.getupvalue(a, i)
      local other, its = debug.getupvalue(b, i)
      if not name or not other then return name == other end
      if not same(mine, its, seen) then return false end
      i = i + 1
   end
end

local function same_fields(a, b, seen)
   for key, value in next, a do
      if not same(value, rawget(b, key), seen) then return false end
   end
   for key in next, b do
      if rawget(a, key) == nil then return false end
   end
   return same(getmetatable(a), getmetatable(b), seen)
end

local compare = { table = same_fields }

compare["function"] = function(a, b, seen)
   local text = code(a)
   return text ~= nil and text == code(b) and same_upvalues(a, b, seen)
end

-- seen: what is being compared further up is taken for the same.
function same(a, b, seen)
   if rawequal(a, b) then return true end
   local further = compare[type(a)]
   if type(a) ~= type(b) or not further then return false end
   if seen[a] == b then return true end
   seen[a] = b
   return further(a, b, seen)
end

return function(a, b) return same(a, b, {}) end
