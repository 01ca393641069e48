-- SPDX-License-Identifier: MIT
--- A supervisor: starts its children in order, starts again what dies, gives
-- up when that happens too often, stops them in reverse order. Erlang's
-- meaning, over real processes.
--
-- It works inside its calls: between `start` and `stop`, call `wait`, or
-- `poll` from a loop of your own.
-- @module billiard.supervisor

local apart = require "billiard.supervisor.apart"
local change = require "billiard.supervisor.change"
local core = require "billiard.core"
local driver = require "billiard.supervisor.driver"
local log = require "billiard.log"
local spec = require "billiard.supervisor.spec"
local view = require "billiard.supervisor.view"

local Supervisor = {}
local meta = { __index = Supervisor, __name = "billiard.Supervisor" }

local SENTENCES <const> = {
   restart = "%s ended (%s), started again",
   failed = "%s did not start (%s)",
   late = "%s is not ready in time",
   hung = "%s has no heartbeat, ending it",
   unkillable = "%s is still there after SIGKILL",
   policy = "%s: policy failed (%s); the default applies",
   gave_up = "%s ended too often (%s), giving up",
   added = "%s added",
   removed = "%s removed",
   replaced = "%s replaced",
   signal = "%s cannot be signalled (%s)",
}

--- What a report says, for people.
local function sentence(action)
   local id = action.policy and action.id .. ": " .. action.policy or action.id
   local text = SENTENCES[action.about]:format(id, action.reason)
   local wait = action.about == "restart" and action.after or 0
   return wait > 0 and ("%s in %.3g s"):format(text, wait) or text
end

local function log_report(action, name)
   log.get_logger():warning("%s: %s", name, sentence(action))
end

local function check(self, what)
   if type(self) ~= "table" or getmetatable(self) ~= meta then
      error(what .. ": a Supervisor comes first, got " .. type(self), 3)
   elseif self.pid ~= core.current_process().pid then
      error(("%s: Supervisor belongs to process %d"):format(what, self.pid), 3)
   end
end

local function check_seconds(what, seconds)
   if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds) then
      error(("%s: timeout must be a number of seconds, got %s"):format(what,
         tostring(seconds)), 3)
   end
   return seconds and core.now() + seconds
end

local CODES <const> = { failed = "StartError", gave_up = "RestartFreqExceeded" }
local WHY <const> = { failed = "%s: child %s did not start: %s",
                      gave_up = "%s: child %s ended too often: %s" }

-- What start and wait return once all is over.
local function outcome(self)
   local verdict = self.driver.verdict
   local code = CODES[verdict.reason]
   if not code then return true, verdict.reason end
   local message = WHY[verdict.reason]:format(self.name, verdict.id,
      verdict.last)
   local err = core.new_error(code, message)
   err.name = verdict.id
   return nil, err, code
end

-- Turns until done() or the deadline, at least once. true, or false at the
-- deadline.
local function turn_until(self, done, deadline)
   local over = false
   while not self.driver.verdict and not done() do
      if over then return false end
      self.driver:turn(deadline and math.max(0, deadline - core.now()))
      over = deadline and core.now() >= deadline
   end
   return true
end

local function never() return false end

--- Makes a supervisor from what `spec.supervisor` has checked.
-- @tparam table checked
-- @tparam[opt] table hooks see supervisor.driver
local function new(checked, hooks)
   hooks = hooks or {}
   hooks.report = hooks.report or log_report
   return setmetatable({ name = checked.id, pid = core.current_process().pid,
      driver = driver.new(checked, hooks) }, meta)
end

--- Begins to start, without waiting.
function Supervisor:begin()
   check(self, "begin")
   if self.begun then error("start: a Supervisor cannot be started twice", 2) end
   self.begun = true
   self.driver:tell(self.driver.root, { "boot" })
   return self
end

--- Starts the children in order, each ready before the next.
-- @return the supervisor; or nil, Error, "StartError", and nothing is left
function Supervisor:start()
   check(self, "start")
   if self.begun then error("start: a Supervisor cannot be started twice", 2) end
   self:begin()
   turn_until(self, function() return self.driver.up end)
   if self.driver.up then return self end
   return outcome(self)
end

