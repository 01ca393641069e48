-- SPDX-License-Identifier: MIT
--- What may be said to a pool and to its calls. Checks return a complete copy,
-- or nil and what is wrong.
-- @module billiard.pool.options

local core = require "billiard.core"

local options = {}

local function integer(least)
   return { function(v) return math.type(v) == "integer" and v >= least end,
            "an integer of at least " .. least }
end

local function is_seconds(v)
   return type(v) == "number" and v > 0 and v == v
end

local seconds <const> = { is_seconds, "seconds above 0" }
local limit <const> = { function(v) return v == false or is_seconds(v) end,
                        "seconds above 0, or false for none" }
local callable <const> = {
   function(v)
      local meta = getmetatable(v)
      return type(v) == "function" or type(meta) == "table" and meta.__call ~= nil
   end, "a function" }
local anything <const> = { function() return true end }
local list <const> = { function(v) return type(v) == "table" end, "a table" }
local text <const> = { function(v) return type(v) == "string" and v ~= "" end,
                       "a string that is not empty" }

local METHODS <const> = { fork = true, forkserver = true, spawn = true }

local POOL <const> = {
   processes = integer(1), min = integer(1), max = integer(1),
   initializer = callable, initargs = list,
   soft_timeout = limit, timeout = limit,
   max_tasks_per_child = integer(1), max_memory_per_child = integer(1),
   max_age = seconds, idle_timeout = seconds,
   max_restarts = integer(0), max_restart_freq = seconds,
   start_method = { function(v) return METHODS[v] end,
                    '"fork", "forkserver" or "spawn"' },
   start_timeout = seconds, name = text,
   on_process_up = callable, on_process_down = callable,
}

local function join(a, b)
   local all = {}
   for key, rule in pairs(a) do all[key] = rule end
   for key, rule in pairs(b) do all[key] = rule end
   return all
end

local ANY_TASK <const> = {
   soft_timeout = limit, timeout = limit, attempts = integer(1),
}
local APPLY <const> = join(ANY_TASK, {
   callback = callable, error_callback = callable,
   accept_callback = callable, timeout_callback = callable,
   correlation_id = anything,
})

--- What the calls of a pool know.
options.APPLY = APPLY
options.MAP = join(APPLY, { chunk = integer(1) })
options.IMAP = join(ANY_TASK, { chunk = integer(1), prefetch = integer(1) })

local function known_ones(known)
   local names = {}
   for name in pairs(known) do names[#names + 1] = name end
   table.sort(names)
   return table.concat(names, ", ")
end

local function show(value)
   return type(value) == "number" and tostring(value)
      or type(value) == "string" and ("%q"):format(value) or type(value)
end

-- A copy of what was given.
local function read(given, known)
   if type(given) ~= "table" then
      return nil, "options must be a table, got " .. type(given)
   end
   local copy = {}
   for key, value in pairs(given) do
      local rule = known[key]
      if not rule then
         return nil, ("unknown option '%s' (known: %s)"):format(tostring(key),
            known_ones(known))
      elseif not rule[1](value) then
         return nil, ("option '%s' must be %s, got %s"):format(key, rule[2],
            show(value))
      end
      copy[key] = value
   end
   return copy
end

-- Those that a task has, of what was said for it and for its pool.
local function limits(own, pool)
   local soft, hard = own.soft_timeout, own.timeout
   if soft == nil then soft = pool.soft end
   if hard == nil then hard = pool.hard end
   if soft and hard and soft >= hard then
      if own.soft_timeout then
         return nil, ("option 'soft_timeout' (%g s) must be below 'timeout' (%g s)")
            :format(soft, hard)
      end
      soft = nil -- the pool's would come too late
   end
   return true, soft or nil, hard or nil
end

--- Of a task, besides the pool's own: `{ soft, hard, attempts, tell, ... }`.
-- @tparam table known APPLY, MAP or IMAP
function options.task(given, known, pool)
   if given == nil then
      return { soft = pool.soft, hard = pool.hard, attempts = 1, tell = false }
   end
   local checked, problem = read(given, known)
   if not checked then return nil, problem end
   local ok, soft, hard = limits(checked, pool)
   if not ok then return nil, soft end
   checked.soft, checked.hard = soft, hard
   checked.attempts = checked.attempts or 1
   checked.tell = (checked.accept_callback or checked.timeout_callback) ~= nil
   return checked
end

---- of the pool ----

local function check_size(o)
   if o.min and o.max and o.min > o.max then
      return nil, ("option 'min' (%d) must not be above 'max' (%d)"):format(o.min, o.max)
   end
   local given = o.processes
   local n = given or core.usable_cpu_count() or 1
   n = math.max(o.min or 1, math.min(o.max or n, n))
   if given and given ~= n then
      return nil, ("option 'processes' (%d) must be from 'min' to 'max'"):format(given)
   end
   o.processes, o.min, o.max = n, o.min or n, o.max or n
   return o
end

--- Of a pool, complete. A number is how many processes.
function options.pool(given)
   if given == nil then given = {} end
   if type(given) == "number" then given = { processes = given } end
   local o, problem = read(given, POOL)
   if not o then return nil, problem end
   local ok, soft, hard = limits(o, {})
   if not ok then return nil, soft end
   o.soft, o.hard = soft, hard
   o, problem = check_size(o)
   if not o then return nil, problem end
   o.idle_timeout = o.idle_timeout or 30
   o.start_timeout = o.start_timeout or 30
   o.max_restarts = o.max_restarts or math.max(10, 3 * o.max)
   o.max_restart_freq = o.max_restart_freq or 60
   return o
end

---- what every call checks ----

--- Raises with the position of whoever called the pool, through as many
-- functions of its own as there are.
function options.misuse(what, message)
   local level = 2
   local info = debug.getinfo(level, "S")
   while info and (info.what == "C" or info.source:find "billiard[/.]pool") do
      level = level + 1
      info = debug.getinfo(level, "S")
   end
   error(what .. ": " .. message, level)
end

--- A deadline of a timeout; math.huge for none. nil and what is wrong.
function options.deadline(timeout)
   if timeout == nil then return math.huge end
   if type(timeout) ~= "number" or timeout ~= timeout then
      return nil, "timeout must be a number of seconds, got " .. tostring(timeout)
   end
   return core.now() + timeout
end

--- Checks what a task calls.
function options.check_task(what, f)
   if type(f) == "function" then return end
   if type(f) == "string" and f:find "^[^:]+:[^:]+$" then return end
   options.misuse(what, 'needs a function or "module:function", got ' .. show(f))
end

return options
