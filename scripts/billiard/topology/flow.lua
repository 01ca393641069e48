-- SPDX-License-Identifier: MIT
--- Items that flow through processes: pipeline and fanout.
-- @module billiard.topology.flow

local core = require "billiard.core"
local shared = require "billiard.shared"
local spec = require "billiard.supervisor.spec"
local stage = require "billiard.topology.stage"
local sync = require "billiard.sync"
local value = require "billiard.topology.value"

local flow = {}

local MAXSIZE <const> = 64

---- what the processes share ----

local function new_counter(n) return assert(shared.Value("u64", n or 0)) end

-- Made anew each time the supervisor boots.
local function lay_pipes(plan)
   local pipes = { queues = {}, stages = {}, put = new_counter(), n = 0,
                   told = 0 }
   for i = 1, #plan.stages + 1 do pipes.queues[i] = assert(core.Queue(plan.maxsize)) end
   for i, each in ipairs(plan.stages) do
      local holding = {}
      for k = 1, each.n do holding[k] = new_counter() end
      pipes.stages[i] = { left = assert(shared.Value("i64", each.n)), holding = holding }
   end
   plan.pipes = pipes
end

---- checking ----

local STAGE <const> = { n = true, target = true, name = true, work = true,
                        more = true }
local OURS <const> = { n = true, target = true, name = true, source = true,
   maxsize = true, ordered = true, intensity = true, period = true }

-- A worker's options: the rest is a child's, as everywhere.
local function worker_options(plan, i, k, each)
   local options = {}
   for name, v in pairs(each.options) do
      if not STAGE[name] then options[name] = v end
   end
   options.name = ("%s-%d"):format(each.options.name, k)
   options.restart, options.significant = "transient", true
   options.target = each.options.work
      or plan.ordered and stage.work_in_order or stage.work
   options.start = function(o)
      local pipes = plan.pipes
      o.args = { each.options.target, pipes.queues[i],
         pipes.queues[i + 1], pipes.stages[i].left, pipes.stages[i].holding[k],
         each.options.more }
      return o
   end
   return options
end

