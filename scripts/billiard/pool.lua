-- SPDX-License-Identifier: MIT
--- A pool of workers that run functions: with time limits, replaced when they
-- end. It works inside its owner's calls; see pool.driver.
-- @module billiard.pool

local context = require "billiard.context"
local core = require "billiard.core"
local crew = require "billiard.pool.crew"
local driver = require "billiard.pool.driver"
local iterate = require "billiard.pool.iterate"
local options = require "billiard.pool.options"
local report = require "billiard.pool.report"
local submit = require "billiard.pool.submit"

local FOREVER <const> = math.huge

-- How long workers may take to go after SIGKILL.
local AFTER_KILL <const> = 5

local Pool = require "billiard.pool.calls"
local meta = { __index = Pool, __name = "billiard.Pool" }

local misuse <const>, check <const> = options.misuse, submit.check

---- its workers ----

local function check_number(n, what)
   if n == nil then return 1 end
   if math.type(n) ~= "integer" or n < 1 then
      misuse(what, "n must be an integer of at least 1, got " .. tostring(n))
   end
   return n
end

local function check_serving(self, what)
   check(self, what)
   if self.refused then misuse(what, self.name .. " is " .. self.refused) end
end

--- So many workers more.
function Pool:grow(n)
   check_serving(self, "grow")
   driver.tell(self, { kind = "grow", n = check_number(n, "grow") })
end

--- So many less: idle ones go, others when their task is done.
function Pool:shrink(n)
   check_serving(self, "shrink")
   n = check_number(n, "shrink")
   if n >= self.crew.goal then
      misuse("shrink", ("by %d leaves none of %d workers"):format(n, self.crew.goal))
   end
   driver.tell(self, { kind = "shrink", n = n })
end

--- Replaces all workers; each goes when another has come and its task is done.
function Pool:restart()
   check_serving(self, "restart")
   driver.tell(self, { kind = "restart" })
end

--- Rows of what each worker does.
function Pool:workers()
   check(self, "workers")
   return report.workers(self)
end

--- Counts of tasks and workers.
function Pool:stats()
   check(self, "stats")
   return report.stats(self)
end

---- its end ----

local function is_over(self) return self.ended end

local function outcome(self)
   if self.error then return nil, self.error, self.error.code end
   return true
end

--- Nothing can be submitted any more; what was is done, then workers leave.
function Pool:close()
   check(self, "close")
   if self.refused then return end
   driver.refuse(self, "closed")
   self.restless = true
   driver.tell(self, { kind = "close" })
end

-- Ends what is left, in bounded time.
local function end_now(self)
   driver.refuse(self, self.refused or "terminated")
   driver.cancel_all(self)
   if not self.ended then driver.tell(self, { kind = "terminate" }) end
   if not self.ended then
      driver.turn_until(self, is_over, self, core.now() + AFTER_KILL)
   end
   driver.release(self)
end

--- Ends it now: tasks that no worker has started end as "Cancelled", others as
-- "Terminated", workers are killed.
function Pool:terminate()
   check(self, "terminate")
   end_now(self)
end

--- Waits until all has ended, after close() or terminate().
-- @return true; nil, "timeout", "timeout"; or nil, Error of what ended it
function Pool:join(timeout)
   check(self, "join")
   local deadline, problem = options.deadline(timeout)
   if not deadline then misuse("join", problem) end
   if not self.refused then misuse("join", "close() or terminate() the pool first") end
   for each in pairs(self.loops) do iterate.read_on(each) end
   if not self.ended then
      local ok, err, code = driver.turn_until(self, is_over, self, deadline)
      if not ok then return nil, err, code end
   end
   driver.release(self)
   return outcome(self)
end

---- in loops ----

--- Takes in what has happened; waits for it at most so many seconds (0).
-- @treturn boolean whether anything has; or nil, message, code: it has ended
function Pool:poll(timeout)
   check(self, "poll")
   local deadline, problem = options.deadline(timeout or 0)
   if not deadline then misuse("poll", problem) end
   repeat
      local happened, err, code = driver.turn(self, deadline)
      if happened then return true end
      if happened == nil then
         if self.error then return outcome(self) end
         return nil, err, code
      end
   until core.now() >= deadline
   return false
