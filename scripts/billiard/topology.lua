-- SPDX-License-Identifier: MIT
--- What runs, as a value: a tree of programs, functions and supervisors.
-- A constructor checks all of it before anything starts, and raises where it
-- was called; the value can be started, and `billiard run` starts it.
-- @module billiard.topology

local apart = require "billiard.supervisor.apart"
local supervisor = require "billiard.supervisor"
local spec = supervisor.spec

local topology = {}

local Topology = {}
local meta = { __index = Topology, __name = "billiard.Topology" }

local function new(kind, checked)
   return setmetatable({ kind = kind, checked = checked }, meta)
end

local function is_topology(value) return getmetatable(value) == meta end

local function check_table(what, options, level)
   if type(options) ~= "table" or is_topology(options) then
      error(("topology.%s: takes one table, got %s"):format(what,
         is_topology(options) and "a topology" or type(options)), level + 1)
   end
end

local function fail(what, options, problem)
   local name = type(options.name) == "string" and " " .. options.name or ""
   error(("topology.%s%s: %s"):format(what, name, problem), 3)
end

---- constructors ----

--- A program.
-- @tparam table options `name` and `command` (a list), any option of Process
-- (`env`, `cwd`, `limits`, ...), and `restart`, `backoff`, `stop`, `ready`,
-- `start_timeout`, `significant`
function topology.command(options)
   check_table("command", options, 2)
   if type(options.command) ~= "table" then
      fail("command", options, "option 'command' must be a list, got "
         .. type(options.command))
   end
   local checked, problem = spec.child(options)
   if not checked then fail("command", options, problem) end
   return new("command", checked)
end

-- What of a group's options is its supervisor's, not its members'.
local OF_GROUP <const> = { n = true, intensity = true, period = true,
                           auto_shutdown = true, significant = true }

-- The options of member i: called with its number before its args, or a
-- command, which may be a function of the number.
local function member(options, i)
   local mine = {}
   for name, value in pairs(options) do
      if not OF_GROUP[name] then mine[name] = value end
   end
   mine.name = ("%s-%d"):format(options.name, i)
   mine.significant = options.auto_shutdown ~= nil or nil
   if type(options.command) == "function" then
      mine.command = options.command(i)
   elseif options.target then
      local args = type(options.args) == "table" and options.args or {}
      mine.args = table.pack(i, table.unpack(args, 1, args.n or #args))
   end
   return mine
end

local function members(options, n)
   local list = {}
   for i = 1, n do
      local checked, problem = spec.child(member(options, i))
      if not checked then return nil, problem end
      list[i] = checked
   end
   return list
end

--- Some alike, under a supervisor of their own.
-- @tparam table options `name`; `n` (1 by default); `target`, called with the
-- member's number and then `args`, or `command`, a list or a function of the
-- number; the options of a command, for each; `intensity`, `period`,
-- `auto_shutdown` (then each member is significant) and `significant`, for
-- the group
function topology.group(options)
   check_table("group", options, 2)
   local n = options.n == nil and 1 or options.n
   if type(options.name) ~= "string" then
      fail("group", options, "option 'name' must be a string, got "
         .. type(options.name))
   elseif math.type(n) ~= "integer" or n < 1 then
      fail("group", options, "option 'n' must be an integer of at least 1, got "
         .. tostring(n))
   end
   local list, problem = members(options, n)
   local checked
   if list then
      checked, problem = spec.supervisor({ name = options.name,
         intensity = options.intensity, period = options.period,
         auto_shutdown = options.auto_shutdown,
         significant = options.significant,
         restart = options.auto_shutdown and "transient" or nil }, list)
   end
   if not checked then fail("group", options, problem) end
   return new("group", checked)
end

local function children(options)
   local list = {}
   for i, value in ipairs(options) do
      local checked, problem
      if is_topology(value) then checked = apart.wanted(value.checked)
      else checked, problem = spec.child(value) end
      if not checked then return nil, ("child %d: %s"):format(i, problem) end
      list[i] = checked
   end
   return list
end

--- A supervisor over what stands in its list part: topologies, or tables as
-- for `command`, with a `target` and `args` in place of the command if wanted.
-- @tparam table options `name`, `strategy` ("one_for_one"), `intensity` (1)
-- restarts within `period` (5) seconds, `auto_shutdown` ("never"); and for the
-- supervisor above `restart`, `backoff`, `significant`
function topology.supervisor(options)
   check_table("supervisor", options, 2)
   local list, problem = children(options)
   local checked
   if list then checked, problem = spec.supervisor(options, list) end
   if not checked then fail("supervisor", options, problem) end
   return new("supervisor", checked)
end

---- the value ----

-- A command alone is supervised too.
local function root_of(self)
   if self.checked.supervisor then return self.checked end
   return assert(spec.supervisor({ name = self.checked.id }, { self.checked }))
end

--- The supervisor that runs it, not started. For the host.
function Topology:supervisor(hooks)
   return supervisor.new(root_of(self), hooks)
end

local function running(self, what)
   if not self.instance then
      error(what .. ": this topology is not started", 3)
   end
   return self.instance
end

--- Starts all of it, in order.
-- @return itself; or nil, Error, "StartError", and nothing is left
function Topology:start()
   local before = self.instance and self.instance:status().state
   if before and before ~= "ended" then
      error("start: this topology is started", 2)
   end
   self.instance = self:supervisor()
   local ok, err, code = self.instance:start()
   if not ok then return nil, err, code end
   return self
end

--- See Supervisor.stop.
function Topology:stop() return running(self, "stop"):stop() end

--- See Supervisor.wait.
function Topology:wait(timeout) return running(self, "wait"):wait(timeout) end

--- See Supervisor.status.
function Topology:status() return running(self, "status"):status() end

function meta.__tostring(self)
   return ("<Topology(%s, %s)>"):format(self.kind, self.checked.id)
end

function meta.__close(self)
   if self.instance then self.instance:stop() end
end

topology.is_topology = is_topology

return topology
