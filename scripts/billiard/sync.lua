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
   self.object:release()
end

--- Holds it while f(...) runs, and returns what that returns.
-- @raise what f raises, after the release
local function with(object, f, ...)
   check_callable("with", f)
   local ok, err = object:acquire()
   if not ok then
      error("with: " .. err, 2)
   end
   local _ <close> = setmetatable({ object = object }, Held)
   return f(...)
end

for _, name in ipairs { "Lock", "RLock", "Semaphore" } do
   methods[name].with = with
end

return {
   Lock = core.Lock,
   RLock = core.RLock,
   Semaphore = core.Semaphore,
   Event = core.Event,
}
