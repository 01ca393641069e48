-- SPDX-License-Identifier: MIT
--- What follows the end of a child: pure functions
-- `(event, child, history) -> action`.
--
-- event: `{ kind, outcome, at, random }` and what is known of the end
--    kind     "died" (it had been up) or "failed" (it did not come up)
--    outcome  "ok", "failed" or "killed"
--    at       seconds on the supervisor's clock
--    random   a number in [0, 1), drawn for this event
-- child: `{ id, restart, significant, ran }`, ran being the seconds it was up
-- history: the supervisor's restarts so far, oldest first, `{ id, at, ran }`
--
-- action: "restart", `{ "restart", after = seconds }`, "leave" (it stays, not
-- running), "drop" (it is forgotten) or "give_up" (the supervisor ends).
-- @module billiard.policy.restart

local restart = {}

-- As many restarts as a supervisor remembers, and a window can hold.
local REMEMBERED <const> = 1000

local KINDS <const> = {
   permanent = { ok = "restart", failed = "restart", killed = "restart" },
   transient = { ok = "leave", failed = "restart", killed = "restart" },
   temporary = { ok = "drop", failed = "drop", killed = "drop" },
}

for name, outcomes in pairs(KINDS) do
   -- permanent: whatever happened; transient: unless it ended well;
   -- temporary: never
   restart[name] = function(event)
      return outcomes[event.outcome]
   end
end

-- Reads a table of options: known maps names to {default, test, words}.
-- Returns a complete copy, or raises at the caller's caller.
local function read_options(what, options, known)
   if options ~= nil and type(options) ~= "table" then
      error(("%s: takes one table, got %s"):format(what, type(options)), 3)
   end
   local result = {}
   for name, rule in pairs(known) do
      result[name] = rule[1]
   end
   for name, value in pairs(options or {}) do
      local rule = known[name]
      if not rule then
         local names = {}
         for each in pairs(known) do names[#names + 1] = each end
         table.sort(names)
         error(("%s: unknown option '%s' (known: %s)"):format(what,
            tostring(name), table.concat(names, ", ")), 3)
      elseif type(value) ~= "number" or not rule[2](value) then
         error(("%s: option '%s' must be %s, got %s"):format(what, name,
            rule[3], tostring(value)), 3)
      end
      result[name] = value
   end
   return result
end

local function at_least(least)
   return function(n) return n >= least and n < math.huge end
end

local WINDOW <const> = {
   max = { 1, function(n)
      return math.type(n) == "integer" and n >= 0 and n <= REMEMBERED
   end, "an integer from 0 to " .. REMEMBERED },
   period = { 5, function(n) return n > 0 end, "seconds above 0" },
}

--- A window: more than `max` restarts within `period` seconds are too many,
-- and the supervisor gives up.
-- @tparam[opt] table options `max` (1), `period` (5)
function restart.intensity(options)
   local window = read_options("intensity", options, WINDOW)
   return function(event, _, history)
      local n = 1
      for i = #history, 1, -1 do
         if event.at - history[i].at > window.period then break end
         n = n + 1
      end
      return n > window.max and "give_up" or "restart"
   end
end

local BACKOFF <const> = {
   initial = { 0.1, at_least(0), "seconds of at least 0" },
   max = { 30, at_least(0), "seconds of at least 0" },
   factor = { 2, at_least(1), "a number of at least 1" },
   jitter = { 0, function(n) return n >= 0 and n <= 1 end, "between 0 and 1" },
}

-- How often in a row a child was started again without lasting.
local function attempts(child, history, stable)
   local n = 0
   if (child.ran or 0) >= stable then return 0 end
   for i = #history, 1, -1 do
      local entry = history[i]
      if entry.id == child.id then
         n = n + 1
         if entry.ran >= stable then break end
      end
   end
   return n
end

--- Longer and longer waits before a child is started again: `initial`
-- seconds, then `factor` times as long each time, at most `max`. A child that
-- was up for `max` seconds begins anew. Each wait is up to `jitter` times
-- itself longer or shorter.
-- @tparam[opt] table options `initial` (0.1), `max` (30), `factor` (2),
-- `jitter` (0)
function restart.backoff(options)
   local wait = read_options("backoff", options, BACKOFF)
   return function(event, child, history)
      local n = attempts(child, history, wait.max)
      local seconds = math.min(wait.max, wait.initial * wait.factor ^ n)
      local shake = 1 + wait.jitter * (2 * event.random - 1)
      return { "restart", after = math.min(wait.max, seconds * shake) }
   end
end

return { kinds = restart, REMEMBERED = REMEMBERED }
