-- SPDX-License-Identifier: MIT
--- AsyncResult: what a task will have resulted in.
--
-- One table for each, with few fields, since there may be a million:
--    pool
--    ticket  once it has ended well: minus the pid of the worker that did it
--    n       nil until it has ended; then how many values, or false
--    value   the value; a list where n is not 1; the Error where n is false
--    options of the task, where there are any; tickets, where it has many
--    watch   who wants to know when it has ended
-- @module billiard.pool.result

local core = require "billiard.core"
local driver = require "billiard.pool.driver"
local failure = require "billiard.pool.failure"
local options = require "billiard.pool.options"

local known <const> = core.pool_known
local methods = {}

-- Its handlers (pool.driver) are out of the reach of users. What is plain, it
-- has no options and nobody watches it, core makes and settles by itself.
local class = core.AsyncResult
class.__index, class.__name = methods, "billiard.AsyncResult"

---- how it ends ----

local function tell_watchers(r)
   local watch = r.watch
   r.watch = nil
   while watch do
      watch.ready[#watch.ready + 1] = r
      watch = watch.next
   end
end

local function call_back(r, o)
   if r.n == false then
      if o.error_callback then
         driver.call("error_callback", o.error_callback, r.value)
      end
   elseif o.callback then
      driver.call("callback", o.callback, r:get())
   end
end

--- It has ended: with n values, or false and an Error. The first time counts.
local function settle(r, n, value)
   if r.n ~= nil then return end
   r.n, r.value = n, value
   if r.watch then tell_watchers(r) end
   if r.options and not r.discarded then call_back(r, r.options) end
end

local function call_timeout(r, kind, seconds)
   local o = r.options
   if not o or not o.timeout_callback or r[kind .. "_told"] then return end
   r[kind .. "_told"] = true
   driver.call("timeout_callback", o.timeout_callback, kind, seconds)
end

-- Its number is 1: what the worker says of the soft limit. From 256 on, the
-- worker's number.
local function met_soft(flags) return flags & 1 ~= 0 end

function class.on_result(r, flags, ...)
   if met_soft(flags) then class.on_soft(r) end
   local n = select("#", ...)
   r.ticket = -r.pool.by_number[flags >> 8].pid
   if n == 1 then
      settle(r, 1, (...))
   else
      settle(r, n, { ... })
   end
end

function class.on_error(r, flags, err)
   if met_soft(flags) then class.on_soft(r) end
   settle(r, false, err)
end

function class.on_lost(r, err, why)
   if why == "limit" then call_timeout(r, "hard", class.hard_limit(r)) end
   settle(r, false, err)
end

function class.on_started(r, pid, since)
   local o = r.options
   if r.pid then return end
   r.pid = pid
   if o and o.accept_callback then
      driver.call("accept_callback", o.accept_callback, pid, since)
   end
end

function class.on_soft(r)
   call_timeout(r, "soft", r.options and r.options.soft)
end

function class.hard_limit(r)
   if r.options then return r.options.hard end
   return r.pool.hard
end

-- In its place when nobody wants it any more.
local nothing = setmetatable({}, {
   on_result = function() end, on_error = function() end,
   on_lost = function() end, on_started = function() end,
   on_soft = function() end, hard_limit = function() end,
})

--- Makes one whose ticket comes later.
-- @tparam[opt] table o the task's options
local function new(pool, o)
   local r = setmetatable({ pool = pool, ticket = nil, n = nil, value = nil }, class)
   if o then r.options, r.correlation_id = o, o.correlation_id end
   return r
end

---- waiting ----

local function check(r, what)
   if getmetatable(r) ~= class then
      error(("%s: an AsyncResult comes first, got %s"):format(what, type(r)), 3)
   end
   local stranger = driver.stranger(r.pool)
   if stranger then
      error(("%s: AsyncResult belongs to process %d"):format(what, stranger), 3)
   end
end

local function has_ended(r) return r.n ~= nil end

local function await(r, what, timeout)
   if r.n ~= nil then return true end
   local deadline, problem = options.deadline(timeout)
   if not deadline then error(what .. ": " .. problem, 3) end
   return driver.turn_until(r.pool, has_ended, r, deadline)
end

--- What the task returned.
-- @tparam[opt] number timeout
-- @return all of it; or nil, Error, code; or nil, "timeout", "timeout"
function methods:get(timeout)
   local n, value = known(self)
   if n == nil then
      check(self, "get")
      local ok, err, code = await(self, "get", timeout)
      if not ok then return nil, err, code end
      n, value = self.n, self.value
   end
   if n == 1 then return value end
   if n then return table.unpack(value, 1, n) end
   return nil, value, value.code
end

--- Waits until it has ended.
-- @return true; or nil, "timeout", "timeout"
function methods:wait(timeout)
   check(self, "wait")
   local ok, err, code = await(self, "wait", timeout)
   return ok, err, code
end

--- Has it ended, as far as is known? Does not look.
function methods:ready()
   check(self, "ready")
   return self.n ~= nil
end

--- Has it ended well? Raises while it has not ended.
function methods:successful()
   check(self, "successful")
   if self.n == nil then error("successful: the task has not ended yet", 2) end
   return self.n ~= false
end

-- Calls f(pool's core, ticket, ...) for each ticket.
local function each_ticket(r, f, ...)
   for _, ticket in ipairs(r.tickets or { r.ticket }) do
      if r.pool.pending[ticket] then f(r.pool, ticket, ...) end
   end
end

local function started_by(pool, ticket, pids)
   local number = pool.core:started(ticket)
   if number then pids[#pids + 1] = pool.by_number[number].pid end
end

local function worker_pids(r)
   local pids = {}
   if r.n == nil then each_ticket(r, started_by, pids) end
   if not pids[1] then
      pids[1] = r.pid or r.n == false and r.value.pid
         or r.ticket and r.ticket < 0 and -r.ticket or nil
   end
   return pids
end

--- Has a worker started it?
function methods:accepted()
   check(self, "accepted")
   if self.n == nil then return worker_pids(self)[1] ~= nil end
   return self.n ~= false or self.value.code ~= "Cancelled"
end

--- The pid of the worker that does it (of a map: of all that do), did it, or
-- was lost with it; nothing while none does.
function methods:worker_pid()
   check(self, "worker_pid")
   return table.unpack(worker_pids(self))
end

---- ending it ----

local function too_late(r, what)
   return nil, ("the task has %s already (%s)")
      :format(r.n == nil and "been started" or "ended", what), "too_late"
end

--- Takes it back, if no worker has started it: it ends as "Cancelled".
-- @return true; or nil, message, "too_late"
function methods:cancel()
   check(self, "cancel")
   if self.n ~= nil then return too_late(self, "cancel") end
   each_ticket(self, driver.cancel)
   if self.n == nil then return too_late(self, "cancel") end
   return true
end

local function terminate(pool, ticket, signo)
   if not driver.cancel(pool, ticket, core.new_error("Terminated",
      "the task was terminated before it was started")) then
      pool.core:terminate(ticket, signo)
   end
end

--- Ends it, whatever it is doing, as "Terminated": its worker is killed and
-- replaced.
-- @param[opt="KILL"] signal a name or a number, sent in place of SIGKILL
-- @return true; or nil, message, "too_late"
function methods:terminate(signal)
   check(self, "terminate")
   local ok, signo = true, nil
   if signal ~= nil then ok, signo = pcall(core.signal_number, signal) end
   if not ok then
      error("terminate: no such signal: use \"TERM\", \"SIGTERM\" or a number", 2)
   end
   if self.n ~= nil then return too_late(self, "terminate") end
   each_ticket(self, terminate, signo)
   return true
end

local function forget(pool, ticket)
   if not driver.cancel(pool, ticket) then pool.pending[ticket] = nothing end
end

--- Nobody wants it any more: it is not started if it was not, its result is
-- dropped, none of its callbacks are called. It ends as "Cancelled".
function methods:discard()
   check(self, "discard")
   self.discarded = true
   if self.n ~= nil then return end
   each_ticket(self, forget)
   settle(self, false, failure.cancelled "nobody wants the result (discard)")
end

---- in loops ----

--- When to look, whatever the descriptor says.
function methods:timeout()
   check(self, "timeout")
   if self.n ~= nil then return 0 end
   return self.pool:timeout()
end

--- Ready when its pool is: a hint, wait(0) then tells.
function methods:fileno()
   check(self, "fileno")
   return self.pool:fileno()
end

methods.pollfd, methods.getfd = methods.fileno, methods.fileno

function methods.events() return "r" end

function methods:dirty()
   check(self, "dirty")
   return self.n ~= nil or self.pool:dirty()
end

---- the object ----

function class.__tostring(r)
   local state = r.n == nil and "pending" or r.n and "done" or r.value.code
   return ("<AsyncResult(%s, %s)>"):format(r.pool.name, state)
end

function class.__pack(r)
   error(("AsyncResult belongs to process %d"):format(r.pool.pid), 0)
end

class.__unpack = class.__pack
core.register(class)

return { new = new, settle = settle, class = class, each_ticket = each_ticket,
         nothing = nothing }
