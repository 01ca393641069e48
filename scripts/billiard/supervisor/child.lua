-- SPDX-License-Identifier: MIT
--- One child of a supervisor's machine: its states and what each event does.
--
--    stopped --start--> starting --ready--> running --died--> dead
--       ^                  | due, stop         | stop          | decided
--       |                  v                   v               v
--       +----- died ---- stopping <------------+           restarting
--                                                    due: starting again
--
-- What concerns the other children is for the machine: m.on holds its
-- functions go_on, ignored, notice, fail and revive.
-- @module billiard.supervisor.child

local kinds = require "billiard.policy.restart".kinds

local child = {}

-- Longer after SIGKILL than this means that it hangs in the kernel.
local AFTER_KILL <const> = 5

function child.new(spec)
   return { id = spec.id, spec = spec, state = "stopped", ref = 0, rung = 0,
            ran = 0, temporary = spec.restart == kinds.temporary }
end

--- Appends an action.
function child.emit(m, name, action)
   action = action or {}
   action[1] = name
   m.out[#m.out + 1] = action
end
local emit = child.emit

local function set_due(m, c, due)
   c.due = due
   m.timed[c] = due and true or nil
end

--- It runs no more; until `due`, or for good.
function child.rest(m, c, due)
   c.state = due and "restarting" or "stopped"
   c.rung, c.late, c.hung, c.failure = 0, nil, nil, nil
   set_due(m, c, due)
end

function child.start(m, c, at)
   m.refs = m.refs + 1
   c.ref, c.state, c.ran = m.refs, "starting", 0
   local patience = c.spec.ready and c.spec.start_timeout
   set_due(m, c, patience and at + patience)
   emit(m, "start", { id = c.id, ref = c.ref })
end

---- ends ----

local OUTCOMES <const> = { exit = "failed", signal = "killed",
                           shutdown = "ok", unknown = "failed" }

local function outcome_of(event)
   if event.how == "exit" and event.code == 0 then return "ok" end
   return OUTCOMES[event.how]
end

local function reason_of(event)
   return event.reason or ("%s %s"):format(event.how, event.code or "")
end

-- It has ended by itself, or was ended for what it is itself to blame for.
local function tell_of_end(m, c, event, outcome, reason)
   c.state, c.ran = "dead", event.at - c.up_at
   m.on.notice(m, c, { kind = "died", outcome = outcome, at = event.at,
      random = event.random or 0, how = event.how, code = event.code,
      reason = reason })
end

-- It is down after it was asked to be, came up too late, or hung.
local function settle(m, c, event)
   local late, hung = c.late, c.hung
   child.rest(m, c)
   if hung then
      tell_of_end(m, c, event, "killed", ("no heartbeat for %g s")
         :format(c.spec.heartbeat.threshold))
   elseif late then
      m.on.fail(m, c, { at = event.at, random = event.random,
         reason = ("not ready after %g s"):format(c.spec.start_timeout) })
   else
      m.on.go_on(m, c, event.at)
   end
end

-- The next rung of the ladder.
local function climb(m, c, at)
   c.state, c.rung = "stopping", c.rung + 1
   if c.spec.supervisor then
      set_due(m, c, nil)
      return emit(m, "stop", { id = c.id, ref = c.ref })
   end
   local rung, last = c.spec.stop[c.rung], c.rung == #c.spec.stop
   if not rung then
      emit(m, "report", { about = "unkillable", id = c.id })
      c.ref = 0 -- its end, should it come, is nobody's
      return settle(m, c, { at = at })
   end
   if rung[1] ~= "WAIT" then
      emit(m, "signal", { id = c.id, ref = c.ref, signal = rung[1],
         seconds = rung[2] })
   end
   set_due(m, c, at + (last and AFTER_KILL or rung[2]))
end

--- True when it is down; else begins to end it, unless that goes on already.
function child.down(m, c, at)
   if c.state == "stopping" then
      c.late, c.hung = nil, nil
   elseif c.state == "starting" or c.state == "running" then
      climb(m, c, at)
   elseif c.state ~= "stopped" then
      child.rest(m, c)
   end
   return c.state == "stopped"
end

--- Ends it at once.
function child.force(m, c, at)
   if c.state ~= "starting" and c.state ~= "running" and
      c.state ~= "stopping" then
      return child.rest(m, c)
   end
   c.late, c.hung = nil, nil
   if c.spec.supervisor then
      c.state = "stopping"
      set_due(m, c, nil)
      emit(m, "force", { id = c.id, ref = c.ref })
   elseif c.rung < #c.spec.stop then
      c.rung = #c.spec.stop - 1
      climb(m, c, at)
   end
end

---- events ----

-- When its heart is felt next.
local function watch(m, c, at)
   local heartbeat = c.spec.heartbeat
   set_due(m, c, heartbeat and at + heartbeat.threshold)
end

local function up(m, c, event)
   c.state, c.up_at, c.beats = "running", event.at, nil
   watch(m, c, event.at)
   m.on.go_on(m, c, event.at)
end

local function started(m, c, event)
   if not c.spec.ready then up(m, c, event) end
end

local function failed(m, c, event)
   child.rest(m, c)
   m.on.fail(m, c, event)
end

local function ignored(m, c, event)
   child.rest(m, c)
   m.on.ignored(m, c, event.at)
end

local function died_early(m, c, event)
   child.rest(m, c)
   m.on.fail(m, c, { at = event.at, random = event.random,
      reason = "ended before it was ready (" .. reason_of(event) .. ")" })
end

local function late(m, c, event)
   emit(m, "report", { about = "late", id = c.id,
      after = c.spec.start_timeout })
   c.late = true
   climb(m, c, event.at)
end

local function died(m, c, event)
   set_due(m, c, nil)
   tell_of_end(m, c, event, outcome_of(event), reason_of(event))
end

local function feel(m, c, event)
   watch(m, c, event.at)
   emit(m, "pulse", { id = c.id, ref = c.ref })
end

-- event.n: how often its heart has beaten. As often as last time: it hangs.
local function beat(m, c, event)
   if event.n ~= c.beats then
      c.beats = event.n
      return
   end
   emit(m, "report", { about = "hung", id = c.id,
      after = c.spec.heartbeat.threshold })
   c.hung = true
   climb(m, c, event.at)
end

local function next_rung(m, c, event) climb(m, c, event.at) end
local function again(m, c, event)
   set_due(m, c, nil)
   m.on.revive(m, c, event.at)
end

local TRANSITIONS <const> = {
   stopped = {},
   starting = { started = started, ready = up, failed = failed,
                ignored = ignored, died = died_early, due = late },
   running = { died = died, due = feel, beat = beat },
   stopping = { died = settle, failed = settle, ignored = settle,
                due = next_rung },
   dead = {},
   restarting = { due = again },
}

local function nothing() end

--- Takes one event about this child, of this start of it.
function child.handle(m, c, event)
   local act = TRANSITIONS[c.state][event[1]] or nothing
   act(m, c, event)
end

return child