-- How many items can be ahead of one that is on its way, and no more of them
-- wait at the end for their turn.
local function most_ahead(plan)
   local n = plan.maxsize * (#plan.stages + 1)
   for _, each in ipairs(plan.stages) do n = n + each.n end
   return n
end

-- For each source that is started: what its predecessor has put and nobody has
-- read is on its way still.
local function new_credits(plan)
   local pipes = plan.pipes
   local under_way = pipes.put.value - pipes.told
   pipes.credits = assert(sync.Semaphore(most_ahead(plan) + 1 - under_way))
   return pipes.credits
end

local function source_options(plan)
   return { name = "source", restart = "transient", significant = true,
      target = stage.feed, start = function(o)
         o.args = { plan.source, plan.pipes.queues[1], plan.pipes.put,
            plan.ordered and new_credits(plan) or nil }
         return o
      end }
end

-- One stage's options, checked: { options, n }.
local function read_stage(options)
   if type(options) ~= "table" then
      return nil, "a stage must be a table, got " .. type(options)
   elseif type(options.name) ~= "string" then
      return nil, "a stage needs a 'name'"
   elseif type(options.target) ~= "function" then
      return nil, ("stage %s needs a function as 'target'"):format(options.name)
   end
   local n, problem = value.count("n", options.n, 1)
   if not n then return nil, ("stage %s: %s"):format(options.name, problem) end
   return { options = options, n = n }
end

local function read_stages(list)
   local stages = {}
   for i, options in ipairs(list) do
      local each, problem = read_stage(options)
      if not each then return nil, ("stage %d: %s"):format(i, problem) end
      stages[i] = each
   end
   if not stages[1] then return nil, "needs at least one stage" end
   return stages
end

local function check_options(options)
   local ok, problem = spec.check_known(options, OURS)
   if not ok then return nil, problem end
   if options.source ~= nil and type(options.source) ~= "function" then
      return nil, "option 'source' must be a function that returns an iterator"
   elseif options.ordered ~= nil and type(options.ordered) ~= "boolean" then
      return nil, "option 'ordered' must be a boolean"
   end
   return true
end

local function read_plan(options, list)
   local ok, problem = check_options(options)
   if not ok then return nil, problem end
   local maxsize, wrong = value.count("maxsize", options.maxsize, MAXSIZE)
   if not maxsize then return nil, wrong end
   local stages, bad = read_stages(list)
   if not stages then return nil, bad end
   return { source = options.source, ordered = options.ordered or false,
            maxsize = maxsize, stages = stages }
end

local function children_of(plan)
   local list = {}
   if plan.source then list[1] = source_options(plan) end
   for i, each in ipairs(plan.stages) do
      for k = 1, each.n do list[#list + 1] = worker_options(plan, i, k, each) end
   end
   for i, options in ipairs(list) do
      local checked, problem = spec.child(options)
      if not checked then return nil, ("%s: %s"):format(options.name, problem) end
      list[i] = checked
   end
   return list
end

local function check(options, list)
   local plan, problem = read_plan(options, list)
   if not plan then return nil, problem end
   local children, wrong = children_of(plan)
   if not children then return nil, wrong end
   local checked, bad = spec.supervisor({ name = options.name,
      intensity = options.intensity, period = options.period,
      auto_shutdown = "all_significant", restart = "transient" }, children)
   if not checked then return nil, bad end
   checked.boot = function() lay_pipes(plan) end
   checked.plan, checked.whole = plan, { options, list }
   return checked
end

---- the value ----

local Flow = {}

local function pipes_of(self, what)
   local pipes = self.checked.plan.pipes
   if not pipes then error(what .. ": this topology is not started", 3) end
   return pipes
end

--- Puts an item in, where there is no source. Waits while the first queue is
-- full.
-- @return true; or nil, message, code as of a Queue
function Flow:put(item, timeout)
   local pipes = pipes_of(self, "put")
   if self.checked.plan.source then error("put: the source does that here", 2) end
   if item == nil then error("put: nil is no item", 2) end
   local numbered = self.checked.plan.ordered and { pipes.n + 1, item }
   local ok, err, code = pipes.queues[1]:put(numbered or item, timeout)
   if not ok then return nil, err, code end
   pipes.n = pipes.n + 1
   return true
end

--- No more items will be put in.
function Flow:finish()
   pipes_of(self, "finish").queues[1]:shutdown()
end

-- The next item out of the last queue, supervising meanwhile; nil at the end.
local function take(self, queue)
   while true do
      local item, err = queue:get(0)
      if item ~= nil then return item end
      if err == "closed" then return nil end
      local ended, problem = self.instance:attend(queue)
      if ended == nil and problem then error(problem, 0) end
      if ended then return (queue:get(0)) end -- the queue was told first
   end
end

-- Is the item with a worker that lives, with one whose successor is to tell, or
-- between two of them?
local function is_under_way(pipes, number)
   for i, each in ipairs(pipes.stages) do
      if not pipes.queues[i]:empty() then return true end
      for _, holding in ipairs(each.holding) do
         if holding.value == number then return true end
      end
   end
   return false
end

local Order = {}
Order.__index = Order

-- What comes too early waits for what is before it.
local function new_order(plan)
   return setmetatable({ early = {}, waiting = 0, number = 1, unknown = 0,
      most = most_ahead(plan), pipes = plan.pipes }, Order)
end

function Order:receive(item)
   local number = item and item[1]
   if not item then
      self.ended = true
   elseif number == 0 then
      self.unknown = self.unknown + 1
   elseif number >= self.number and not self.early[number] then
      self.early[number], self.waiting = item, self.waiting + 1
   end
end

-- What a worker died with is told by its successor, but for what it had just
-- taken: that is missed when all that can be ahead of it is there.
function Order:is_lost()
   if self.ended then return self.waiting > 0 end
   if self.unknown == 0 or self.waiting < self.most
      or is_under_way(self.pipes, self.number) then return false end
   self.unknown = self.unknown - 1
   return true
end

function Order:pass()
   self.early[self.number], self.number = nil, self.number + 1
   self.pipes.told = self.number - 1
   if self.pipes.credits then self.pipes.credits:release() end
end

local function in_order(self, queue)
   local pipes = self.checked.plan.pipes
   local order = pipes.order or new_order(self.checked.plan)
   pipes.order = order
   return function()
      while true do
         local item = order.early[order.number]
         if item then
            order.waiting = order.waiting - 1
            order:pass()
            if item[2] ~= nil then return item[2] end
         elseif order:is_lost() then
            order:pass()
         elseif order.ended then
            return nil
         else
            order:receive(take(self, queue))
         end
      end
   end
end

--- Iterates over what the last stage returns, until all is done; supervises
-- meanwhile. Raises the Error when the supervisor gives up.
function Flow:results()
   local plan, pipes = self.checked.plan, pipes_of(self, "results")
   local queue = pipes.queues[#pipes.queues]
   if plan.ordered then return in_order(self, queue) end
   return function() return take(self, queue) end
end

--- Makes one of a kind from the options of a pipeline and the list of its
-- stages; nil and what is wrong. A stage may do other `work` than stage.work,
-- which is called with `more` behind what that is called with.
function flow.new(kind, options, list)
   local checked, problem = check(options, list)
   if not checked then return nil, problem end
   return value.new(kind, checked, Flow)
end

--- Stages one after the other, with a bounded queue between each two.
-- @tparam table options `name`; in the list part the stages: `name`, `target`
-- (item -> result, nil for none), `n` (1) workers, and a child's options;
-- `source` (a function that returns an iterator, in a process of its own; left
-- out: `put` and `finish`), `maxsize` (64) of each queue, `ordered` (results in
-- the order of the items), `intensity`, `period`
function flow.pipeline(options)
   value.check_table("pipeline", options)
   local list = table.move(options, 1, #options, 1, {})
   local t, problem = flow.new("pipeline", options, list)
   if not t then value.fail("pipeline", options, problem) end
   return t
end

--- Alike workers that share the work, and one place where their results come
-- together.
-- @tparam table options `name`, `n` (1), `target`, and `source`, `maxsize`,
-- `ordered`, `intensity`, `period` as of a pipeline
function flow.fanout(options)
   value.check_table("fanout", options)
   local t, problem = flow.new("fanout", options, { { name = options.name,
      n = options.n, target = options.target } })
   if not t then value.fail("fanout", options, problem) end
   return t
end

return flow
