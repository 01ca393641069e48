-- SPDX-License-Identifier: MIT
--- What a worker of a pool runs: the initializer, then one task after the
-- other. It travels by name.
-- @module billiard.worker

local core = require "billiard.core"

local worker = {}

-- The Error of what an initializer raised, with where that was.
local function to_error(value)
   local meta = type(value) == "table" and getmetatable(value)
   local err = meta and meta.__name == "billiard.Error" and value
      or core.new_error("RemoteError", tostring(value))
   err.traceback = err.traceback or debug.traceback(nil, 2)
   return err
end

-- What it returned first; an empty table if that is nothing.
local function initialize(config)
   local f, args = config.initializer, config.initargs or {}
   if not f then return true, {} end
   local ok, data = xpcall(f, to_error, table.unpack(args, 1, args.n or #args))
   if ok and data == nil then data = {} end
   return ok, data
end

--- child: serves the link until it is told to leave.
-- @tparam table config `{ index, name, initializer, initargs, max_memory }`
function worker.main(link, config)
   local here = { index = config.index, name = config.name, data = {} }
   require "billiard".worker = here
   local ok, data = initialize(config)
   local served, err
   if ok then
      here.data = data
      served, err = core.pool_serve(link, config.index, config.name, config.max_memory, data)
   else
      served, err = core.pool_failed(link, data)
   end
   if not served then error(err, 0) end
end

return worker
