-- SPDX-License-Identifier: MIT
--- Asks a policy, which may be anybody's function, and stays unharmed: what
-- raises, does not end or answers nonsense gets no say.
-- @module billiard.policy.guard

local guard = {}

-- A policy that needs more than this does not end. Out of reach are loops in
-- C and in coroutines of the policy's own.
local INSTRUCTIONS <const> = 1000000

local WORDS <const> = { restart = true, leave = true, drop = true,
                        give_up = true }

-- What a policy is shown, and cannot change.
local function readonly(t)
   return setmetatable({}, {
      __index = function(_, key)
         local value = t[key]
         return type(value) == "table" and readonly(value) or value
      end,
      __len = function() return #t end,
      __newindex = function()
         error("a policy must not change what it is given", 2)
      end,
   })
end

-- The second time, it catches what we raise: then no instruction of it, in
-- or outside of its pcall, gets through.
local function stop_it()
   debug.sethook(function() error("does not end", 2) end, "", 1)
   error("does not end", 2)
end

--- Calls f with limited instructions. true and its first result, or false and
-- the reason.
function guard.call(f, ...)
   local thread = coroutine.create(f)
   debug.sethook(thread, stop_it, "", INSTRUCTIONS)
   local ok, result = coroutine.resume(thread, ...)
   if coroutine.status(thread) == "suspended" then
      coroutine.close(thread)
      return false, "yielded"
   end
   return ok, result
end

local function describe(action)
   if type(action) ~= "table" then return tostring(action) end
   return ("{%s, after = %s}"):format(tostring(action[1]), tostring(action.after))
end

-- The word and the seconds of an action, or nil.
local function read_action(action)
   local word, after = action, 0
   if type(action) == "table" then
      word, after = rawget(action, 1), rawget(action, "after")
      after = after == nil and 0 or after
   end
   local good = WORDS[word] and type(after) == "number" and after >= 0
      and after < math.huge
   if good then return word, after end
end

--- Asks a policy.
-- @treturn string "restart", "leave", "drop" or "give_up"
-- @treturn number the seconds to wait before a restart
-- @treturn ?string what is wrong with the policy; the answer is then default's
function guard.ask(policy, default, event, child, history)
   local ok, action = guard.call(policy, readonly(event), readonly(child),
      readonly(history))
   local word, after
   if ok then
      word, after = read_action(action)
      if word then return word, after end
   end
   local problem = ok and "answered " .. describe(action)
      or "failed: " .. tostring(action)
   word, after = read_action(default(event, child, history))
   return word, after, problem
end

return guard
