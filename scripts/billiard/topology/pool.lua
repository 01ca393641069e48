-- SPDX-License-Identifier: MIT
--- Items through a pool: a fanout whose workers are those of a Pool, with its
-- limits. The pool works in a process of its own, so that the supervisor has
-- nothing to do with items, and is a child like any other.
--
--    source --> queue --> the pool's process --> queue --> results
--                           |  |  |
--                           workers
-- @module billiard.topology.pool

local core = require "billiard.core"
local flow = require "billiard.topology.flow"
local log = require "billiard.log"
local pools = require "billiard.pool"
local read_pool = require "billiard.pool.options".pool
local shared = require "billiard.shared"
local stage = require "billiard.topology.stage"
local sync = require "billiard.sync"
local value = require "billiard.topology.value"

local pool = {}

-- Tasks at a time for each worker: what it does, and what it does next.
local EACH <const> = 2

---- what the pool's process does ----

local Feed = {}
Feed.__index = Feed

local function log_failure(_, err)
   log.get_logger():warning("an item failed: %s", tostring(err))
end

local function new_feed(f, input, output, crew)
   return setmetatable({ f = f, input = input, output = output, crew = crew,
      pool = assert(pools.Pool(crew.options)), open = 0, done = {} }, Feed)
end

function Feed:keep(result)
   if result ~= nil then self.done[#self.done + 1] = result end
end

function Feed:submit(item)
   self.open = self.open + 1
   self.pool:apply_async(self.f, { item }, {
      callback = function(result)
         self.open = self.open - 1
         self:keep(result)
      end,
      error_callback = function(err)
         self.open = self.open - 1
         self:keep((self.crew.on_error or log_failure)(item, err))
      end })
end

function Feed:has_room()
   return not self.finished and self.open < EACH * self.crew.size.value
end

function Feed:take_in()
   while self:has_room() do
      local item, err, code = self.input:get(0)
      if item ~= nil then
         self:submit(item)
      elseif code == "closed" then
         self.finished = true
      elseif code == "empty" then
         return
      else
         error(err, 0)
      end
   end
end

function Feed:hand_on()
   local done = self.done
   self.done = {}
   for _, result in ipairs(done) do stage.hand_on(self.output, result) end
end

-- To what the supervisor says.
function Feed:resize()
   self.crew.changed:clear()
   local by = self.crew.size.value - self.pool:stats().processes
   if by > 0 then self.pool:grow(by) elseif by < 0 then self.pool:shrink(-by) end
end

function Feed:await()
   local things = { self.pool, self.crew.changed }
   if self:has_room() then things[3] = self.input end
   assert(core.wait(things, self.pool:timeout()))
   if self.crew.changed:is_set() then self:resize() end
   local ok, err = self.pool:poll(0)
   if ok == nil then error(err, 0) end
end

-- Until there will be no more. What it has in its hands is lost with it.
function pool.work(f, input, output, left, _, crew)
   local feed = new_feed(f, input, output, crew)
   local _ <close> = feed.pool
   feed:resize()
   core.ready()
   feed:take_in()
   while feed.open > 0 or not feed.finished do
      feed:await()
      feed:hand_on()
      feed:take_in()
   end
   stage.leave(output, left)
end

---- the value ----

-- What is not the Pool's.
local OURS <const> = { name = true, target = true, source = true,
   maxsize = true, on_error = true, stop = true, intensity = true,
   period = true }

local function split(options)
   local ours, its = {}, { name = options.name }
   for name, v in pairs(options) do (OURS[name] and ours or its)[name] = v end
   return ours, its
end

-- How many workers; a size that the pool finds by itself is not ours to say.
local function sizes_of(checked, crew, o)
   checked.n = crew.n
   function checked.resize(n)
      local size, problem = value.count("n", n)
      if not size then return nil, problem end
      if o.min ~= o.max then
         return nil, ("%s has from %d to %d workers, as it needs them")
            :format(checked.id, o.min, o.max)
      end
      crew.n, checked.n = size, size
      if crew.size then
         crew.size.value = size
         crew.changed:set()
      end
      return checked
   end
   local boot = checked.boot
   function checked.boot()
      boot()
      crew.size = assert(shared.Value("u64", crew.n))
      crew.changed = assert(sync.Event())
   end
end

local function check(options)
   local ours, its = split(options)
   local o, problem = read_pool(its)
   if not o then return nil, problem end
   if ours.on_error ~= nil and type(ours.on_error) ~= "function" then
      return nil, "option 'on_error' must be a function"
   end
   local crew = { options = its, on_error = ours.on_error, n = o.processes }
   local t, wrong = flow.new("pool", { name = ours.name, source = ours.source,
      maxsize = ours.maxsize, intensity = ours.intensity,
      period = ours.period }, { { name = ours.name, target = ours.target,
      work = pool.work, more = crew, ready = true, start_timeout = math.huge,
      stop = ours.stop } })
   if not t then return nil, wrong end
   t.checked.whole = { options }
   sizes_of(t.checked, crew, o)
   return t
end

--- A pool that items flow through.
-- @tparam table options `name`, `target`, `source`, `maxsize`, `intensity`,
-- `period` as of a fanout; the options of a Pool (`processes`, `timeout`,
-- `max_tasks_per_child`, ...); `on_error`, called in the pool's process with an
-- item whose task failed and its Error: what it returns is the item's result
-- (left out: a warning of the logger, and no result); `stop`: a ladder
function pool.pool(options)
   value.check_table("pool", options)
   local t, problem = check(options)
   if not t then value.fail("pool", options, problem) end
   return t
end

return pool
