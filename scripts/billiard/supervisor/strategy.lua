-- SPDX-License-Identifier: MIT
--- Whom the restart of one child takes down, and whom it starts.
--
-- Each function returns two lists in the order of starts. Whatever the
-- strategy, children that depend on one that is started again are started
-- again behind it.
-- @module billiard.supervisor.strategy

local strategy = {}

local function from(children, first)
   return table.move(children, first, #children, 1, {})
end

-- Temporary children are stopped with their group, and are not started.
local function lasting(list, except)
   local kept = {}
   for _, c in ipairs(list) do
      if c == except or not c.temporary then kept[#kept + 1] = c end
   end
   return kept
end

local function place_of(children, c)
   for i, each in ipairs(children) do
      if each == c then return i end
   end
end

local function depends_on_any(c, ids)
   for _, id in ipairs(c.spec.depends_on or {}) do
      if ids[id] then return true end
   end
   return false
end

-- Those that depend on c, directly or by another: they come later in the order.
local function dependents(children, c)
   local ids, list = { [c.id] = true }, {}
   for _, each in ipairs(children) do
      if depends_on_any(each, ids) then
         ids[each.id], list[#list + 1] = true, each
      end
   end
   return list
end

function strategy.one_for_one(children, c)
   local list = dependents(children, c)
   local start = lasting(list)
   table.insert(start, 1, c)
   return list, start
end

function strategy.one_for_all(children)
   return from(children, 1), lasting(children)
end

function strategy.rest_for_one(children, c)
   local rest = from(children, place_of(children, c))
   return rest, lasting(rest)
end

return strategy
