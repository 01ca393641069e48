-- SPDX-License-Identifier: MIT
--- How a worker is started: a daemonic Process that leads a group, with the
-- other end of a link.
-- @module billiard.pool.launch

local core = require "billiard.core"
local worker = require "billiard.worker"

-- What a worker has to know (worker.lua).
local function config_of(pool, member)
   local o = pool.options
   return { index = member.index, name = member.name,
            initializer = o.initializer, initargs = o.initargs,
            max_memory = o.max_memory_per_child }
end

-- Its end of the link stays here only until it has its own.
local function start_process(pool, member, link)
   local process = core.Process {
      target = worker.main, args = { link, config_of(pool, member) },
      name = member.name, daemon = true, pgroup = true,
      start_method = pool.options.start_method,
      start_timeout = pool.options.start_timeout,
   }
   local ran, started, err = pcall(process.start, process)
   if ran and started then
      core.contain(process)
      return process
   end
   process:close()
   if ran then return nil, err end
   return nil, started -- an argument that does not travel (any more)
end

-- It cannot be used.
local function abandon(process)
   process:kill()
   process:join(5)
   if not process:is_alive() then process:close() end
end

--- Starts the worker: its process, and core's number for it; or nil and why
-- not, a sentence or an Error.
return function(pool, member)
   local mine, its = core.pool_link()
   if not mine then return nil, its end
   local process, problem = start_process(pool, member, its)
   its:close()
   if not process then
      mine:close()
      return nil, problem
   end
   local number, err = pool.core:add(process, mine, pool.options.max_tasks_per_child)
   if number then return process, number end
   abandon(process)
   return nil, err
end
