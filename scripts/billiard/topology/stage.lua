-- SPDX-License-Identifier: MIT
--- What the processes of a pipeline do. Items travel as they are; where their
-- order is asked for as `{ number, value }`, and without a value where nothing
-- came of one, which is all that the reader at the end needs to know.
--
-- Queues and counters belong to the supervisor: a process that is started
-- again finds them as its predecessor left them. `holding` is the number of
-- the item that it died with, or TAKING where that may have been any: then an
-- item of number 0 tells that there may be one less.
-- @module billiard.topology.stage

local stage = {}

--- The last of a stage to leave tells the next one that no more will come.
function stage.leave(output, left)
   if left:add(-1) <= 0 then output:shutdown() end
end

--- Puts into a queue, for however long it is full.
function stage.hand_on(output, item)
   local ok, err = output:put(item)
   if not ok then error(err, 0) end
end

-- Iterates over what comes, until there will be no more.
local function items(input)
   return function()
      local item, err = input:get()
      if item == nil and err and err ~= "closed" then error(err, 0) end
      return item
   end
end

--- A worker of a stage: f(value) for each item.
function stage.work(f, input, output, left)
   for value in items(input) do
      local result = f(value)
      if result ~= nil then stage.hand_on(output, result) end
   end
   stage.leave(output, left)
end

local TAKING <const> = math.maxinteger

-- What became of the item that the one before died with.
local function inherit(output, number)
   if number == TAKING then
      stage.hand_on(output, { 0 })
   elseif number ~= 0 then
      stage.hand_on(output, { number })
   end
end

--- The same where the order counts.
function stage.work_in_order(f, input, output, left, holding)
   inherit(output, holding.value)
   holding.value = TAKING
   for item in items(input) do
      holding.value = item[1]
      if item[2] ~= nil then item[2] = f(item[2]) end
      stage.hand_on(output, item)
      holding.value = TAKING
   end
   holding.value = 0
   stage.leave(output, left)
end

--- The source: puts what its iterator gives, but for what was put before.
-- @tparam[opt] Semaphore credits where the order counts: how many more items
-- may be on their way
function stage.feed(source, output, put, credits)
   local n = 0
   for value in source() do
      n = n + 1
      if n > put.value then
         if credits then assert(credits:acquire()) end
         stage.hand_on(output, credits and { n, value } or value)
         put.value = n
      end
   end
   output:shutdown()
end

return stage
