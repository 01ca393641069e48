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
--    ignored  a child declines to be started this time
--    beat     how often a child's heart has beaten: `n`
--    died     a child has ended: `how`, `code`, `reason`, `random`
--    due      time has passed
--    stop     end all children, in reverse order, by their ladders
--    force    kill all children at once
--
-- and those of `supervisor.calls`.
--
-- Actions: `{ name, ... }`, to be carried out in their order.
--
--    start    id, ref          answer with started or failed, then ready, died
--    signal   id, ref, signal  a rung of the child's ladder
--    pulse    id, ref          answer with beat
--    stop     id, ref          the child is a supervisor: end it
--    force    id, ref          the same, at once
--    ready                     all children are up
--    ended    reason, ...      no child is left: the last action
--    report   about, id, ...   what people may want to know
--    reply    call, ...        to a call
--
-- Its states are initial, starting, running, stopping and ended. What a child
-- does in which state is the business of `supervisor.child`; work on several
-- is a round (`supervisor.rounds`). While an exclusive round runs, deaths and
-- calls are noted, and taken in the order of notice afterwards.
-- @module billiard.supervisor.machine

local calls = require "billiard.supervisor.calls"
local child = require "billiard.supervisor.child"
local consult = require "billiard.supervisor.consult"
local rounds = require "billiard.supervisor.rounds"
local strategy = require "billiard.supervisor.strategy"
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
               coming = {}, -- id -> who takes the place of a child
               on = on }
   for i, each in ipairs(spec.children) do
      local c = child.new(each)
      m.children[i], m.by_id[c.id] = c, c
   end
   return m
end

--- The child of that start: two have the name while one takes the place of
-- the other.
function machine.child(m, id, ref)
   local c = m.by_id[id]
   if c and c.ref ~= ref and m.coming[id] then return m.coming[id] end
   return c
end

--- When the next "due" must come, nil for never.
function machine.due(m)
   local due
   for c in pairs(m.timed) do
      due = (not due or c.due < due) and c.due or due
   end
   return due
end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

---- the end ----

local function finish(m)
   m.state, m.timed = "ended", {}
   emit(m, "ended", m.verdict)
end

-- Nobody waits for an answer that will not come.
local function refuse_calls(m)
   local notices = m.notices
   m.notices = {}
   for _, c in ipairs(m.children) do
      if c.call then calls.refuse(m, c.call, "stopping") end
      c.call = nil
   end
   for _, notice in ipairs(notices) do
      if notice.call then calls.refuse(m, notice.call, "stopping") end
   end
end

-- From here on only the stopping goes on. verdict: why, as in the "ended"
-- action; the first one counts.
local function wind_up(m, verdict, at)
   if m.state == "stopping" or m.state == "ended" then return end
   m.state, m.verdict = "stopping", verdict
   refuse_calls(m)
   rounds.abandon(m)
   rounds.begin(m, { stop = copy(m.children), exclusive = true, done = finish,
      parallel = m.spec.stop_order == "parallel" }, at)
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
      rounds.drop(m, c)
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

-- What was noted, in the order of notice; what is settled by now tells nothing.
local function take_notice(m, notice, at)
   local c = notice.child
   if notice.call then
      notice.call.at = at
      calls.handle(m, notice.call)
   elseif c.ref ~= notice.ref then
      return
   elseif notice.again and c.state == "restarting" then
      on.revive(m, c, at)
   elseif notice.event and c.state == "dead" then
      notice.event.at = at
      decide(m, c, notice.event)
   end
end

function on.next(m, at)
   while m.state == "running" and not m.round and m.notices[1] do
      take_notice(m, table.remove(m.notices, 1), at)
   end
end

---- what children tell ----

-- A child is up, or down as asked: its round goes on.
function on.go_on(m, c, at)
   if c.round then rounds.advance(m, c.round, at) end
end

-- A child declines: it stays down, and that is no failure.
function on.ignored(m, c, at)
   local round = c.round
   if round then rounds.pass(round) end
   if c.temporary then rounds.drop(m, c) end
   if round then rounds.advance(m, round, at) end
end

-- A running child has ended by itself.
function on.notice(m, c, event)
   table.insert(m.notices, { child = c, ref = c.ref, event = event })
   on.next(m, event.at)
end

-- A child did not come up. At boot that is the end; one that a call has
-- started is the caller's business; else it is one more reason to try again,
-- behind what was told before, and what was still to be started waits for that.
function on.fail(m, c, event)
   emit(m, "report", { about = "failed", id = c.id, reason = event.reason })
   if m.state == "starting" then
      return wind_up(m, { reason = "failed", id = c.id, last = event.reason },
         event.at)
   end
   if c.round == m.round then m.round = nil end
   c.round = nil
   if c.call then
      calls.fail(m, c, event.reason)
   else
      child.rest(m, c, event.at)
      c.failure = { kind = "failed", outcome = "failed", reason = event.reason,
                    random = event.random or 0 }
   end
   on.next(m, event.at)
end

-- The wait before a restart is over; before a failed start is looked at, that
-- is the time it takes for all that was told before.
function on.revive(m, c, at)
   local failure = c.failure
   if m.round then
      return table.insert(m.notices, { child = c, ref = c.ref, again = true })
   elseif failure then
      failure.at, c.failure = at, nil
      return decide(m, c, failure)
   end
   local stop, start = strategy[m.spec.strategy](m.children, c)
   child.rest(m, c)
   rounds.begin(m, { stop = stop, start = start, exclusive = #stop > 0,
      drops = true, done = on.next }, at)
end

---- events ----

local function force(m, event)
   for _, c in ipairs(m.children) do child.force(m, c, event.at) end
   wind_up(m, { reason = "stopped" }, event.at)
end

local function boot(m, event)
   m.state = "starting"
   rounds.begin(m, { start = copy(m.children), exclusive = true,
      done = function(_, at)
         m.state = "running"
         emit(m, "ready")
         on.next(m, at)
      end }, event.at)
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
   local c = machine.child(m, event.id, event.ref)
   if c and c.ref == event.ref then child.handle(m, c, event) end
end

local function call(m, event)
   if m.state ~= "starting" and m.state ~= "running" then
      return calls.refuse(m, event, "not running")
   end
   table.insert(m.notices, { call = event })
   on.next(m, event.at)
end

local function nothing() end

local LIVE <const> = { started = about_child, ready = about_child,
   failed = about_child, ignored = about_child, beat = about_child,
   died = about_child, due = due, stop = stop, force = force }

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
   local act = calls.known(event) and call
      or TRANSITIONS[m.state][event[1]] or nothing
   act(m, event)
   return m.out
end

return machine
