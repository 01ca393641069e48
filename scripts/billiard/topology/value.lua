-- SPDX-License-Identifier: MIT
--- A topology as a value: what was checked, and what runs once it is started.
-- @module billiard.topology.value

local spec = require "billiard.supervisor.spec"

local value = {}

local Topology = {}
local meta = { __index = Topology, __name = "billiard.Topology" }
local kinds = {} -- methods -> metatable

-- The metatable of those with methods of their own beside the common ones.
local function metatable_of(methods)
   if not methods then return meta end
   local own = kinds[methods]
   if not own then
      own = setmetatable({}, { __index = meta })
      for name, each in pairs(meta) do own[name] = each end
      own.__index = setmetatable(methods, { __index = Topology })
      own.topology, kinds[methods] = true, own
   end
   return own
end
meta.topology = true

--- Makes one of a kind ("group") from what supervisor.spec has checked.
-- methods: those of its kind, beside the common ones.
function value.new(kind, checked, methods)
   return setmetatable({ kind = kind, checked = checked }, metatable_of(methods))
end

function value.is_topology(v)
   local own = type(v) == "table" and getmetatable(v)
   return type(own) == "table" and own.topology == true
end

--- Raises where a constructor was called with anything but a table.
function value.check_table(what, options)
   if type(options) ~= "table" or value.is_topology(options) then
      error(("topology.%s: takes one table, got %s"):format(what,
         value.is_topology(options) and "a topology" or type(options)), 3)
   end
end

--- Raises there what is wrong with the options.
function value.fail(what, options, problem)
   local name = type(options.name) == "string" and " " .. options.name or ""
   error(("topology.%s%s: %s"):format(what, name, problem), 3)
end

--- What the option of that name counts.
-- @return n, or the default for nil where there is one; or nil and what is wrong
function value.count(name, n, default)
   if n == nil and default then return default end
   if math.type(n) == "integer" and n >= 1 then return n end
   return nil, ("option '%s' must be an integer of at least 1, got %s")
      :format(name, tostring(n))
end

--- The values, and behind them the option `args`: what a target is called with.
function value.before_args(options, ...)
   local given, args = table.pack(...), options.args
   if type(args) ~= "table" then return given end
   local n = args.n or #args
   table.move(args, 1, n, given.n + 1, given)
   given.n = given.n + n
   return given
end

-- A command alone is supervised too.
local function root_of(self)
   if self.checked.supervisor then return self.checked end
   return assert(spec.supervisor({ name = self.checked.id }, { self.checked }))
end

--- The checked spec of the supervisor that runs a topology.
value.root_of = root_of

--- The supervisor that runs it, not started. For the host.
function Topology:supervisor(hooks)
   return require "billiard.supervisor".new(root_of(self), hooks)
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

--- Makes what runs what another topology says: what did not change keeps its
-- process. See Supervisor.reload.
function Topology:reload(other)
   local instance = running(self, "reload")
   if not value.is_topology(other) then
      error("reload: takes a topology, got " .. type(other), 2)
   end
   local ok, err, code, done = instance:reload(root_of(other))
   if (ok or done) and not other.checked.whole then
      self.checked = other.checked
   end
   return ok, err, code, done
end

--- See Supervisor.roll.
function Topology:roll(name) return running(self, "roll"):roll(name) end

--- See Supervisor.scale.
function Topology:scale(name, n)
   local ok, err, code, done = running(self, "scale"):scale(name, n)
   if self.checked.id == name and (ok or done) then
      self.checked = self.instance.driver.root.spec
   end
   return ok, err, code, done
end

--- See Supervisor.status.
function Topology:status() return running(self, "status"):status() end

function meta.__tostring(self)
   return ("<Topology(%s, %s)>"):format(self.kind, self.checked.id)
end

function meta.__close(self)
   if self.instance then self.instance:stop() end
end

return value
