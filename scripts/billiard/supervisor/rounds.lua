-- SPDX-License-Identifier: MIT
--- Work on several children of a machine: a list to stop in reverse order,
-- each really down before the next is asked, and then a list to start in
-- order, each up before the next.
--
-- While an exclusive round runs, what else happens waits in m.notices.
-- @module billiard.supervisor.rounds

local child = require "billiard.supervisor.child"

local rounds = {}

--- Forgets a child altogether.
function rounds.drop(m, c)
   for i, each in ipairs(m.children) do
      if each == c then table.remove(m.children, i) end
   end
   if m.by_id[c.id] == c then m.by_id[c.id] = nil end
   if m.coming[c.id] == c then m.coming[c.id] = nil end
end

local function stop_next(m, round, at)
   local c = round.stop[round.stopping]
   if not child.down(m, c, at) then
      c.round = round
      return false
   end
   c.round, round.stopping = nil, round.stopping - 1
   if round.drops and c.temporary then rounds.drop(m, c) end
   return true
end

local function start_next(m, round, at)
   local c = round.start[round.started + 1]
   c.round = round
   if c.state == "stopped" then child.start(m, c, at) end
   return c.state == "running"
end

--- Goes on with one as far as that is possible now.
function rounds.advance(m, round, at)
   while round.stopping > 0 do
      if not stop_next(m, round, at) then return end
   end
   while round.started < #round.start do
      if not start_next(m, round, at) then return end
      rounds.pass(round)
   end
   if m.round == round then m.round = nil end
   round.done(m, at)
end

--- The child whose turn it is to be started is up, or declined.
function rounds.pass(round)
   round.started = round.started + 1
   round.start[round.started].round = nil
end

local function ask_all(m, round, at)
   for i = #round.stop, 1, -1 do
      local c = round.stop[i]
      if not child.down(m, c, at) then c.round = round end
   end
end

--- Begins one. options: `stop` and `start`, lists of children in the order of
-- their starts; `exclusive`; `parallel`: all are asked to stop at once; `drops`:
-- temporary children are forgotten when they are down; `done(m, at)`.
function rounds.begin(m, options, at)
   local round = { stop = options.stop or {}, start = options.start or {},
                   started = 0, drops = options.drops, done = options.done }
   round.stopping = #round.stop
   m.round = options.exclusive and round or m.round
   if options.parallel then ask_all(m, round, at) end
   rounds.advance(m, round, at)
end

--- Gives up what goes on: what is up stays up, what is down stays down.
function rounds.abandon(m)
   m.round = nil
   for _, c in ipairs(m.children) do c.round = nil end
end

return rounds
