-- SPDX-License-Identifier: MIT
--- What a worker of a pool runs: the initializer, then one task after the
-- other. It travels by name.
-- @module billiard.worker

local core = require "billiard.core"

local worker = {}

-- What it returned first, an empty table if that is nothing; or its Error.
local function initialize(config)
   local f, args = config.initializer, config.initargs or {}
   if not f then return true, {} end
   local ok, data = xpcall(f, core.pool_describe, table.unpack(args, 1, args.n or #args))
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
      served, err = core.pool_serve(link, config.max_memory)
   else
      served, err = core.pool_failed(link, data)
   end
   if not served then error(err, 0) end
end

return worker