end

--- Readable when there may be something for poll; nil once it has ended.
function Pool:fileno()
   check(self, "fileno")
   return self.core and self.core:fileno()
end

Pool.pollfd, Pool.getfd = Pool.fileno, Pool.fileno

function Pool:events()
   check(self, "events")
   return "r"
end

--- In how many seconds to call poll whatever the descriptor says; nil: never.
function Pool:timeout()
   check(self, "timeout")
   if self.ended then return nil end
   local due = self.core:due()
   if self.due < FOREVER then
      due = math.min(due or FOREVER, math.max(0, self.due - core.now()))
   end
   return due
end

--- Is there something for poll now?
function Pool:dirty()
   check(self, "dirty")
   if self.ended then return false end
   return self:timeout() == 0 or self.core:wait(0) == true
end

---- the object ----

function meta.__tostring(self)
   return ("<Pool(%s, %s)>"):format(self.name, report.state(self))
end

function meta.__close(self)
   if not driver.stranger(self) then end_now(self) end
end

-- Without waiting. Copies in other processes end nothing.
function meta.__gc(self)
   if not self.core or driver.stranger(self) then return end
   for _, member in pairs(self.members) do self.core:kill(member.number) end
   self.core:close()
end

function meta.__pack(self)
   error("Pool belongs to process " .. self.pid, 0)
end
meta.__unpack = meta.__pack

core.register(meta)

---- making one ----

local made = 0

local function new(o, handle, pending)
   made = made + 1
   local self = {
      name = o.name or "Pool-" .. made, pid = core.current_process().pid,
      options = o, soft = o.soft, hard = o.hard,
      core = handle, members = {}, by_number = {}, started = 0,
      pending = pending, submitted = 0, finished = 0, -- tasks (report.counts)
      counts = { failed = 0, lost = 0, timed_out = 0, terminated = 0, cancelled = 0 },
      loops = setmetatable({}, { __mode = "k" }),
      due = FOREVER, waiting = 0,
   }
   self.crew = crew.new(o, function(ref) return report.is_busy(self, ref) end)
   self.elastic, self.restless = self.crew.elastic, self.crew.elastic
   self.intake = not self.elastic and handle or nil -- of plain tasks
   return setmetatable(self, meta)
end

-- Leaves nothing of one that is not up, however that came.
local Unproven = { __close = function(guard)
   if not guard[1].crew.proven or guard[1].error then end_now(guard[1]) end
end }

-- An initializer or argument that does not travel is the caller's mistake; it
-- was one of the second argument of the worker's main function.
local function raise_unsendable(err)
   if type(err) ~= "table" or err.code ~= "unsendable" then return end
   for _, key in ipairs { "path", "message" } do
      err[key] = err[key] and err[key]:gsub("args%[2%]%.", "", 1)
   end
   error(err, 0)
end

local function come_up(self)
   local _ <close> = setmetatable({ self }, Unproven)
   driver.tell(self, { kind = "boot" })
   while not self.crew.proven and self.crew.phase == "running" do
      local turned, err, code = driver.turn(self, FOREVER)
      if turned == nil then return nil, err, code end
   end
   if self.crew.proven and not self.error then return self end
   raise_unsendable(self.crew.last)
   return outcome(self)
end

local pool = {}

--- Makes one, started by that method where its options name none.
function pool.create(given, method)
   local o, problem = options.pool(given)
   if not o then misuse("Pool", problem) end
   o.start_method = o.start_method or method or context.pool_method()
   local pending = {}
   local handle, err, code = core.Pool(pending, o.soft, o.hard)
   if not handle then return nil, err, code end
   return come_up(new(o, handle, pending))
end

--- A pool: `Pool(n)` or `Pool{ processes = n, ... }`; returns when one worker
-- is up.
-- @treturn Pool; or nil, Error, "StartError", and nothing is left
function pool.Pool(given) return pool.create(given) end

pool.as_completed = require "billiard.pool.completed"

return pool
