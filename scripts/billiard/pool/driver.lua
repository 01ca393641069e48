-- SPDX-License-Identifier: MIT
--- What moves a pool on: starts and ends its processes as the crew wants,
-- hands what core tells to the tasks it is about. All of it happens inside the
-- calls of the pool's owner.
--
--    core:next() --event--> handlers --> task's own handler, its callbacks
--                               |
--                             crew --action--> processes
--
-- What waits in `pool.pending`, by ticket, has a metatable with the handlers
-- on_result(task, flags, ...), on_error(task, flags, err), on_lost(task, err,
-- why), on_started(task, pid, since) and on_soft(task).
-- @module billiard.pool.driver

local core = require "billiard.core"
local crew = require "billiard.pool.crew"
local failure = require "billiard.pool.failure"
local launch = require "billiard.pool.launch"
local log = require "billiard.log"
local report = require "billiard.pool.report"

local driver = {}

local FOREVER <const> = math.huge

--- The process it belongs to, where that is another one; cheap while it works.
function driver.stranger(pool)
   if pool.core then return pool.core:stranger() end
   return pool.pid ~= core.current_process().pid and pool.pid or nil
end

--- Nothing is to be submitted any more.
function driver.refuse(pool, why) pool.refused, pool.intake = why, nil end

---- the user's functions ----

--- Calls one; what it raises is logged, and harms nobody.
function driver.call(what, f, ...)
   local ok, problem = xpcall(f, debug.traceback, ...)
   if not ok then
      log.get_logger():error("%s failed: %s", what, tostring(problem))
   end
end

---- the crew's actions: each may return an event that follows ----

local actions = {}

function actions.start(pool, ref, index)
   pool.started = pool.started + 1
   local member = { ref = ref, index = index, oom_kills = failure.oom_kills(),
      name = ("%s-worker-%d"):format(pool.name, pool.started) }
   local process, number = launch(pool, member)
   if not process then return { kind = "gone", ref = ref, reason = number } end
   member.pid, member.process, member.number = process.pid, process, number
   pool.members[ref], pool.by_number[number] = member, member
end

-- There is no member where it could not be started.
function actions.retire(pool, ref)
   local member = pool.members[ref]
   if member then pool.core:retire(member.number) end
end

function actions.kill(pool, ref)
   local member = pool.members[ref]
   if member then pool.core:kill(member.number) end
end

-- Nobody is left who could do what is still there, if anything.
function actions.ended(pool, why)
   pool.ended = why
   driver.refuse(pool, pool.refused or "ended")
   driver.cancel_all(pool)
end

