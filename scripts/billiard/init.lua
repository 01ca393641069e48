-- SPDX-License-Identifier: MIT
--- billiard: processes for Lua 5.4, and scripts that decide how they run.
-- The facade: everything here is public, and nothing else is.
-- @module billiard

local context = require "billiard.context"
local core = require "billiard.core"
local log = require "billiard.log"
local Process = require "billiard.process"
local shared = require "billiard.shared"
local sync = require "billiard.sync"
require "billiard.body"

local billiard = {
   _VERSION = core._VERSION,

   Process = Process,
   AuthenticationString = core.AuthenticationString,
   run = require "billiard.run",

   get_all_start_methods = context.get_all_start_methods,
   get_start_method = context.get_start_method,
   set_start_method = context.set_start_method,
   get_context = context.get_context,
   set_executable = context.set_executable,
   set_forkserver_preload = context.set_forkserver_preload,

   current_process = core.current_process,
   parent_process = core.parent_process,
   active_children = core.active_children,
   ready = core.ready,
   heartbeat = require "billiard.heartbeat".beat,
   Pipe = core.Pipe,
   wait = core.wait,
   Poller = core.Poller,
   set_waiter = core.set_waiter,

   Queue = core.Queue,
   JoinableQueue = core.JoinableQueue,
   SimpleQueue = core.SimpleQueue,

   SharedMemory = shared.SharedMemory,
   Value = shared.Value,
   Array = shared.Array,
   Lock = sync.Lock,
   RLock = sync.RLock,
   Semaphore = sync.Semaphore,
   BoundedSemaphore = sync.BoundedSemaphore,
   Condition = sync.Condition,
   Barrier = sync.Barrier,
   Event = sync.Event,

   at_exit = core.at_exit,
   exit = core.exit,
   sleep = core.sleep,
   now = core.now,
   cpu_count = core.cpu_count,
   usable_cpu_count = core.usable_cpu_count,
   environment = core.environment,

   pack = core.pack,
   unpack = core.unpack,
   register = core.register,

   SUBDEBUG = log.SUBDEBUG,
   DEBUG = log.DEBUG,
   INFO = log.INFO,
   SUBWARNING = log.SUBWARNING,
   WARNING = log.WARNING,
   ERROR = log.ERROR,
   get_logger = log.get_logger,
   set_logger = log.set_logger,
   log_to_stderr = log.log_to_stderr,
}

-- Loaded when they are asked for: no child of the start methods that begin
-- with nothing waits for what only its owner needs. Modules, whole or a field.
local LATER <const> = {
   policy = "policy", supervisor = "supervisor", topology = "topology",
   Pool = "pool", as_completed = "pool",
}

local function load_later(self, name)
   if not LATER[name] then return nil end
   local module = require("billiard." .. LATER[name])
   local value = module[name] or module
   rawset(self, name, value)
   return value
end

local function all(self)
   for name in pairs(LATER) do load_later(self, name) end
   return next, self, nil
end

return setmetatable(billiard, { __index = load_later, __pairs = all })
