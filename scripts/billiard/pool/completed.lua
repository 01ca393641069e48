-- SPDX-License-Identifier: MIT
--- as_completed: results in the order in which they end.
-- @module billiard.pool.completed

local core = require "billiard.core"
local driver = require "billiard.pool.driver"
local options = require "billiard.pool.options"
local result = require "billiard.pool.result"

local Watch = {}
Watch.__index = Watch

local function pools_of(results)
   local pools, seen = {}, {}
   for _, r in ipairs(results) do
      if not seen[r.pool] then
         seen[r.pool], pools[#pools + 1] = true, r.pool
      end
   end
   return pools
end

-- One look at all of them; waits if they are one.
function Watch:turn()
   local pools = self.pools
   if not pools[2] then
      local turned, err = driver.turn(pools[1], self.deadline)
      if turned == nil then error(err, 0) end
      return
   end
   local left = self.deadline < math.huge and math.max(0, self.deadline - core.now()) or nil
   core.wait(pools, left)
   for _, pool in ipairs(pools) do
      local problem = driver.drain(pool)
      if problem then error(problem, 0) end
   end
end

-- The next that has ended; nil when there is none, or no time left.
function Watch:next()
   while self.left > 0 and not self.ready[self.taken + 1] do
      self:turn()
      if not self.ready[self.taken + 1] and core.now() >= self.deadline then
         return nil
      end
   end
   local r = self.ready[self.taken + 1]
   if not r then return nil end
   self.ready[self.taken + 1] = false
   self.taken, self.left = self.taken + 1, self.left - 1
   return r
end

local function check(results)
   if type(results) ~= "table" then
      error("as_completed: needs a list of AsyncResults, got " .. type(results), 3)
   end
   for i, r in ipairs(results) do
      if getmetatable(r) ~= result.class then
         error(("as_completed: item %d must be an AsyncResult, got %s")
            :format(i, type(r)), 3)
      elseif driver.stranger(r.pool) then
         error(("as_completed: AsyncResult belongs to process %d"):format(r.pool.pid), 3)
      end
   end
end

--- Goes through results as they end, of one pool or several:
-- `for r in as_completed(results) do`. Those that have ended come first.
-- @tparam {AsyncResult,...} results
-- @tparam[opt] number timeout seconds for all of them; after that the loop
-- ends, and those that did not come are not ready
return function(results, timeout)
   check(results)
   local deadline, problem = options.deadline(timeout)
   if not deadline then error("as_completed: " .. problem, 2) end
   local watch = setmetatable({ deadline = deadline, pools = pools_of(results),
      ready = {}, taken = 0, left = #results }, Watch)
   for _, r in ipairs(results) do
      if r.n ~= nil then watch.ready[#watch.ready + 1] = r
      else r.watch = { ready = watch.ready, next = r.watch } end
   end
   return Watch.next, watch
end
