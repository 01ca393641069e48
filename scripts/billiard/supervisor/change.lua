-- SPDX-License-Identifier: MIT
--- Changes of what runs: reload, scale and roll, as calls to the machines, one
-- after the other, so that deaths meanwhile are dealt with as ever.
--
-- What did not change keeps its process. What overlaps has its successor
-- ready before it is asked to stop; the rest is stopped first, behind those
-- that depend on it. Where the new one does not come up, the old one stays, or
-- is started again.
-- @module billiard.supervisor.change

local kinds = require "billiard.policy.restart".kinds
local release = require "billiard.supervisor.driver".release
local same = require "billiard.supervisor.same"
local strategy = require "billiard.supervisor.strategy"

local change = {}

---- steps ----

local function tell(d, node, about, id)
   d:hook("report", { about = about, id = id }, node.spec.id)
end

local function note(d, node, result, about, id, reply)
   if reply.ok then
      table.insert(result[about], id)
      tell(d, node, about, id)
   else
      table.insert(result.failed, { id = id, reason = reply.reason })
   end
   return reply.ok
end

-- Those that run and depend on it, stopped last to first.
local function stop_dependents(d, node, c)
   local stopped = {}
   local list = strategy.one_for_one(node.machine.children, c)
   for i = #list, 1, -1 do
      if list[i].state ~= "stopped" and
         d:ask(node, "terminate_child", { id = list[i].id }).ok then
         table.insert(stopped, 1, list[i].id)
      end
   end
   return stopped
end

local function replace(d, node, c, spec, result)
   local id, overlap = c.id, c.spec.overlap and spec.overlap
   local was_up, old = c.state ~= "stopped", c.spec
   local waiting = overlap and {} or stop_dependents(d, node, c)
   local ok = note(d, node, result, "replaced", id, d:ask(node,
      "replace_child", { id = id, spec = spec, overlap = overlap }))
   if not ok and not overlap and was_up then
      d:ask(node, "restart_child", { id = id })
   end
   for _, each in ipairs(waiting) do d:ask(node, "restart_child", { id = each }) end
   if ok and old ~= spec then release(old) end
   return ok
end

local function remove(d, node, c, result)
   local reply = d:ask(node, "terminate_child", { id = c.id })
   d:ask(node, "delete_child", { id = c.id }) -- a temporary one is gone already
   if note(d, node, result, "removed", c.id, reply) then release(c.spec) end
end

---- reload ----

-- Supervisors whose options can be changed while their children run. A `whole`
-- is what its parts share, and is kept or replaced as one.
local function can_become(old, new)
   return old.supervisor and new.supervisor and not old.whole and not new.whole
      and same(old.share, new.share)
end

-- What a supervisor has for its children stays with it.
local function take_over(old, new)
   if new.take_over then new.take_over(old) end
   return new
end

-- The spec that the child of this name has then; nil where there is none.
local function step(d, node, spec, result)
   local c = node.machine.by_id[spec.id]
   if not c then
      return note(d, node, result, "added", spec.id,
         d:ask(node, "start_child", { id = spec.id, spec = spec })) and spec
   elseif can_become(c.spec, spec) then
      local handle = node.running[c.ref]
      local inner = handle and handle.node
      c.spec = inner and d.nodes[inner] and change.reload(d, inner, spec, result)
         or take_over(c.spec, spec)
      c.temporary = spec.restart == kinds.temporary
      return c.spec
   elseif same(c.spec.whole or c.spec, spec.whole or spec) then
      return c.spec
   end
   return replace(d, node, c, spec, result) and spec or c.spec
end

local function ids_of(children)
   local set = {}
   for _, each in ipairs(children) do set[each.id] = true end
   return set
end

-- Last to first. What start_child has added is nobody's business here.
local function remove_others(d, node, new, result)
   local wanted, had = ids_of(new.children), ids_of(node.spec.children)
   local children = node.machine.children
   for _, c in ipairs(table.move(children, 1, #children, 1, {})) do
      had[c.id] = had[c.id] and c
   end
   for i = #node.spec.children, 1, -1 do
      local id = node.spec.children[i].id
      if not wanted[id] and type(had[id]) == "table" then
         remove(d, node, had[id], result)
      end
   end
end

-- In the order of the specs, what was added by calls behind them.
local function reorder(m, specs)
   local ids, list = ids_of(specs), {}
   for _, spec in ipairs(specs) do list[#list + 1] = m.by_id[spec.id] end
   for _, c in ipairs(m.children) do
      if not ids[c.id] then list[#list + 1] = c end
   end
   m.children = list
end

--- Makes what runs under a node what `new` wants.
-- @tparam table result lists `added`, `removed`, `replaced` and `failed`, which
-- are added to
-- @treturn table the spec that the node has now
function change.reload(d, node, new, result)
   take_over(node.spec, new)
   remove_others(d, node, new, result)
   local made = {}
   for key, value in pairs(new) do made[key] = value end
   made.children = {}
   for _, spec in ipairs(new.children) do
      made.children[#made.children + 1] = step(d, node, spec, result) or nil
   end
   node.spec, node.machine.spec = made, made
   reorder(node.machine, made.children)
   return made
end

--- The same for a node below child c of the one above, which remembers it.
function change.resize(d, node, c, new, result)
   local old = node.spec
   local made = change.reload(d, node, new, result)
   if not c then return end
   c.spec = made
   local specs = node.parent.spec.children
   for i, each in ipairs(specs) do
      if each == old then specs[i] = made end
   end
end

--- Can the root become that, without stopping all?
function change.possible(d, new)
   local old = d.root.spec
   return can_become(old, new) or same(old.whole or old, new.whole or new)
end

---- roll ----

--- Replaces each child below a node by one like it, until one fails.
function change.roll(d, node, result)
   local children = node.machine.children
   for _, c in ipairs(table.move(children, 1, #children, 1, {})) do
      local handle = node.running[c.ref]
      if c.spec.supervisor and not c.spec.whole and handle then
         change.roll(d, handle.node, result)
      else
         replace(d, node, c, c.spec, result)
      end
      if result.failed[1] then return end
   end
end

---- looking ----

--- The node of the first running supervisor of that name, and the child that it
-- is for the one above, if any.
function change.find(d, name)
   local function walk(node, child)
      if node.spec.id == name then return node, child end
      for _, c in ipairs(node.machine.children) do
         local handle = node.running[c.ref]
         if handle and handle.node then
            local found, its = walk(handle.node, c)
            if found then return found, its end
         end
      end
   end
   return walk(d.root)
end

function change.new_result()
   return { added = {}, removed = {}, replaced = {}, failed = {} }
end

return change
