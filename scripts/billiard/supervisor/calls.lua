-- SPDX-License-Identifier: MIT
--- What people ask of a running machine: events `{ name, call = token, ... }`,
-- each answered by one action "reply". They wait for their turn behind the
-- deaths that were noticed before, and while they are carried out deaths wait.
--
--    start_child      spec         id in use: "already_started", or
--                                  "already_present" when it does not run
--    terminate_child  id           also cancels a restart
--    restart_child    id           of one that is stopped, else "running" or
--                                  "restarting"; no second try
--    delete_child     id           of one that is stopped, else as above
--    replace_child    id, spec     by another one of its name: with `overlap`
--                                  started before the old one is stopped, else
--                                  behind that. One that does not start
--                                  leaves the old one as it is by then
--
-- A reply: `{ call, ok = true, id }`, with `ignored = true` for a start that
-- declined; or `{ call, reason = "not_found" }` and the like.
-- @module billiard.supervisor.calls

local child = require "billiard.supervisor.child"
local rounds = require "billiard.supervisor.rounds"

local calls = {}

local function reply(m, event, result)
   result.call, result.id = event.call, event.id
   child.emit(m, "reply", result)
end

--- Answers that it failed.
function calls.refuse(m, event, reason) reply(m, event, { reason = reason }) end

-- Why a child is not at rest.
local function business(c)
   if c.state == "stopped" then return nil end
   return c.state == "restarting" and "restarting" or "running"
end

local function start(m, c, event)
   c.call = event
   rounds.begin(m, { start = { c }, exclusive = true, done = function(_, at)
      c.call = nil
      reply(m, event, { ok = true, ignored = c.state == "stopped" or nil })
      m.on.next(m, at)
   end }, event.at)
end

local function drop_temporary(m, c)
   if c.temporary and c.state == "stopped" then rounds.drop(m, c) end
end

local on = {}

function on.start_child(m, _, event)
   local c = m.by_id[event.id]
   if c then
      return calls.refuse(m, event, business(c) == "running"
         and "already_started" or "already_present")
   end
   c = child.new(event.spec)
   event.added = true
   m.children[#m.children + 1], m.by_id[c.id] = c, c
   start(m, c, event)
end

function on.restart_child(m, c, event)
   local busy = business(c)
   if busy then return calls.refuse(m, event, busy) end
   start(m, c, event)
end

function on.terminate_child(m, c, event)
   rounds.begin(m, { stop = { c }, exclusive = true, done = function(_, at)
      drop_temporary(m, c)
      reply(m, event, { ok = true })
      m.on.next(m, at)
   end }, event.at)
end

function on.delete_child(m, c, event)
   local busy = business(c)
   if busy then return calls.refuse(m, event, busy) end
   rounds.drop(m, c)
   reply(m, event, { ok = true })
end

-- The place of the old one is its own now.
local function take_place(m, c, new, event)
   rounds.drop(m, c)
   m.by_id[c.id], m.coming[c.id] = new, nil
   new.call, new.added = nil, nil
   reply(m, event, { ok = true, ignored = new.state == "stopped" or nil })
end

function on.replace_child(m, c, event)
   local new = child.new(event.spec)
   new.added, new.call = true, event
   m.coming[c.id] = new
   for i, each in ipairs(m.children) do
      if each == c then table.insert(m.children, i + 1, new) break end
   end
   local function done(_, at)
      take_place(m, c, new, event)
      m.on.next(m, at)
   end
   if not event.overlap then
      return rounds.begin(m, { stop = { c }, start = { new }, exclusive = true,
         done = done }, event.at)
   end
   rounds.begin(m, { start = { new }, exclusive = true, done = function(_, at)
      new.call = nil -- it is up: from here on it is nobody's failure
      rounds.begin(m, { stop = { c }, exclusive = true, done = done }, at)
   end }, event.at)
end

--- Is the event one of them?
function calls.known(event) return on[event[1]] ~= nil end

--- Carries it out; no exclusive round runs.
function calls.handle(m, event)
   local c = m.by_id[event.id]
   if not c and event[1] ~= "start_child" then
      return calls.refuse(m, event, "not_found")
   end
   on[event[1]](m, c, event)
end

--- The child that a call starts did not come up: it stays as it was before.
function calls.fail(m, c, reason)
   local event = c.call
   c.call = nil
   if event.added then rounds.drop(m, c) end
   calls.refuse(m, event, reason)
end

return calls
