-- SPDX-License-Identifier: MIT
--- How children are started: by fork, by a fork server, or as new programs.
-- @module billiard.context

local core = require "billiard.core"
local Process = require "billiard.process"

local METHODS <const> = { "fork", "forkserver", "spawn" }

local context = {}

-- What children that are no forks of this process are started with; a child
-- goes on with its parent's (body.lua).
context.settings = { preload = {} }

local chosen = false -- has the program called set_start_method?

local function check_method(name, call)
   for _, method in ipairs(METHODS) do
      if name == method then return end
   end
   error(("%s: the start method must be \"fork\", \"forkserver\" or "
      .. "\"spawn\", got %s"):format(call,
      type(name) == "string" and '"' .. name .. '"' or type(name)), 3)
end

--- The start methods of this system, the default one first.
-- @treturn {string,...}
function context.get_all_start_methods()
   return table.move(METHODS, 1, #METHODS, 1, {})
end

--- The start method of a Process that is built now and names none.
-- @treturn string
function context.get_start_method()
   return core.start_method()
end

--- Chooses it, once in a program.
-- @tparam string name "fork", "forkserver" or "spawn"
-- @tparam[opt] boolean force whatever was chosen before
function context.set_start_method(name, force)
   check_method(name, "set_start_method")
   if chosen and not force then
      error(("set_start_method: \"%s\" was chosen already; "
         .. "set_start_method(name, true) changes it")
         :format(core.start_method()), 2)
   end
   core.start_method(name)
   chosen = true
end

--- That of a Pool that is built now and names none: what the program has
-- chosen; "forkserver" otherwise.
function context.pool_method()
   return chosen and core.start_method() or "forkserver"
end

--- Which program runs children that are started by "spawn" and "forkserver":
-- the host, another program that calls bl_child_main(), or a Lua interpreter,
-- which is known by its name (lua, lua5.4).
-- @tparam string path
function context.set_executable(path)
   local wrong = type(path) ~= "string" and type(path)
      or path == "" and "an empty one"
      or path:find "\0" and "one with a null byte"
   if wrong then
      error("set_executable: path must be a string, got " .. wrong, 2)
   end
   context.settings.executable = path
end

--- Modules that the fork server loads once, for all its children. What cannot
-- be loaded fails the next start with "load_failed".
-- @tparam {string,...} names
function context.set_forkserver_preload(names)
   local list = {}
   if type(names) ~= "table" then
      error("set_forkserver_preload: a list of module names, got "
         .. type(names), 2)
   end
   for i, name in ipairs(names) do
      if type(name) ~= "string" then
         error(("set_forkserver_preload: item %d must be a module's name, "
            .. "got %s"):format(i, type(name)), 2)
      end
      list[i] = name
   end
   context.settings.preload = list
end

local bound = {} -- method -> context

local Context = {
   __name = "billiard.Context",
   __index = function(_, key) return require "billiard"[key] end,
   __pack = function(self) return self.get_start_method() end,
   __unpack = function(method) return context.get_context(method) end,
}
core.register(Context)

local function bind(method)
   local class = Process:extend "Process"
   class.__method = method
   return setmetatable({
      Process = class,
      Pool = function(options)
         return require "billiard.pool".create(options, method)
      end,
      get_start_method = function() return method end,
      set_start_method = function()
         error(("set_start_method: this context is bound to \"%s\"")
            :format(method), 2)
      end,
   }, Context)
end

--- The library bound to a start method, whatever the default is.
-- @tparam[opt] string name left out: the default of now
-- @treturn table what `require "billiard"` gives, but for that
function context.get_context(name)
   name = name or core.start_method()
   check_method(name, "get_context")
   bound[name] = bound[name] or bind(name)
   return bound[name]
end

return context