-- What follows is told when all of the list is done, which was made before.
local function carry_out(pool, list)
   local events = {}
   for _, action in ipairs(list) do
      events[#events + 1] = actions[action[1]](pool, action[2], action[3])
   end
   for _, event in ipairs(events) do driver.tell(pool, event) end
end

-- The crew has had enough: from now on this is what all tasks end with.
local function note_error(pool)
   local c = pool.crew
   if pool.error or not c.why then return end
   pool.error = failure.of_pool(pool.name, c.why, c.last)
   if not pool.error then return end
   driver.refuse(pool, "ended")
   log.get_logger():error("%s", pool.error.message)
end

--- Tells the crew, and does what it wants.
function driver.tell(pool, event)
   local _, finished = report.counts(pool)
   event.at, event.load, event.finished = core.now(), driver.load(pool), finished
   local list = crew.handle(pool.crew, event)
   pool.due = crew.due(pool.crew)
   note_error(pool)
   carry_out(pool, list)
end

---- tasks ----

--- How much there is to do: tasks, and loops that will submit more.
function driver.load(pool)
   local n = report.open(pool)
   for loop in pairs(pool.loops) do
      if not loop.exhausted then n = n + 1 end
   end
   return n
end

--- The task of that ticket has ended, or is not to be heard of again.
function driver.forget(pool, ticket)
   local task = pool.pending[ticket]
   pool.pending[ticket] = nil
   return task
end

--- One that is done has failed.
function driver.count_failed(pool)
   pool.counts.failed = pool.counts.failed + 1
end

--- Takes back what no worker has started; it ends with an Error of its own, or
-- the pool's. true if it was so.
function driver.cancel(pool, ticket, err)
   if not pool.core or not pool.core:cancel(ticket) then return false end
   local task, counts = driver.forget(pool, ticket), pool.counts
   local counted = err and err.code == "Terminated" and "terminated" or "cancelled"
   counts[counted] = counts[counted] + 1
   getmetatable(task).on_lost(task, err or pool.error or failure.cancelled(), "cancelled")
   return true
end

--- The same with all.
function driver.cancel_all(pool)
   local tickets = {}
   for ticket in pairs(pool.pending) do tickets[#tickets + 1] = ticket end
   for _, ticket in ipairs(tickets) do driver.cancel(pool, ticket) end
end

---- what core tells ----

local on = {}

function on.error(pool, ticket, flags, err)
   local task = driver.forget(pool, ticket)
   driver.count_failed(pool)
   getmetatable(task).on_error(task, flags, err)
end

local COUNTED <const> = { died = "lost", rubbish = "lost", limit = "timed_out",
                          terminated = "terminated", killed = "terminated" }

function on.lost(pool, ticket, number, why, process, since)
   local member, task = pool.by_number[number], driver.forget(pool, ticket)
   local class, counted = getmetatable(task), COUNTED[why]
   member.worked = true
   pool.counts[counted] = pool.counts[counted] + 1
   class.on_started(task, member.pid, since)
   local err = why == "killed" and pool.error
      or failure.lost(member, why, process, class.hard_limit(task))
   class.on_lost(task, err, why)
end

function on.started(pool, ticket, number, since)
   local task = pool.pending[ticket]
   if task then
      getmetatable(task).on_started(task, pool.by_number[number].pid, since)
   end
end

function on.soft(pool, ticket)
   local task = pool.pending[ticket]
   if task then getmetatable(task).on_soft(task) end
end

-- Tells the crew of a worker; core is asked later than it has told.
local function tell_of(pool, kind, number, reason)
   local member = pool.by_number[number]
   driver.tell(pool, { kind = kind, ref = member.ref, reason = reason })
   return member
end

function on.up(pool, number)
   local member = tell_of(pool, "up", number)
   local hook = pool.options.on_process_up
   if hook then driver.call("on_process_up", hook, report.worker(pool, member)) end
end

function on.failed(pool, number, err) tell_of(pool, "failed", number, err) end
function on.full(pool, number) tell_of(pool, "full", number) end
function on.spent(pool, number) tell_of(pool, "spent", number) end

function on.gone(pool, number, process, done)
   local member, hook = pool.by_number[number], pool.options.on_process_down
   local exit, err = failure.exit_of(process), process.error
   process:close()
   pool.by_number[number], pool.members[member.ref] = nil, nil
   log.get_logger():info("worker %s %s", member.name, exit.text)
   driver.tell(pool, { kind = "gone", ref = member.ref,
      worked = done > 0 or member.worked,
      reason = err or ("worker %s %s"):format(member.name, exit.text) })
   if hook then driver.call("on_process_down", hook, report.gone(member, done), exit) end
end

-- Most are results of tasks; those of plain ones (billiard.pool.result) core
-- settles itself. False where there is none; then message and
-- code where it cannot be had now, and stays.
local function take(pool, kind, ticket, flags, ...)
   if kind == "result" then
      local task = driver.forget(pool, ticket)
      getmetatable(task).on_result(task, flags, ...)
      return true
   end
   if not kind then return false, ticket, flags end
   on[kind](pool, ticket, flags, ...)
   return true
end

--- Takes in what has happened, without waiting. Nothing; or message and code
-- where something cannot be taken in now.
function driver.drain(pool)
   local c, more, problem, code = pool.core, true, nil, nil
   while more and not pool.ended do more, problem, code = take(pool, c:next()) end
   if pool.ended then return end
   if pool.restless or pool.due < FOREVER and core.now() >= pool.due then
      driver.tell(pool, { kind = "tick" })
   end
   return problem, code
end

-- core:wait, at most until then. What is raised in it comes as it is.
local function wait(pool, deadline)
   local c, seconds = pool.core, nil
   if deadline < FOREVER then seconds = math.max(0, deadline - core.now()) end
   pool.waiting = pool.waiting + 1
   local ran, happened, err, code = pcall(c.wait, c, seconds)
   pool.waiting = pool.waiting - 1
   if not ran then error(happened, 0) end
   return happened, err, code
end

--- Waits until something happens, at the latest until the deadline, and takes
-- it in. false if nothing happened; nil, message, code if it cannot be waited.
function driver.turn(pool, deadline)
   if pool.ended then return nil, "closed", "closed" end
   local happened, err, code = wait(pool, math.min(deadline, pool.due))
   local problem, its_code = driver.drain(pool)
   if pool.released then driver.release(pool) end
   if problem then return nil, problem, its_code end
   if happened then return true end
   if code == "timeout" then return false end
   return nil, err, code
end

--- Turns until done(arg) is true: true; or nil, message, code. At least once.
function driver.turn_until(pool, done, arg, deadline)
   repeat
      local turned, err, code = driver.turn(pool, deadline)
      if done(arg) then return true end
      if turned == nil then return nil, err, code end
   until deadline < FOREVER and core.now() >= deadline
   return nil, "timeout", "timeout"
end

--- Once all has ended: lets go of what the kernel has for it; where
-- coroutines still wait there, the last of them does.
function driver.release(pool)
   pool.released = true
   if pool.core and pool.waiting == 0 then
      report.counts(pool)
      pool.core:close()
      pool.core = nil
   end
end

return driver
