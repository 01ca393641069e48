-- SPDX-License-Identifier: MIT
--- Processes that talk with their neighbours: ring and tree. The connections
-- belong to the supervisor, which hands them to each successor.
-- @module billiard.topology.mesh

local core = require "billiard.core"
local spec = require "billiard.supervisor.spec"
local value = require "billiard.topology.value"

local mesh = {}

local function pipe(duplex)
   local a, b = core.Pipe(duplex)
   if not a then error(b, 0) end
   return a, b
end

-- A child's options, without those that are the topology's own.
local function options_of(options, ours)
   local mine = {}
   for name, v in pairs(options) do
      if math.type(name) ~= "integer" and not ours[name] then mine[name] = v end
   end
   return mine
end

-- Its target is called with what first() returns, and then with its args.
local function called_with(mine, first)
   mine.start = function(o)
      o.args = value.before_args(mine, first())
      return o
   end
   return mine
end

---- ring ----

local OF_RING <const> = { n = true, name = true, intensity = true,
   period = true, strategy = true }

local function members(options, n, pipes)
   local list = {}
   for i = 1, n do
      local mine = called_with(options_of(options, OF_RING), function()
         return i, pipes[i == 1 and n or i - 1].from, pipes[i].to
      end)
      mine.name = ("%s-%d"):format(options.name, i)
      local checked, problem = spec.child(mine)
      if not checked then return nil, problem end
      list[i] = checked
   end
   return list
end

local function check_ring(options)
   local n, bad = value.count("n", options.n, 2)
   local pipes = {}
   if not n then
      return nil, bad
   elseif type(options.name) ~= "string" then
      return nil, "option 'name' must be a string, got " .. type(options.name)
   elseif type(options.target) ~= "function" then
      return nil, "needs a function as 'target'"
   end
   local list, problem = members(options, n, pipes)
   if not list then return nil, problem end
   local checked, wrong = spec.supervisor({ name = options.name,
      strategy = options.strategy, intensity = options.intensity,
      period = options.period }, list)
   if not checked then return nil, wrong end
   checked.whole = options
   checked.boot = function()
      for i = 1, n do
         local from, to = pipe(false)
         pipes[i] = { from = from, to = to }
      end
   end
   return checked
end

--- n processes in a ring.
-- @tparam table options `name`; `n` (2); `target`, called with its number, the
-- Connection from the one before it, the Connection to the one behind it, and
-- then `args`; a child's options, for each; `strategy`, `intensity`, `period`
function mesh.ring(options)
   value.check_table("ring", options)
   local checked, problem = check_ring(options)
   if not checked then value.fail("ring", options, problem) end
   return value.new("ring", checked)
end

---- tree ----

local OF_TREE <const> = { intensity = true, period = true }

local check_node

-- The subtrees of a node, each with the pipe to it.
local function branches(options, downs)
   local list = {}
   for i, each in ipairs(options) do
      local link = {}
      local checked, problem = check_node(each, link)
      if not checked then return nil, problem end
      downs[i], list[i] = link, checked
   end
   return list
end

-- up: { near, far }, the ends of the pipe to the node above, once it is laid.
function check_node(options, up)
   if type(options) ~= "table" then
      return nil, "a node must be a table, got " .. type(options)
   end
   local downs = {}
   local list, problem = branches(options, downs)
   if not list then return nil, problem end
   local process, wrong = spec.child(called_with(options_of(options, OF_TREE),
      function()
         local ends = {}
         for i, link in ipairs(downs) do ends[i] = link.near end
         return up and up.far, ends
      end))
   if not process then
      return nil, ("node %s: %s"):format(tostring(options.name), wrong)
   elseif up and not list[1] then
      return process
   end
   table.insert(list, 1, process)
   local checked, bad = spec.supervisor({ name = options.name .. "-tree",
      strategy = "rest_for_one", intensity = options.intensity,
      period = options.period }, list)
   if not checked then return nil, bad end
   checked.whole = options
   checked.boot = function()
      for _, link in ipairs(downs) do link.near, link.far = pipe(true) end
   end
   return checked
end

--- Processes in a tree: each with a connection to the one above and to those
-- below. When one is started again, so is all that is below it.
-- @tparam table options a node: `name`, `target`, called with the Connection to
-- the node above (nil at the root), a list of Connections to the nodes below,
-- and then `args`; a child's options; `intensity`, `period`; and in the list
-- part the nodes below
function mesh.tree(options)
   value.check_table("tree", options)
   local checked, problem = check_node(options, nil)
   if not checked then value.fail("tree", options, problem) end
   return value.new("tree", checked)
end

return mesh
