-- SPDX-License-Identifier: MIT
--- A supervisor as a pure state machine: events in, actions out. It knows no
-- clock, no process and no descriptor; whoever drives it does.
--
--    local m = machine.new(spec)
--    for _, action in ipairs(machine.handle(m, event)) do ... end
--    machine.due(m)  -- when to send "due" at the latest, or nil
--
-- Events: `{ name, at = seconds }`; those about a child carry its `id` and
-- the `ref` of the start they belong to, and are ignored when another start
-- came since.
--
--    boot     start all children, in order
--    started  the process of a child is there
--    ready    a child is up
--    failed   a child could not be started: `reason`
--    died     a child has ended: `how`, `code`, `reason`, `random`
--    due      time has passed
--    stop     end all children, in reverse order, by their ladders
--    force    kill all children at once
--
-- Actions: `{ name, ... }`, to be carried out in their order.
--
--    start    id, ref          answer with started or failed, then ready, died
--    signal   id, ref, signal  a rung of the child's ladder
--    stop     id, ref          the child is a supervisor: end it
--    force    id, ref          the same, at once
--    ready                     all children are up
--    ended    reason, ...      no child is left: the last action
--    report   about, id, ...   what people may want to know
--
-- Its states are initial, starting, running, stopping and ended. What a child
-- does in which state is the business of `supervisor.child`; this file holds
-- rounds: lists of children to stop and then to start, one at a time, each
-- really down, or up, before the next. While an exclusive round runs, deaths
-- are noted and decided upon afterwards.
-- @module billiard.supervisor.machine

local child = require "billiard.supervisor.child"
local consult = require "billiard.supervisor.consult"
local REMEMBERED <const> = require "billiard.policy.restart".REMEMBERED

local emit = child.emit

local machine = {}

local on = {} -- what children tell the machine; see supervisor.child

--- Makes one. spec: `{ strategy, intensity, auto_shutdown, children }`, checked
-- (supervisor.spec); intensity is a policy. A child: `{ id, restart, backoff,
-- stop, ready, start_timeout, significant, supervisor }`, with policies for
-- restart and backoff, a complete ladder for stop, and booleans from ready on.
function machine.new(spec)
   local m = { spec = spec, state = "initial", children = {}, by_id = {},
               timed = {}, notices = {}, history = {}, refs = 0, out = {},
               on = on }
   for i, each in ipairs(spec.children) do
      local c = child.new(each)
      m.children[i], m.by_id[c.id] = c, c
   end
   return m
end

--- When the next "due" must come, nil for never.
function machine.due(m)
   local due
   for c in pairs(m.timed) do
      due = (not due or c.due < due) and c.due or due
   end
   return due
end

---- rounds ----

-- One round: its children in reverse order to be stopped, then in order to be
-- started, then done().
local function advance(m, round, at)
   while round.stopping > 0 do
      local c = round.stop[round.stopping]
      if child.down(m, c, at) then
         round.stopping = round.stopping - 1
         c.round = nil
      else
         c.round = round
         return
      end
   end
   while round.started < #round.start do
      local c = round.start[round.started + 1]
      c.round = round
      if c.state == "stopped" then child.start(m, c, at) end
      if c.state ~= "running" then return end
      round.started = round.started + 1
      c.round = nil
   end
   if m.round == round then m.round = nil end
   round.done(m, at)
end

local function begin(m, stop, start, exclusive, done, at)
   local round = { stop = stop, stopping = #stop, start = start, started = 0,
                   done = done }
   m.round = exclusive and round or m.round
   advance(m, round, at)
end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

---- the end ----

local function finish(m)
   m.state, m.timed = "ended", {}
   emit(m, "ended", m.verdict)
end

-- From here on only the stopping goes on. verdict: why, as in the "ended"
-- action; the first one counts.
local function wind_up(m, verdict, at)
   if m.state == "stopping" or m.state == "ended" then return end
   m.state, m.verdict, m.notices, m.round = "stopping", verdict, {}, nil
   for _, c in ipairs(m.children) do c.round = nil end
   begin(m, copy(m.children), {}, true, finish, at)
end

---- deaths ----

local function remember(m, c, at)
   table.insert(m.history, { id = c.id, at = at, ran = c.ran })
   if #m.history > REMEMBERED then table.remove(m.history, 1) end
end

local function others_run(m)
   for _, c in ipairs(m.children) do
      if c.spec.significant and c.state ~= "stopped" then return true end
   end
   return false
end

-- A child is down for good: is that the end of all?
local function retire(m, c, at)
   local mode = m.spec.auto_shutdown
   if not c.spec.significant or mode == "never" then return end
   if mode == "all_significant" and others_run(m) then return end
   wind_up(m, { reason = "finished", id = c.id }, at)
