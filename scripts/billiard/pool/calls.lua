-- SPDX-License-Identifier: MIT
--- The methods of a pool that submit tasks.
-- @module billiard.pool.calls

local chunks = require "billiard.pool.chunks"
local iterate = require "billiard.pool.iterate"
local options = require "billiard.pool.options"
local submit = require "billiard.pool.submit"

local misuse <const> = options.misuse

local calls = {}

--- Submits f(args[1], ...).
-- @param f a function, or "module:function"
-- @tparam[opt] table args
-- @tparam[opt] table opts callback error_callback accept_callback
-- timeout_callback soft_timeout timeout attempts correlation_id
-- @treturn AsyncResult; or nil, message, code
function calls:apply_async(f, args, opts)
   return submit.one(self, f, args, opts)
end

--- The same, and waits.
-- @return all that f returns; or nil, Error, code
function calls:apply(f, args, opts)
   local r, err, code = submit.one(self, f, args, opts)
   if not r then return nil, err, code end
   return r:get()
end

local function map_async(self, what, list, mode, f, opts)
   submit.check(self, what)
   local o = submit.read_options(self, what, f, opts, options.MAP)
   local problem = chunks.check(list)
   if problem then misuse(what, problem) end
   local items, n = chunks.read_all(list)
   return chunks.submit(self, submit.many(self, what, f, mode, o), items, n, o)
end

local function finish(r, err, code)
   if not r then return nil, err, code end
   return r:get()
end

--- f(item) for each item.
-- @param list a list (with n where it holds nils), or an iterator
-- @param opts as of apply_async, and chunk, which a plain number stands for
-- @treturn table what f returned first, in the order of the list; or nil,
-- Error, code of the first failure
function calls:map(f, list, opts)
   return finish(map_async(self, "map", list, submit.MAP, f, opts))
end

--- The same without waiting.
function calls:map_async(f, list, opts)
   return map_async(self, "map_async", list, submit.MAP, f, opts)
end

--- f(item[1], ...) for each item.
function calls:starmap(f, list, opts)
   return finish(map_async(self, "starmap", list, submit.STARMAP, f, opts))
end

--- The same without waiting.
function calls:starmap_async(f, list, opts)
   return map_async(self, "starmap_async", list, submit.STARMAP, f, opts)
end

local function loop(self, what, f, list, opts, ordered)
   submit.check(self, what)
   local o = submit.read_options(self, what, f, opts, options.IMAP)
   local problem = chunks.check(list)
   if problem then misuse(what, problem) end
   return iterate.over(self, submit.many(self, what, f, submit.MAP, o),
      chunks.source(list), o, ordered)
end

--- `for i, value, err in pool:imap(f, list_or_iterator, [opts])`: f(item) for
-- each item, in order.
-- @param opts soft_timeout timeout attempts, chunk (1), for which a plain
-- number stands, and prefetch: how many tasks the source is read ahead
function calls:imap(f, list, opts)
   return loop(self, "imap", f, list, opts, true)
end

--- The same in the order in which they end.
function calls:imap_unordered(f, list, opts)
   return loop(self, "imap_unordered", f, list, opts, false)
end

return calls