--- Works for so many seconds, or until all has ended.
-- @return true and why: "stopped" or "finished"; nil, "timeout"; or nil,
-- Error, "RestartFreqExceeded" (or "StartError")
function Supervisor:wait(timeout)
   check(self, "wait")
   local deadline = check_seconds("wait", timeout)
   if not self.begun then error("wait: call start() first", 2) end
   if turn_until(self, never, deadline) then return outcome(self) end
   return nil, "timeout", "timeout"
end

--- Works until `thing` is ready, which may be anything that `wait` takes.
-- @return nil while it runs, else as wait
function Supervisor:attend(thing)
   check(self, "attend")
   local ready = false
   self.driver.loop:add(thing, function() ready = true end)
   turn_until(self, function() return ready end)
   self.driver.loop:remove(thing)
   if self.driver.verdict then return outcome(self) end
end

--- Does what there is to do now.
function Supervisor:poll()
   check(self, "poll")
   return self:wait(0)
end

local function end_by(self, event)
   if not self.begun then
      self.begun = true
   end
   if not self.driver.verdict then
      self.driver:tell(self.driver.root, { event })
      self.driver:drain()
   end
end

--- Asks all to stop, or with force kills them, without waiting.
function Supervisor:ask_to_stop(force)
   check(self, "ask_to_stop")
   end_by(self, force and "force" or "stop")
end

--- Stops the children in reverse order, each by its ladder.
-- @return what wait returns
function Supervisor:stop()
   check(self, "stop")
   end_by(self, "stop")
   turn_until(self, never)
   return outcome(self)
end

---- children, while it runs ----

local function check_running(self, what, level)
   check(self, what)
   if not self.driver.up or self.driver.verdict then
      error(what .. ": this Supervisor is not running", level or 3)
   end
end

-- Carries out one of supervisor.calls; the reply's action.
local function call(self, what, event)
   check_running(self, what, 4)
   return self.driver:ask(self.driver.root, what, event)
end

local REFUSALS <const> = {
   not_found = "there is no child %s",
   already_started = "there is a child %s already, and it runs",
   already_present = "there is a child %s already; restart_child starts it",
   running = "child %s is running",
   restarting = "child %s is being started again",
   stopping = "the supervisor ended before child %s was dealt with",
}

local function answer(what, reply)
   if reply.ok then return true end
   local known = REFUSALS[reply.reason]
   local code = known and reply.reason or "StartError"
   local text = known and known:format(reply.id)
      or ("child %s did not start: %s"):format(reply.id, reply.reason)
   local err = core.new_error(code, ("%s (%s)"):format(text, what))
   err.name = reply.id
   return nil, err, code
end

-- The same for what has a pid then.
local function answer_start(self, what, reply)
   local ok, err, code = answer(what, reply)
   if not ok then return nil, err, code end
   local row = self:child(reply.id)
   return true, row and row.pid
end

local function check_id(what, id)
   if type(id) ~= "string" then
      error(("%s: a child's name must be a string, got %s"):format(what,
         type(id)), 3)
   end
   return id
end

--- Adds a child behind the others and starts it.
-- @tparam table child options as in a topology, or a topology
-- @treturn boolean true; then its pid, where it has one (it may have declined).
-- Or nil, Error, code: "already_started", "already_present", or "StartError",
-- and then there is no such child
function Supervisor:start_child(child)
   local checked, problem
   if type(child) == "table" and type(child.checked) == "table" then
      checked = apart.wanted(child.checked) -- a topology
   else
      checked, problem = spec.child(child)
   end
   if not problem then problem = spec.unfit(self.driver.root.spec, checked) end
   if problem then error("start_child: " .. problem, 2) end
   return answer_start(self, "start_child", call(self, "start_child",
      { id = checked.id, spec = checked }))
end

--- Stops a child, or cancels its restart; it stays, not running, unless it is
-- temporary.
-- @treturn boolean true, also where it does not run; or nil, Error, "not_found"
function Supervisor:terminate_child(id)
   return answer("terminate_child", call(self, "terminate_child",
      { id = check_id("terminate_child", id) }))
end

--- Starts a child that does not run.
-- @return as start_child; the codes are "running", "restarting", "not_found"
-- and "StartError", and then it stays, not running
function Supervisor:restart_child(id)
   return answer_start(self, "restart_child", call(self, "restart_child",
      { id = check_id("restart_child", id) }))
