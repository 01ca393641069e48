-- SPDX-License-Identifier: MIT
--- Topology scripts: loaded, tried out, and loaded again.
-- @module billiard.host.load

local topology = require "billiard.topology"

local load = {}

-- A script that computes for longer is one that does not end.
local TRIAL <const> = 10 -- seconds of processor time

--- What a script returns, if that is a topology; or nil and what is wrong.
function load.once(path, ...)
   rawset(_G, "arg", { [0] = path, ... }) -- as for any script
   local chunk, message = loadfile(path)
   if not chunk then return nil, message end
   local ok, value = pcall(chunk, ...)
   if not ok then return nil, tostring(value) end
   if topology.is_topology(value) then return value end
   return nil, ("%s:1: returns no topology, but %s: end it with `return "
      .. "topology.supervisor { ... }`"):format(path, type(value))
end

-- The modules in Lua that were loaded since: a new script may come with new
-- ones.
local function take_modules(before)
   local taken = {}
   for name, module in pairs(package.loaded) do
      if not before[name] and not name:find "^billiard%f[.\0]" and
         package.searchpath(name, package.path) then
         taken[name], package.loaded[name] = module, nil
      end
   end
   return taken
end

local function names_of(modules)
   local names = {}
   for name in pairs(modules) do names[name] = true end
   return names
end

--- Loads a script as if for the first time.
-- @return as once; where it fails all is as before
function load.again(before, path, ...)
   local taken = take_modules(before)
   local value, message = load.once(path, ...)
   if not value then
      take_modules(before)
      for name, module in pairs(taken) do package.loaded[name] = module end
   end
   return value, message
end

--- What has to be remembered for `again`, before the first time.
function load.before() return names_of(package.loaded) end

-- Runs in a process of its own.
local function try(before, path, ...)
   local value, message = load.again(before, path, ...)
   if not value then error(message, 0) end
end

--- The options of a process that loads it, where an endless loop, `os.exit` or
-- a crash harm nobody: its error is what is wrong.
function load.trial(before, path, ...)
   return { name = "reload", target = try, args = table.pack(before, path, ...),
            daemon = true, pgroup = true, start_method = "fork",
            stdout = "null", stderr = "null", limits = { cpu = TRIAL } }
end

return load
