-- SPDX-License-Identifier: MIT
--- Specs of supervisors and their children, checked completely and made ready
-- for the machine and the driver. Functions return the result, or nil and
-- what is wrong.
-- @module billiard.supervisor.spec

local core = require "billiard.core"
local policy = require "billiard.policy"
local readiness = require "billiard.supervisor.readiness"

local spec = {}

local Process <const> = core.Process
local START_TIMEOUT <const> = 30

-- What is ours among a child's options; the others are a Process's.
local OURS <const> = { restart = true, backoff = true, stop = true,
                       ready = true, start_timeout = true, significant = true,
                       start = true, depends_on = true, heartbeat = true,
                       overlap = true }
-- A supervised child is never anything else.
local FIXED <const> = { daemon = true, pgroup = true, session = true,
                        group = true, fields = true }

local STRATEGIES <const> = { one_for_one = true, one_for_all = true,
                             rest_for_one = true }
local STOP_ORDERS <const> = { reverse = true, parallel = true }
local SHUTDOWNS <const> = { never = true, any_significant = true,
                            all_significant = true }

local function must_be(option, what, value)
   return nil, ("option '%s' must be %s, got %s"):format(option, what,
      type(value) == "string" and ("%q"):format(value) or tostring(value))
end

local function words(set)
   local list = {}
   for word in pairs(set) do list[#list + 1] = ("%q"):format(word) end
   table.sort(list)
   return table.concat(list, ", ")
end

-- "file:12: Process: option ..." -> "option ..."
local function bare(message)
   return (tostring(message):gsub("^.-:%d+: ", ""):gsub("^Process: ", ""))
end

---- options of a child ----

local KINDS <const> = { permanent = true, transient = true, temporary = true }

-- Each reads options[name] into c, or returns nil and what is wrong.
local readers = {}

function readers.restart(c, value)
   value = value == nil and "permanent" or value
   if type(value) == "function" then
      c.restart, c.restart_name = value, "a policy"
   elseif KINDS[value] then
      c.restart, c.restart_name = policy.restart[value], value
   else
      return must_be("restart", words(KINDS) .. " or a policy", value)
   end
   return true
end

function readers.backoff(c, value)
   if type(value) == "table" then
      local ok, made = pcall(policy.restart.backoff, value)
      if not ok then return nil, bare(made) end
      value = made
   elseif value ~= nil and type(value) ~= "function" then
      return must_be("backoff", "a table or a policy", value)
   end
   c.backoff = value
   return true
end

function readers.stop(c, value)
   local ladder, problem = policy.check_ladder(value or policy.stop.graceful())
   if not ladder then return nil, "option 'stop': " .. problem end
   c.stop = ladder
   return true
end

function readers.ready(c, value, options)
   local kind, argument = nil, value
   if value == nil or value == false then return true end
   if value == true then kind = "call"
   elseif value == "systemd" then kind = "fd"
   elseif type(value) == "function" then kind = "ask"
   elseif type(value) == "table" then
      kind, argument = next(value)
      kind = next(value, kind) == nil and kind
   end
   local known = kind and readiness[kind]
   if not known or kind == "ask" and type(value) ~= "function" then
      return must_be("ready", "true, a function, \"systemd\", { fd = n }, "
         .. "{ port = n } or { file = path }", value)
   elseif (kind == "call") ~= not options.command and
      (kind == "call" or kind == "fd") then
      return nil, "option 'ready': true is for a target, which calls "
         .. "billiard.ready(); { fd = n } and \"systemd\" are for a command"
   end
   local problem = known.check(argument)
   if problem then return nil, "option 'ready' " .. problem end
   c.ready, c.look, c.argument = true, known, argument
   return true
end

function readers.start_timeout(c, value)
   value = value == nil and START_TIMEOUT or value
   if type(value) ~= "number" or value ~= value or value <= 0 then
      return must_be("start_timeout", "seconds above 0", value)
   end
   c.start_timeout = value
   return true
end

function readers.significant(c, value)
   if value ~= nil and type(value) ~= "boolean" then
      return must_be("significant", "a boolean", value)
   elseif value and c.restart_name == "permanent" then
      return nil, "option 'significant' does not go with restart = "
         .. "\"permanent\": such a child never ends for good"
   end
   c.significant = value or false
   return true
end

function readers.start(c, value)
   if value ~= nil and type(value) ~= "function" then
      return must_be("start", "a function", value)
   end
   c.prepare = value
   return true
end

function readers.depends_on(c, value)
   if type(value) == "string" then value = { value } end
   local list = {}
   for i, id in ipairs(type(value) == "table" and value or {}) do
      if type(id) ~= "string" then
         return must_be("depends_on", "a list of names", id)
      end
      list[i] = id
   end
   if value ~= nil and #list == 0 then
      return must_be("depends_on", "a name or a list of names", value)
   end
   c.depends_on = value and list
   return true
end

local function is_seconds(n) return type(n) == "number" and n > 0 and n < math.huge end

function readers.heartbeat(c, value, options)
   if value == nil then return true end
   if type(value) ~= "table" or not is_seconds(value.interval)
      or not is_seconds(value.threshold) then
      return must_be("heartbeat", "{ interval = seconds, threshold = seconds }",
         value)
   elseif value.threshold <= value.interval then
      return nil, ("option 'heartbeat': threshold (%g s) must be above "
         .. "interval (%g s)"):format(value.threshold, value.interval)
   elseif not options.target then
      return nil, "option 'heartbeat' is for a target, which calls "
         .. "billiard.heartbeat()"
   end
   c.heartbeat = { interval = value.interval, threshold = value.threshold }
   return true
end

-- One that says itself that it is up can be waited for beside its predecessor;
-- of a port or a file nobody knows whose it is.
local TELLS <const> = { [readiness.call] = true, [readiness.fd] = true,
                        [readiness.ask] = true }

function readers.overlap(c, value)
   if value ~= nil and type(value) ~= "boolean" then
      return must_be("overlap", "a boolean", value)
   end
   if value == nil then value = TELLS[c.look] or false end
   c.overlap = value
   return true
end

local ORDER <const> = { "restart", "backoff", "stop", "ready",
                        "start_timeout", "significant", "start", "depends_on",
                        "heartbeat", "overlap" }

local function read_ours(c, options)
   for _, name in ipairs(ORDER) do
      local ok, problem = readers[name](c, options[name], options)
      if not ok then return nil, problem end
   end
   return c
end

-- The options of its Process: ours taken out, what a supervised child always
-- is put in. It leads a process group and never outlives its supervisor.
local function process_options(options, c)
   local all = { daemon = true, pgroup = true, stdin = "null" }
   for name, value in pairs(options) do
      if FIXED[name] then
         return nil, ("option '%s' is not a supervised child's to choose")
            :format(name)
      elseif not OURS[name] then
         all[name] = value
      end
   end
   if c.look == readiness.fd then all.ready = options.ready end
   return all
end

--- A child that is a process: `name`, `target` and `args` or `command`, the
-- other options of a Process, and restart, backoff, stop, ready,
-- start_timeout, significant.
function spec.child(options)
   if type(options) ~= "table" then
      return nil, "a child must be a table, got " .. type(options)
   elseif type(options.name) ~= "string" or options.name == "" then
      return must_be("name", "a string", options.name)
   elseif not options.target and not options.command then
      return nil, "a child needs a 'target' or a 'command'"
   end
   local c, problem = read_ours({ id = options.name }, options)
   if not c then return nil, problem end
   c.options, problem = process_options(options, c)
   if not c.options then return nil, problem end
   local ok, message = pcall(Process, c.options) -- its own options
   if not ok then
      return nil, (bare(message):gsub("%(known: ",
         "(known: restart, backoff, stop, significant, "))
   end
   return c
end

---- supervisors ----

local SUPERVISOR <const> = { name = true, strategy = true, intensity = true,
   period = true, auto_shutdown = true, restart = true, backoff = true,
   significant = true, stop_order = true, depends_on = true,
   own_process = true }

local function read_window(s, options)
   local given = options.intensity
   if type(given) == "function" then
      if options.period then
         return nil, "option 'period' goes with a number as 'intensity'"
      end
      s.intensity, s.window = given, "a policy"
      return true
   end
   local window = { max = given, period = options.period }
   local ok, made = pcall(policy.restart.intensity, window)
   if not ok then
      return nil, (bare(made):gsub("^intensity: ", "")
         :gsub("'max'", "'intensity'"))
   end
   s.intensity = made
   s.window = ("%d restarts in %g s"):format(given or 1, options.period or 5)
   return true
end

local function read_words(s, options)
   s.strategy = options.strategy or "one_for_one"
   s.auto_shutdown = options.auto_shutdown or "never"
   s.stop_order = options.stop_order or "reverse"
   s.own_process = options.own_process or false
   if not STRATEGIES[s.strategy] then
      return must_be("strategy", words(STRATEGIES), s.strategy)
   elseif not SHUTDOWNS[s.auto_shutdown] then
      return must_be("auto_shutdown", words(SHUTDOWNS), s.auto_shutdown)
   elseif options.own_process ~= nil and type(options.own_process) ~= "boolean" then
      return must_be("own_process", "a boolean", options.own_process)
   elseif not STOP_ORDERS[s.stop_order] then
      return must_be("stop_order", words(STOP_ORDERS), s.stop_order)
   end
   return true
end

--- Are all names of options in that set? Else nil and which is not.
function spec.check_known(options, known)
   for name in pairs(options) do
      if math.type(name) ~= "integer" and not known[name] then
         local list = words(known):gsub('"', "")
         return nil, ("unknown option '%s' (known: %s)"):format(
            tostring(name), list)
      end
   end
   return true
end

--- What is wrong with a child in that supervisor, or nil.
function spec.unfit(s, c)
   if c.significant and s.auto_shutdown == "never" then
      return "'significant' needs auto_shutdown in the supervisor"
   end
end

local function check_children(s)
   local seen = {}
   for i, c in ipairs(s.children) do
      local problem = spec.unfit(s, c)
      if seen[c.id] then
         return nil, ("child %d: there is a child %q already"):format(i, c.id)
      elseif problem then
         return nil, ("child %d (%s): %s"):format(i, c.id, problem)
      end
      for _, id in ipairs(c.depends_on or {}) do
         if not seen[id] then
            return nil, ("child %d (%s): 'depends_on' names %q, which is no "
               .. "child before it"):format(i, c.id, id)
         end
      end
      seen[c.id] = true
   end
   return s
end

--- A supervisor: `name`, `strategy`, `intensity` and `period`,
-- `auto_shutdown`; children: a list of results of these functions. For the
-- supervisor it is itself a child of: `restart`, `backoff`, `significant`.
function spec.supervisor(options, children)
   if type(options.name) ~= "string" or options.name == "" then
      return must_be("name", "a string", options.name)
   end
   local s = { id = options.name, supervisor = true, ready = true,
               children = children }
   for _, step in ipairs { function() return spec.check_known(options, SUPERVISOR) end,
      function() return read_words(s, options) end,
      function() return read_window(s, options) end,
      function() return readers.restart(s, options.restart) end,
      function() return readers.backoff(s, options.backoff) end,
      function() return readers.significant(s, options.significant) end,
      function() return readers.depends_on(s, options.depends_on) end } do
      local ok, problem = step()
      if not ok then return nil, problem end
   end
   return check_children(s)
end

return spec
