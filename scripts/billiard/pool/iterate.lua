-- SPDX-License-Identifier: MIT
--- imap and imap_unordered: a loop that reads its source a bounded number of
-- tasks ahead.
--
--    source --> tasks underway --> parts that have ended --> i, value, err
--       at most `prefetch` tasks between the two arrows, so that a source may
--       be endless and a slow reader costs no memory
-- @module billiard.pool.iterate

local driver = require "billiard.pool.driver"
local result = require "billiard.pool.result"

local FOREVER <const> = math.huge

---- a chunk that is underway ----

local Part = {}

local function append(loop, part)
   loop.last = loop.last + 1
   loop.queue[loop.last] = part
end

local function finish(part)
   local loop = part.loop
   part.ended = true
   loop.underway[part] = nil
   if not loop.ordered then append(loop, part) end
end

local function fail(part, err)
   part.values, part.err = { n = part.n }, err
   finish(part)
end

function Part.on_result(part, _, values, errors)
   part.values, part.errors = values, errors
   if errors then driver.count_failed(part.loop.pool) end
   finish(part)
end

function Part.on_error(part, _, err) fail(part, err) end
function Part.on_lost(part, err) fail(part, err) end
function Part.on_started() end
function Part.on_soft() end
function Part.hard_limit(part) return part.loop.options.hard end

---- the loop ----

-- queue: parts from taken + 1 to last; in the order of the source, or (not
-- ordered) those that have ended, in the order in which they did.
local Loop = {}

-- Up to a chunk of items; nil at the end. What the source raises comes at its
-- place: behind all items before it.
local function read_chunk(loop)
   local items, n = {}, 0
   while n < loop.options.chunk do
      local ok, more, item = pcall(loop.source)
      if not ok then loop.problem = { more } end
      if not ok or not more then
         loop.exhausted = true
         break
      end
      n = n + 1
      items[n] = item
   end
   items.n = n
   return n > 0 and items or nil
end

-- What cannot travel fails its own items only; f itself, the loop.
local function try_submit(loop, items, part)
   local ok, ticket, err = pcall(loop.submit, items, part)
   if ok then return ticket, err end
   if type(ticket) ~= "table" or ticket.code ~= "unsendable"
      or (ticket.path or ""):find "^f%f[%W]" then
      error(ticket, 0)
   end
   return nil, ticket
end

local function submit_part(loop, items)
   local part = setmetatable({ loop = loop, first = loop.read + 1, n = items.n }, Part)
   local ticket, err = try_submit(loop, items, part)
   loop.read, loop.ahead = loop.read + items.n, loop.ahead + 1
   if loop.ordered then append(loop, part) end
   if not ticket then return fail(part, err) end
   part.ticket, loop.underway[part] = ticket, true
end

local function fill(loop, prefetch)
   while not loop.exhausted and loop.ahead < prefetch do
      local items = read_chunk(loop)
      if items then submit_part(loop, items) end
   end
end

-- The part that is next, once it has ended.
local function next_part(loop)
   local part = loop.queue[loop.taken + 1]
   if not part or not part.ended then return nil end
   loop.taken = loop.taken + 1
   loop.queue[loop.taken] = nil
   return part
end

local function wrong_in(part, i)
   return part.err or part.errors and part.errors[i] or nil
end

-- The next item of the part that is being gone through.
local function next_item(loop)
   local part, i = loop.part, loop.at + 1
   if i == part.n then
      loop.part, loop.ahead = nil, loop.ahead - 1
   end
   loop.at = i
   return part.first + i - 1, part.values[i], wrong_in(part, i)
end

local function is_ready(loop)
   loop.part, loop.at = next_part(loop), 0
   return loop.part ~= nil
end

-- Reads ahead, but two tasks only for one that has ended: its items shall not
-- wait for a slow source.
local function read_ahead(loop)
   local prefetch = loop.options.prefetch
   repeat
      fill(loop, math.min(loop.ahead + 2, prefetch))
      driver.drain(loop.pool)
   until is_ready(loop) or loop.exhausted or loop.ahead >= prefetch
end

local function step(loop)
   if loop.left then return nil end
   if not loop.part then read_ahead(loop) end
   if loop.part then return next_item(loop) end
   if loop.ahead > 0 then
      local ok, err = driver.turn_until(loop.pool, is_ready, loop, FOREVER)
      if not ok then error(err, 0) end
      return next_item(loop)
   end
   Loop.__close(loop)
   if loop.problem then error(loop.problem[1], 0) end
   return nil
end

--- The loop is left: what is queued is taken back, the rest is dropped.
function Loop.__close(loop)
   loop.left, loop.exhausted = true, true
   loop.pool.loops[loop] = nil
   if driver.stranger(loop.pool) then return end
   for part in pairs(loop.underway) do
      loop.pool.pending[part.ticket] = result.nothing
      driver.cancel(loop.pool, part.ticket)
   end
   loop.underway = {}
end

local iterate = {}

--- The four values of a generic `for`.
-- @tparam function submit items, task -> ticket; or nil, message, code
-- @tparam function source see chunks.source
-- @tparam table o the options of a task, with chunk and prefetch
function iterate.over(pool, submit, source, o, ordered)
   o.chunk = o.chunk or 1
   o.prefetch = o.prefetch or math.max(16, 4 * pool.crew.goal)
   local loop = setmetatable({ pool = pool, submit = submit, source = source,
      options = o, ordered = ordered, underway = {},
      queue = {}, taken = 0, last = 0,
      read = 0, -- items
      ahead = 0 -- tasks that are not gone through yet
   }, Loop)
   pool.loops[loop] = true
   local ok, problem = pcall(fill, loop, math.min(pool.crew.goal, o.prefetch))
   if not ok then
      Loop.__close(loop)
      error(problem, 0)
   end
   return step, loop, nil, loop
end

--- Submits all that is left of the source: for join, which ends what was begun.
function iterate.read_on(loop) fill(loop, FOREVER) end

return iterate
