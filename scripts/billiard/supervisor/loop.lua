-- SPDX-License-Identifier: MIT
--- Descriptors and what to call when they are ready, over `billiard.wait`.
-- @module billiard.supervisor.loop

local core = require "billiard.core"

local Loop = {}
Loop.__index = Loop

local loop = {}

function loop.new()
   return setmetatable({ things = {}, places = {}, calls = {} }, Loop)
end

--- Calls f whenever thing (a descriptor, or what else `wait` takes) is ready.
function Loop:add(thing, f)
   if not self.calls[thing] then
      self.things[#self.things + 1] = thing
      self.places[thing] = #self.things
   end
   self.calls[thing] = f
end

--- Before its descriptor is closed.
function Loop:remove(thing)
   local place, last = self.places[thing], self.things[#self.things]
   if not place then return end
   self.things[place], self.places[last] = last, place
   self.things[#self.things] = nil
   self.places[thing], self.calls[thing] = nil, nil
end

--- Waits for the first of them, at most so many seconds, and calls what is
-- ready.
function Loop:turn(seconds)
   for _, thing in ipairs(assert(core.wait(self.things, seconds))) do
      local f = self.calls[thing] -- an earlier call may have removed it
      if f then f(thing) end
   end
end

return loop
