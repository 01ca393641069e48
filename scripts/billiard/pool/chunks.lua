-- SPDX-License-Identifier: MIT
--- map and starmap: a list cut into chunks, each of which is a task, and one
-- result of all of them.
-- @module billiard.pool.chunks

local driver = require "billiard.pool.driver"
local core = require "billiard.core"
local result = require "billiard.pool.result"

local chunks = {}

local function is_callable(value)
   local meta = getmetatable(value)
   return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

--- What is wrong with it, if it is no list and no iterator.
function chunks.check(from)
   if is_callable(from) then return nil end
   if type(from) == "table" then
      local n = from.n
      if n == nil or math.type(n) == "integer" and n >= 0 then return nil end
      return "a list's n must be an integer of at least 0, got " .. tostring(n)
   end
   return "needs a list or an iterator, got " .. type(from)
end

--- A function that returns the items one after the other, as more, item: of a
-- list (`n`, or #), or of an iterator, which ends with nil.
function chunks.source(from)
   if is_callable(from) then
      return function()
         local item = from()
         return item ~= nil, item
      end
   end
   local i, n = 0, from.n or #from
   return function()
      i = i + 1
      return i <= n, from[i]
   end
end

--- All items, as a list with n.
function chunks.read_all(from)
   if type(from) == "table" and not is_callable(from) then
      return from, from.n or #from
   end
   local list, n = {}, 0
   for item in from do
      n = n + 1
      list[n] = item
   end
   return list, n
end

--- How many items a task has: what was asked for; one where there are limits,
-- which count for a task; else so that each worker gets four.
function chunks.size(n, workers, o)
   if o.chunk then return o.chunk end
   if o.soft or o.hard then return 1 end
   return math.max(1, (n + 4 * workers - 1) // (4 * workers))
end

---- a chunk that is underway ----

-- Its n results go to `whole.list`, from `first` on; `whole` is the result of
-- all. Where they are nothing deep, core puts them there by itself.
local Part = core.PoolPart

--- Makes one, whose ticket is its caller's business.
function chunks.part(whole, first, n)
   return setmetatable({ whole = whole, first = first, n = n }, Part)
end

-- The first item that failed: the Error knows which it was.
local function first_failure(errors, values, offset)
   for i = 1, values.n do
      local err = errors[i]
      if err then
         err.index = offset + i
         return err
      end
   end
end

local function settle_if_done(r)
   r.left = r.left - 1
   if r.left == 0 then result.settle(r, 1, r.list) end
end

-- values: true where they are in their place.
function Part.on_result(part, flags, values, errors)
   local r, offset = part.whole, part.first - 1
   if flags & 1 ~= 0 then Part.on_soft(part) end
   if errors then
      driver.count_failed(r.pool)
      return result.settle(r, false, first_failure(errors, values, offset))
   end
   if values ~= true then table.move(values, 1, values.n, offset + 1, r.list) end
   settle_if_done(r)
end

function Part.on_error(part, _, err) result.settle(part.whole, false, err) end

function Part.on_lost(part, err, why)
   if err ~= part.whole.pool.error then err.index = part.first end
   result.class.on_lost(part.whole, err, why)
end

function Part.on_started(part, pid, since)
   result.class.on_started(part.whole, pid, since)
end

function Part.on_soft(part) result.class.on_soft(part.whole) end
function Part.hard_limit(part) return result.class.hard_limit(part.whole) end

--- Submits the items as chunks.
-- @tparam function submit items, task -> ticket; or nil, message, code
-- @return the result of all; or nil, message, code
function chunks.submit(pool, submit, list, n, o)
   local size = chunks.size(n, pool.crew.goal, o)
   local r = result.new(pool, o)
   r.list, r.tickets, r.left = core.pool_list(n), {}, math.max(1, (n + size - 1) // size)
   for i = 1, r.left do
      local first = (i - 1) * size + 1
      local last = math.min(n, first + size - 1)
      local ticket, err, code = submit(pool.core:slice(list, first, last),
         chunks.part(r, first, last - first + 1))
      if not ticket then
         r:discard()
         return nil, err, code
      end
      r.tickets[i] = ticket
   end
   return r
end

return chunks
