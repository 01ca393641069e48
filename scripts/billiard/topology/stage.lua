-- SPDX-License-Identifier: MIT
--- What the processes of a pipeline do. An item travels as `{ number, value }`;
-- without a value nothing came of it, and that is all an ordered reader needs
-- to know.
--
-- Queues and counters belong to the supervisor: a process that is started
-- again finds them as its predecessor left them. `holding` is the number of
-- the item that it died with.
-- @module billiard.topology.stage

local stage = {}

-- The last of a stage to leave tells the next one that no more will come.
local function leave(output, left)
   if left:add(-1) <= 0 then output:shutdown() end
end

local function hand_on(output, item)
   local ok, err = output:put(item)
   if not ok then error(err, 0) end
end

--- A worker of a stage: f(value) for each item, until there will be no more.
-- @tparam boolean tells hand on also that nothing came of an item
function stage.work(f, tells, input, output, left, holding)
   if holding.value ~= 0 then
      if tells then hand_on(output, { holding.value }) end
      holding.value = 0
   end
   while true do
      local item, err = input:get()
      if item == nil then
         if err == "closed" then return leave(output, left) end
         error(err, 0)
      end
      holding.value = item[1]
      local result
      if item[2] ~= nil then result = f(item[2]) end
      if tells or result ~= nil then hand_on(output, { item[1], result }) end
      holding.value = 0
   end
end

--- The source: puts what its iterator gives, but for what was put before.
function stage.feed(source, output, put)
   local n = 0
   for value in source() do
      n = n + 1
      if n > put.value then
         hand_on(output, { n, value })
         put.value = n
      end
   end
   output:shutdown()
end

return stage
