-- SPDX-License-Identifier: MIT
--- Stop ladders: lists of `{signal, seconds}`. Each signal is sent in turn,
-- and each is given its seconds to work. `{"WAIT", s}` sends nothing, and
-- `{"UNWIND", s}` is a controlled termination. A ladder ends with KILL, added
-- where it is missing; who waits for ever (`math.huge`) never gets there.
-- @module billiard.policy.stop

local core = require "billiard.core"

local stop = {}

local function is_seconds(n)
   return type(n) == "number" and n == n and n >= 0
end

local function check_seconds(what, seconds, otherwise)
   if seconds == nil then return otherwise end
   if is_seconds(seconds) then return seconds end
   error(("%s: needs seconds (a number >= 0), got %s"):format(what,
      tostring(seconds)), 3)
end

--- SIGTERM, and SIGKILL after some seconds.
-- @tparam[opt=5] number seconds
function stop.graceful(seconds)
   seconds = check_seconds("graceful", seconds, 5)
   return { { "TERM", seconds }, { "KILL" } }
end

--- Lets it finish by itself first, then asks, then kills.
-- @tparam[opt=30] number seconds to finish by itself
function stop.drain(seconds)
   seconds = check_seconds("drain", seconds, 30)
   return { { "WAIT", seconds }, { "TERM", 5 }, { "KILL" } }
end

--- Unwinds (Process.terminate_controlled), and is killed after some seconds.
-- @tparam[opt=5] number seconds
function stop.unwind(seconds)
   seconds = check_seconds("unwind", seconds, 5)
   return { { "UNWIND", seconds }, { "KILL" } }
end

--- SIGTERM, and all the time it needs. A ladder, not a function.
stop.infinite = { { "TERM", math.huge } }

--- SIGKILL at once. A ladder, not a function.
stop.brutal = { { "KILL" } }

-- What stands for a signal, and is none.
local WORDS <const> = { WAIT = true, UNWIND = true }

local function rung_problem(rung)
   if type(rung) ~= "table" then
      return "must be {signal, seconds}, got " .. type(rung)
   end
   local signal, seconds = rung[1], rung[2]
   if not WORDS[signal] and not pcall(core.signal_number, signal) then
      return ("names no signal: %s (write \"TERM\", \"SIGTERM\", a number, " ..
         "\"WAIT\" or \"UNWIND\")"):format(tostring(signal))
   end
   if seconds == nil and (signal == "KILL" or signal == "SIGKILL") then
      return nil
   end
   if not is_seconds(seconds) then
      return ("needs seconds (a number >= 0) second, got %s"):format(
         type(seconds) == "number" and seconds or type(seconds))
   end
end

-- A key that is no step, or a step behind a hole; nil when there is none.
local function stray_key(ladder)
   local n = 0
   while ladder[n + 1] ~= nil do n = n + 1 end
   for key in pairs(ladder) do
      if math.type(key) ~= "integer" or key < 1 or key > n then return key end
   end
end

local function is_kill(rung)
   return rung[1] == "KILL" or rung[1] == "SIGKILL" or rung[1] == 9
end

local function check_ladder(ladder)
   if type(ladder) ~= "table" then
      return nil, "a ladder must be a table of {signal, seconds}, got " ..
         type(ladder)
   end
   local stray = stray_key(ladder)
   if stray ~= nil then
      return nil, ("a ladder is a list of {signal, seconds}; [%s] is no step of"
         .. " it"):format(tostring(stray))
   end
   local rungs = {}
   for i, rung in ipairs(ladder) do
      local problem = rung_problem(rung)
      if problem then
         return nil, ("step %d of the ladder %s"):format(i, problem)
      end
      -- KILL needs no time of its own: stop() waits for the end anyway
      rungs[i] = { rung[1], rung[2] or 0 }
   end
   if #rungs == 0 or not is_kill(rungs[#rungs]) then
      rungs[#rungs + 1] = { "KILL", 0 }
   end
   return rungs
end

return { ladders = stop, check_ladder = check_ladder }
