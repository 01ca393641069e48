-- SPDX-License-Identifier: MIT
--- Locks and what is made of them: the parts that call Lua functions.
-- @module billiard.sync

local core = require "billiard.core"

-- Of the classes that core made, which this file completes.
local methods = core.methods

local function check_callable(what, f)
   local meta = getmetatable(f)
   if type(f) ~= "function" and not (type(meta) == "table" and meta.__call) then
      error(("%s: needs a function, got %s"):format(what, type(f)), 3)
   end
end

-- Gives back what is held, on every way out of a scope.
local Held = {}

function Held:__close()
   local ok, err = pcall(self.object.release, self.object)
   if not ok then
      error(err, 3) -- 2 is `with`
   end
end

-- object -> the one that gives it back
local guards = setmetatable({}, { __mode = "k", __index = function(all, object)
   local guard = setmetatable({ object = object }, Held)
   all[object] = guard
   return guard
end })

-- The method of the class with that acquire.
local function with(acquire)
   --- Holds it while f(...) runs, and returns what that returns.
   -- @raise what f raises, after the release
   return function(object, f, ...)
      if type(f) ~= "function" then
         check_callable("with", f)
      end
      local ok, taken, err = pcall(acquire, object)
      if not ok then
         error(taken, 2)
      elseif not taken then
         error("with: " .. err, 2)
      end
      local _ <close> = guards[object]
      return f(...)
   end
end

for _, name in ipairs { "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition" } do
   methods[name].with = with(methods[name].acquire)
end

local function check_timeout(what, timeout)
   if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
      error(("%s: a timeout is a number of seconds, got %s"):format(what, tostring(timeout)), 3)
   end
end

--- Waits until f() returns something true, which is then returned.
-- @return nil, "timeout", "timeout" when the time is over
function methods.Condition:wait_for(f, timeout)
   check_callable("wait_for", f)
   check_timeout("wait_for", timeout)
   local deadline = timeout and core.now() + timeout
   local value = f()
   while not value do
      local ok, err, code = self:wait(deadline and deadline - core.now())
      value = f()
      if not ok and not value then
         return nil, err, code
      end
   end
   return value
end

return {
   Lock = core.Lock,
   RLock = core.RLock,
   Semaphore = core.Semaphore,
   BoundedSemaphore = core.BoundedSemaphore,
   Condition = core.Condition,
   Barrier = core.Barrier,
   Event = core.Event,
}
