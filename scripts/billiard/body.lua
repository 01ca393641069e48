-- SPDX-License-Identifier: MIT
--- What a child that is no fork of its owner is made from. The owner tells it
-- in two tables: the prelude, plain data by which the child can load what the
-- rest needs, and the body, which the codec packs as one message, so that what
-- is shared here is shared there.
-- @module billiard.body

local core = require "billiard.core"
local context = require "billiard.context"
local log = require "billiard.log"
-- whose objects may be all that a child has of this library
require "billiard.shared"
require "billiard.sync"

local body = {}

-- ---- the owner: which program --------------------------------------------

-- Has a name by which Lua interpreters go: lua, lua5.4, lua-5.4.
local function is_interpreter(path)
   return path:match "[^/]*$":find "^lua[%d%.%-]*$" ~= nil
end

local function is_file(path)
   local file <close> = io.open(path, "rb")
   return file ~= nil
end

-- The host, where it was built or installed beside this module.
local function host_beside(module)
   for _, up in ipairs { "/lib/billiard/core%.", "/lib/lua/5%.4/billiard/core%." } do
      local prefix = module:match("^(.*)" .. up)
      local host = prefix and prefix .. "/bin/billiard"
      if host and is_file(host) then return host end
   end
end

local library, default -- this module's file and the program, found once

local function find_executable(module)
   local program = core.files()
   if module and module == program then return program end -- it is built in
   local host = module and host_beside(module)
   if host then return host end
   if program and is_interpreter(program) then return program end
end

-- Where an interpreter can load this module from.
local function loadable(module)
   if module and module ~= core.files() then return module end
   return package.searchpath("billiard.core", package.cpath)
end

local function argv_of(path, module)
   if not is_interpreter(path) then return { path, "--worker", "3" } end
   local file = loadable(module)
   if not file then
      return nil, ("'%s' is a Lua interpreter, and there is no billiard.core "
         .. "on package.cpath that it could load (start: exec)"):format(path),
         "StartError"
   end
   return { path, "-E", "-e", ("package.cpath = %q; require 'billiard.core'"
      .. ".child_main(3)"):format(file) }
end

-- What is short now is there later, and does not mean that nothing was found.
local SHORT <const> = { EMFILE = true, ENFILE = true, ENOMEM = true }

local function executable()
   if not default then
      local err, code
      library, err, code = core.module_file()
      if SHORT[code] then return nil, err, code end
      default = find_executable(library)
   end
   local path = context.settings.executable or default
   if path then return argv_of(path, library) end
   return nil, "neither the host nor a Lua interpreter is known here: "
      .. "set_executable(path) names one (start: exec)", "StartError"
end

-- ---- the owner: what the child is told -----------------------------------

local inherited = {} -- names of globals that only an ancestor has

-- Every Lua state has these, or gets its own.
local STANDARD <const> = {}
for name in ("_G _VERSION arg assert collectgarbage coroutine debug dofile "
   .. "error getmetatable io ipairs load loadfile math next os package pairs "
   .. "pcall print rawequal rawget rawlen rawset require select setmetatable "
   .. "string table tonumber tostring type utf8 warn xpcall")
   :gmatch "%S+" do
   STANDARD[name] = true
end

local function globals()
   local names = {}
   for name in pairs(inherited) do names[#names + 1] = name end
   for name in next, _G do
      if type(name) == "string" and not STANDARD[name] and not inherited[name] then
         names[#names + 1] = name
      end
   end
   return names
end

-- Relative entries mean the owner's directory, also where the child has one of
-- its own.
local function rooted(path, cwd)
   if not cwd then return path end
   local root = select(2, core.files())
   return (path:gsub("[^;]+", function(entry)
      return entry:find "^/" and entry or root .. "/" .. entry
   end))
end

local function strings(list)
   local copy = {}
   for key, value in pairs(type(list) == "table" and list or {}) do
      if math.type(key) == "integer" and type(value) == "string" then
         copy[key] = value
      end
   end
   return copy
end

-- What a zygote can be told once and for all its children.
local function common(cwd)
   return {
      path = rooted(package.path, cwd),
      cpath = rooted(package.cpath, cwd),
      arg = strings(rawget(_G, "arg")),
      executable = context.settings.executable,
      preload = context.settings.preload,
   }
end

local function prelude_of(spec)
   local prelude = { name = spec.name }
   if spec.start_method == "spawn" or spec.cwd then
      prelude = common(spec.cwd)
      prelude.name = spec.name
   end
   prelude.parent = core.current_process().name
   prelude.globals = globals()
   prelude.method = core.start_method()
   return prelude
end

-- A type that user code has registered: it is there as soon as it was read,
-- for what follows in the message.
local Registration = {
   __name = "billiard.Registration",
   __pack = function(registration) return registration.meta end,
   __unpack = function(meta)
      core.register_until(meta)
      return meta
   end,
}
core.register(Registration)

-- As far as they can travel; nil for none.
local function registrations()
   local list
   for _, meta in ipairs(core.registered()) do
      if pcall(core.pack, meta, "down") then
         list = list or {}
         list[#list + 1] = setmetatable({ meta = meta }, Registration)
      end
   end
   return list
end

core.describe_by(function(process, spec, class, fields)
   local argv, err, code = executable()
   if not argv then return nil, err, code end
   return argv, prelude_of(spec), {
      registrations(), -- the first item: what follows may be of these types
      class = class,
      target = spec.target,
      args = spec.args,
      kwargs = spec.kwargs,
      fields = fields,
      name = spec.name,
      identity = spec.identity,
      authkey = spec.authkey,
      daemon = process.daemon,
      start_method = spec.start_method,
      log = log.tell(),
   }, spec.start_method == "forkserver" and common() or nil
end)

-- ---- the zygote -----------------------------------------------------------

local function take_common(told)
   if not told.preload then return end -- the zygote has done it
   _G.arg = told.arg
   context.settings.executable = told.executable
   context.settings.preload = told.preload
end

--- zygote: loads what the children will need. Most need all of this library,
-- which takes a child longer to read than to be started; one that does not find
-- it may do without.
function body.preload(told)
   take_common(told)
   pcall(require, "billiard")
   for _, name in ipairs(told.preload) do
      local ok, err = pcall(require, name)
      if not ok then
         error(("module '%s' cannot be preloaded: %s"):format(name, err), 0)
      end
   end
end

-- ---- the child ------------------------------------------------------------

local function guard_globals(names)
   for _, name in ipairs(names) do
      if rawget(_G, name) == nil then inherited[name] = true end
   end
   if next(inherited) == nil or getmetatable(_G) then return end
   setmetatable(_G, { __index = function(_, name)
      if inherited[name] then
         error(("global '%s' exists only in the process that started this "
            .. "one: pass it as an upvalue (a local), an argument, or put it "
            .. "into a module"):format(name), 2)
      end
   end })
end

--- child: takes the prelude in.
function body.prepare(prelude)
   take_common(prelude)
   guard_globals(prelude.globals)
   core.start_method(prelude.method)
end

body.log = log.take

return body