end

local DECISIONS <const> = {
   restart = function(m, c, at, event, wait)
      remember(m, c, at)
      emit(m, "report", { about = "restart", id = c.id, after = wait,
         reason = event.reason })
      child.rest(m, c, at + wait)
      if wait == 0 then on.revive(m, c, at) end
   end,
   leave = function(m, c, at)
      child.rest(m, c)
      retire(m, c, at)
   end,
   drop = function(m, c, at)
      child.rest(m, c)
      for i, each in ipairs(m.children) do
         if each == c then table.remove(m.children, i) end
      end
      m.by_id[c.id] = nil
      retire(m, c, at)
   end,
   give_up = function(m, c, at, event)
      child.rest(m, c)
      emit(m, "report", { about = "gave_up", id = c.id, reason = event.reason })
      wind_up(m, { reason = "gave_up", id = c.id, last = event.reason }, at)
   end,
}

local function decide(m, c, event)
   local policies = { restart = c.spec.restart, intensity = m.spec.intensity,
                      backoff = c.spec.backoff }
   local view = { id = c.id, ran = c.ran, significant = c.spec.significant }
   local word, wait, problems = consult(policies, event, view, m.history)
   for _, problem in ipairs(problems) do
      emit(m, "report", { about = "policy", id = c.id,
         policy = problem.policy, reason = problem.reason })
   end
   DECISIONS[word](m, c, event.at, event, wait)
end

-- What was noted meanwhile, in the order of notice.
local function decide_notices(m, at)
   while m.state == "running" and not m.round and m.notices[1] do
      local notice = table.remove(m.notices, 1)
      if notice.child.state == "dead" then
         notice.event.at = at
         decide(m, notice.child, notice.event)
      end
   end
end

---- what children tell ----

-- A child is up, or down as asked: its round goes on.
function on.go_on(m, c, at)
   if c.round then advance(m, c.round, at) end
end

-- A running child has ended by itself.
function on.notice(m, c, event)
   table.insert(m.notices, { child = c, event = event })
   decide_notices(m, event.at)
end

-- A child did not come up. At boot that is the end; later it is one more
-- reason to try again.
function on.fail(m, c, event)
   local booting = m.state == "starting"
   c.round = nil
   emit(m, "report", { about = "failed", id = c.id, reason = event.reason })
   if booting then
      wind_up(m, { reason = "failed", id = c.id, last = event.reason }, event.at)
   else
      decide(m, c, { kind = "failed", outcome = "failed", at = event.at,
         random = event.random or 0, reason = event.reason })
   end
end

-- Which children a restart of one takes down, and which it starts.
local SCOPES <const> = {
   one_for_one = function(_, c) return {}, { c }, false end,
}

-- The wait before a restart is over.
function on.revive(m, c, at)
   local stop, start, exclusive = SCOPES[m.spec.strategy](m, c)
   c.state = "stopped"
   begin(m, stop, start, exclusive, decide_notices, at)
end

---- events ----

local function force(m, event)
   for _, c in ipairs(m.children) do child.force(m, c, event.at) end
   wind_up(m, { reason = "stopped" }, event.at)
end

local function boot(m, event)
   m.state = "starting"
   begin(m, {}, copy(m.children), true, function(_, at)
      m.state = "running"
      emit(m, "ready")
      decide_notices(m, at)
   end, event.at)
end

local function due(m, event)
   local list = {}
   for c in pairs(m.timed) do
      if c.due <= event.at then list[#list + 1] = c end
   end
   table.sort(list, function(a, b) return a.ref < b.ref end)
   for _, c in ipairs(list) do
      -- what happened to the one before may have settled this one
      if m.timed[c] and c.due <= event.at then child.handle(m, c, event) end
   end
end

local function stop(m, event) wind_up(m, { reason = "stopped" }, event.at) end

local function about_child(m, event)
   local c = m.by_id[event.id]
   if c and c.ref == event.ref then child.handle(m, c, event) end
end

local function nothing() end

local LIVE <const> = { started = about_child, ready = about_child,
   failed = about_child, died = about_child, due = due, stop = stop,
   force = force }

local TRANSITIONS <const> = {
   initial = { boot = boot, stop = stop, force = stop },
   starting = LIVE,
   running = LIVE,
   stopping = LIVE,
   ended = {},
}

--- Takes one event and returns the list of actions that follow.
function machine.handle(m, event)
   m.out = {}
   local act = TRANSITIONS[m.state][event[1]] or nothing
   act(m, event)
   return m.out
end

return machine
