-- SPDX-License-Identifier: MIT
--- How tasks get into a pool.
-- @module billiard.pool.submit

local core = require "billiard.core"
local driver = require "billiard.pool.driver"
local options = require "billiard.pool.options"
local report = require "billiard.pool.report"
local result = require "billiard.pool.result"

local misuse <const> = options.misuse

-- What core does with a task's args: f(args...), or f of each of them.
local submit = { APPLY = 0, MAP = 1, STARMAP = 2 }

local APPLY <const> = submit.APPLY
local pcall <const>, core_submit <const> = pcall, core.pool_submit

--- Raises if it is no pool, or another process's.
function submit.check(pool, what)
   local class = getmetatable(pool)
   if type(class) ~= "table" or class.__name ~= "billiard.Pool" then
      misuse(what, "a Pool comes first, got " .. type(pool))
   end
   local stranger = driver.stranger(pool)
   if stranger then misuse(what, "Pool belongs to process " .. stranger) end
end

-- Raises: nothing can be submitted.
local function refuse(pool, what)
   if pool.error then misuse(what, pool.error.message) end
   misuse(what, ("%s is %s"):format(pool.name, pool.refused))
end

-- What core raised.
local function raise(pool, what, problem)
   local stranger = driver.stranger(pool)
   if stranger then misuse(what, "Pool belongs to process " .. stranger) end
   if type(problem) ~= "string" then error(problem, 0) end
   misuse(what, (problem:gsub("^[^\n]-:%d+: ", ""):gsub("^%l+: ", "")))
end

local function register(pool, ticket, task)
   local c = pool.crew
   pool.pending[ticket] = task
   if pool.elastic and c.goal < c.max and report.open(pool) > c.goal then
      driver.tell(pool, { kind = "tick" })
   end
end

--- Of a call: its options, complete.
function submit.read_options(pool, what, f, given, known)
   if pool.refused then refuse(pool, what) end
   options.check_task(what, f)
   if known.chunk and math.type(given) == "integer" then given = { chunk = given } end
   local o, problem = options.task(given, known, pool)
   if not o then misuse(what, problem) end
   return o
end

-- What waits for the ticket is the task (pool.driver).
-- @return the ticket; or nil, message, code
local function send(pool, what, f, mode, o, args, task)
   if pool.ended then refuse(pool, what) end
   local c = pool.core
   local ok, ticket, err, code = pcall(c.submit, c, f, args, mode, o.soft,
      o.hard, o.attempts, o.tell)
   if not ok then raise(pool, what, ticket) end
   if ticket then register(pool, ticket, task) end
   return ticket, err, code
end

--- A function(args, task), which sends one of the many tasks of a call.
function submit.many(pool, what, f, mode, o)
   return function(args, task) return send(pool, what, f, mode, o, args, task) end
end

local function check_args(args)
   if type(args) ~= "table" then
      misuse("apply", "args must be a table, got " .. type(args))
   end
end

local function one_with(pool, f, args, given)
   submit.check(pool, "apply")
   local o = submit.read_options(pool, "apply", f, given, options.APPLY)
   if args == nil then args = {} end
   check_args(args)
   local r = result.new(pool, given and o)
   local ticket, err, code = send(pool, "apply", f, APPLY, o, args, r)
   if not ticket then return nil, err, code end
   r.ticket = ticket
   return r
end

--- One task: f(args[1], ...). Where there are no options, core does all of it,
-- and if it is plain, without raising anything.
function submit.one(pool, f, args, given)
   if given ~= nil then return one_with(pool, f, args, given) end
   local r, err, code = core_submit(pool, f, args, true)
   if r or err then return r, err, code end
   local ok
   ok, r, err, code = pcall(core_submit, pool, f, args)
   if not ok then raise(pool, "apply", r) end
   if r or err then return r, err, code end
   return one_with(pool, f, args)
end

return submit
