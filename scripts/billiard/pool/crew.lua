-- SPDX-License-Identifier: MIT
--- Which workers a pool has: a pure machine, events and a clock in, actions
-- out. It knows no process; pool.driver carries out what it wants.
--
--        start            up                    stale: has a successor
--    ---------> starting ----> up ------------> (full, too old, restart)
--                   |           |                    |
--                   +-----------+---> leaving <------+  retired, killed, spent
--
-- event: `{ kind, at, load, finished, ... }`, always with
--    at        seconds on the driver's clock
--    load      tasks that have not ended
--    finished  how many have, ever
-- kind:
--    "boot" "close" "terminate" "restart", "grow" and "shrink" with n: the user
--    "up" ref           it can take tasks; "failed" ref: it can not (reason)
--    "full" ref         it has too much memory
--    "spent" ref        it was given its last task, and leaves by itself
--    "gone" ref         its process has ended, or was not started; worked: it
--                       had begun a task, reason: how it ended
--    "tick"             time has passed or the load has changed
--
-- action:
--    { "start", ref, index }   answered by up, failed or gone
--    { "retire", ref }         no more tasks, then it leaves; { "kill", ref }: gone
--    { "ended", why }          see `why`
-- why: "closed", "terminated", "failed" (none ever came up) or "gave_up"; then
-- `last` is the last reason. Known from the phase "ending" on.
-- @module billiard.pool.crew

local crew, Crew = {}, {}
Crew.__index = Crew

-- While none ever came up, so many in a row are enough.
local TRIES <const> = 3

--- Makes one. rules: processes, min, max, idle_timeout, max_restarts,
-- max_restart_freq, start_timeout, and perhaps max_age.
-- @tparam table rules
-- @tparam function busy ref -> has it something to do?
function crew.new(rules, busy)
   return setmetatable({
      rules = rules, busy = busy, phase = "new",
      goal = rules.processes, min = rules.min, max = rules.max,
      elastic = rules.min < rules.max,
      members = {}, refs = 0, load = 0, finished = 0,
      failures = {}, -- { at, up }, within the window; up: after it had come up
      row = 0, -- how many since the last task that was finished
      not_before = -math.huge,
   }, Crew)
end

---- the members ----

function Crew:find(ref)
   for place, member in ipairs(self.members) do
      if member.ref == ref then return member, place end
   end
end

function Crew:count(state)
   local n = 0
   for _, member in ipairs(self.members) do
      if member.state == state then n = n + 1 end
   end
   return n
end

-- The lowest that is free: log files of workers stay few.
function Crew:free_index()
   local taken, index = {}, 1
   for _, member in ipairs(self.members) do taken[member.index] = true end
   while taken[index] do index = index + 1 end
   return index
end