end

--- Forgets a child that does not run.
-- @treturn boolean true; or nil, Error, "running", "restarting" or "not_found"
function Supervisor:delete_child(id)
   return answer("delete_child", call(self, "delete_child",
      { id = check_id("delete_child", id) }))
end

---- changes of what runs ----

local function refusal(code, text, id)
   local err = core.new_error(code, text)
   err.name = id
   return nil, err, code
end

-- true and what was done, or nil, Error, code and the same.
local function outcome_of(what, result)
   local first = result.failed[1]
   if not first then return true, result end
   local ok, err, code = answer(what, first)
   return ok, err, code, result
end

--- Makes what runs what the checked spec of another supervisor wants: what did
-- not change keeps its process.
-- @return true and the lists `added`, `removed`, `replaced`; or nil, Error,
-- "StartError" (what did not come up is as it was), and then the lists; or nil,
-- Error, "refused" where that cannot be done without stopping all
function Supervisor:reload(checked)
   check_running(self, "reload")
   if not change.possible(self.driver, checked) then
      return refusal("refused", ("%s cannot become %s while it runs (reload)")
         :format(self.name, checked.id), checked.id)
   end
   local result = change.new_result()
   if not checked.whole then
      change.reload(self.driver, self.driver.root, checked, result)
   end
   return outcome_of("reload", result)
end

local function find(self, what, name)
   local node, c = change.find(self.driver, check_id(what, name))
   if node then return node, c end
   return refusal("not_found", ("there is no supervisor %s that runs (%s)")
      :format(name, what), name)
end

--- Replaces the children of a supervisor below one by one, until one fails.
-- @tparam[opt] string name of it; this one
-- @return as of reload; or nil, Error, "not_found"
function Supervisor:roll(name)
   check_running(self, "roll")
   local node, err, code = find(self, "roll", name or self.driver.root.spec.id)
   if not node then return nil, err, code end
   local result = change.new_result()
   change.roll(self.driver, node, result)
   return outcome_of("roll", result)
end

--- Makes a group have n members: adds some behind the others, or stops the last
-- ones.
-- @return as of reload; or nil, Error, "not_found"
function Supervisor:scale(name, n)
   check_running(self, "scale")
   local node, c, code = find(self, "scale", name)
   if not node then return nil, c, code end
   if not node.spec.resize then
      return refusal("not_found", ("%s is no group (scale)"):format(name), name)
   end
   local checked, problem = node.spec.resize(n)
   if not checked then error("scale: " .. problem, 2) end
   local result = change.new_result()
   change.resize(self.driver, node, c, checked, result)
   return outcome_of("scale", result)
end

---- what there is ----

--- One of its children: `{ id, name, state, type, pid, process }`; nil where
-- there is none. The Process is the supervisor's: do not end or close it.
function Supervisor:child(id)
   check(self, "child")
   local c = self.driver.root.machine.by_id[check_id("child", id)]
   return c and view.child(self.driver.root, c)
end

--- All of them, as `child` tells, in the order of their starts.
function Supervisor:which_children()
   check(self, "which_children")
   local list = {}
   for i, c in ipairs(self.driver.root.machine.children) do
      list[i] = view.child(self.driver.root, c)
   end
   return list
end

--- How many: `{ specs, active, supervisors, workers }`; active are those that
-- run, the last two count all.
function Supervisor:count_children()
   local n = { specs = 0, active = 0, supervisors = 0, workers = 0 }
   for _, row in ipairs(self:which_children()) do
      local kind = row.type .. "s"
      n.specs, n[kind] = n.specs + 1, n[kind] + 1
      if row.state ~= "stopped" and row.state ~= "restarting" then
         n.active = n.active + 1
      end
   end
   return n
end

--- What runs: `{ name, state, restarts, children = { { name, state, pid } } }`.
function Supervisor:status()
   check(self, "status")
   return view.status(self.driver.root)
end

function meta.__tostring(self)
   return ("<Supervisor(%s, %s)>"):format(self.name,
      self.driver.root.machine.state)
end

function meta.__close(self)
   if self.pid == core.current_process().pid then self:stop() end
end

return { new = new, spec = spec, sentence = sentence }