function Crew:start(at, out)
   self.refs = self.refs + 1
   local member = { ref = self.refs, index = self:free_index(),
                    state = "starting", since = at }
   self.members[#self.members + 1] = member
   out[#out + 1] = { "start", member.ref, member.index }
end

local function kill(member, out)
   if not member.killed then out[#out + 1] = { "kill", member.ref } end
   member.state, member.killed = "leaving", true
end

local function retire(member, out)
   member.state = "leaving"
   out[#out + 1] = { "retire", member.ref }
end

---- failures ----

-- Nothing at first, then twice as long each time, up to a second.
local function backoff(row)
   return row < 2 and 0 or math.min(1, 0.01 * 2 ^ (row - 2))
end

function Crew:end_as(why, out)
   if self.phase == "ending" or self.phase == "ended" then return end
   self.phase, self.why = "ending", why
   for _, member in ipairs(self.members) do kill(member, out) end
end

function Crew:note_failure(at, reason, out, up)
   local failures, rules = self.failures, self.rules
   self.row, self.last = self.row + 1, reason
   failures[#failures + 1] = { at = at, up = up }
   while at - failures[1].at > rules.max_restart_freq do table.remove(failures, 1) end
   self.not_before = at + backoff(self.row)
   if not self.proven and self.row >= math.min(TRIES, rules.max_restarts + 1) then
      self:end_as("failed", out)
   elseif #failures > rules.max_restarts then
      self:end_as("gave_up", out)
   end
end

-- A task is done: whoever kills workers that are up does not stop the pool.
function Crew:note_progress(finished)
   self.finished, self.row, self.not_before = finished, 0, -math.huge
   local kept = {}
   for _, failure in ipairs(self.failures) do
      if not failure.up then kept[#kept + 1] = failure end
   end
   self.failures = kept
end

---- events ----

local on = {}

function on.boot(self) self.phase = "running" end

function on.close(self)
   if self.phase == "running" then self.phase = "closing" end
end

function on.terminate(self, _, out) self:end_as("terminated", out) end

-- What bounds an elastic crew moves with it.
function on.grow(self, event)
   self.goal = self.goal + event.n
   self.max = math.max(self.max, self.goal)
end

function on.shrink(self, event)
   self.goal = self.goal - event.n
   self.min = math.min(self.min, self.goal)
end

function on.restart(self)
   for _, member in ipairs(self.members) do
      if member.state == "up" then member.state = "stale" end
   end
end

function on.up(self, event)
   local member = self:find(event.ref)
   self.proven, member.up_at = true, event.at
   if member.state == "starting" then member.state = "up" end
end

function on.failed(self, event, out)
   local member = self:find(event.ref)
   local asked = member.state == "leaving"
   member.state = "leaving"
   if not asked then self:note_failure(event.at, event.reason, out) end
end

function on.full(self, event)
   local member = self:find(event.ref)
   if member.state == "up" then member.state = "stale" end
end

function on.spent(self, event) self:find(event.ref).state = "leaving" end

function on.gone(self, event, out)
   local member, place = self:find(event.ref)
   table.remove(self.members, place)
   if member.state ~= "leaving" and not event.worked then
      self:note_failure(event.at, event.reason, out, member.up_at ~= nil)
   end
end

function on.tick() end

---- time ----

-- Those that take too long to come up, and those that are too old.
function Crew:watch_clock(at, out)
   local rules = self.rules
   for _, member in ipairs(self.members) do
      if not member.up_at and not member.killed
         and at - member.since >= rules.start_timeout then
         local asked = member.state == "leaving"
         kill(member, out)
         if not asked then
            self.row = self.proven and self.row or TRIES -- it was long enough
            self:note_failure(at, ("not up within %g s (start_timeout)")
               :format(rules.start_timeout), out)
         end
      elseif member.state == "up" and rules.max_age
         and at - member.up_at >= rules.max_age then
         member.state = "stale"
      end
   end
end

-- One more while there is more to do than there are workers, each when the one
-- before is up; one less after each idle_timeout in which there was less.
function Crew:stretch(at)
   if self.load > self.goal and self.goal < self.max
      and self:count "starting" == 0 then
      self.goal = self.goal + 1
   end
   if self.load >= self.goal then
      self.slack = nil
      return
   end
   self.slack = self.slack or at
   if at - self.slack >= self.rules.idle_timeout and self.goal > self.min then
      self.goal, self.slack = self.goal - 1, at
   end
end

---- as many as there should be ----

function Crew:wanted()
   if self.phase == "running" then return self.goal end
   return self.phase == "closing" and math.min(self.goal, self.load) or 0
end

-- Whom to let go of: who is not up yet, who is idle, anyone; the last come.
function Crew:dispensable()
   local found, worth = nil, 4
   for _, member in ipairs(self.members) do
      local its = member.state == "starting" and 1
         or member.state == "up" and (self.busy(member.ref) and 3 or 2) or 5
      if its < 4 and its <= worth then found, worth = member, its end
   end
   return found
end

function Crew:retire_stale(wanted, out)
   local surplus = self:count "up" + self:count "stale" - wanted
   for _, member in ipairs(self.members) do
      if surplus <= 0 then return end
      if member.state == "stale" then
         retire(member, out)
         surplus = surplus - 1
      end
   end
end

function Crew:balance(at, out)
   if self.phase == "running" and self.elastic then self:stretch(at) end
   local wanted = self:wanted()
   local fresh = self:count "starting" + self:count "up"
   for _ = fresh + 1, at >= self.not_before and wanted or 0 do
      self:start(at, out)
   end
   for _ = wanted + 1, fresh do retire(self:dispensable(), out) end
   self:retire_stale(wanted, out)
end

--- What follows from an event.
-- @treturn table the actions, in order
function crew.handle(self, event)
   local out = {}
   if event.finished > self.finished then
      self:note_progress(event.finished)
   end
   self.load = event.load
   on[event.kind](self, event, out)
   if self.phase == "running" or self.phase == "closing" then
      self:watch_clock(event.at, out)
      self:balance(event.at, out)
   end
   if not self.members[1] and self.phase ~= "ended" and self:wanted() == 0 then
      out[#out + 1] = { "ended", self.why or "closed" }
      self.phase = "ended"
   end
   return out
end

--- When it wants a tick whatever happens; math.huge for never.
function crew.due(self)
   local rules, due = self.rules, math.huge
   if self.phase ~= "running" and self.phase ~= "closing" then return due end
   for _, member in ipairs(self.members) do
      if not member.up_at and not member.killed then
         due = math.min(due, member.since + rules.start_timeout)
      elseif member.state == "up" and rules.max_age then
         due = math.min(due, member.up_at + rules.max_age)
      end
   end
   if self:count "starting" + self:count "up" < self:wanted() then
      due = math.min(due, self.not_before)
   end
   if self.slack and self.goal > self.min then
      due = math.min(due, self.slack + rules.idle_timeout)
   end
   return due
end

return crew
