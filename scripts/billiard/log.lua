-- SPDX-License-Identifier: MIT
--- The library's logger: silent until asked, `[LEVEL/ProcessName] message`.
-- Children go on with their parent's level and sink.
-- @module billiard.log

local core = require "billiard.core"

local log = {
   SUBDEBUG = 5,
   DEBUG = 10,
   INFO = 20,
   SUBWARNING = 25,
   WARNING = 30,
   ERROR = 40,
}

local NAMES = { "SUBDEBUG", "DEBUG", "INFO", "SUBWARNING", "WARNING", "ERROR" }

-- What a foreign logger has no word for goes to the next one it has.
local FOREIGN = { subdebug = "debug", subwarning = "warn", warning = "warn" }

local level = math.huge
local sink
local given -- the user's logger, where there is one

-- A line stays a line, whatever is in the message.
local function escape(s)
   return (tostring(s):gsub("[%c\127]", function(c)
      return ("\\x%02x"):format(c:byte())
   end))
end

local function stderr_sink(_, name, message)
   io.stderr:write(("[%s/%s] %s\n"):format(name,
      escape(core.current_process().name), escape(message)))
end

local Logger = {}
local logger

-- It travels as the logger of whoever receives it.
local meta = {
   __index = Logger,
   __name = "billiard.Logger",
   __pack = function() return true end,
   __unpack = function() return logger end,
}
logger = setmetatable({}, core.register(meta))

local function emit(name, format, ...)
   if log[name] < level or not sink then
      return false
   end
   if select("#", ...) > 0 then
      local fits, message = pcall(string.format, format, ...)
      if not fits then
         error(("%s: %s"):format(name:lower(), message), 2) -- a tail call
      end
      format = message
   end
   sink(name:lower(), name, format)
   return true
end

for _, name in ipairs(NAMES) do
   --- `logger:info(message)` or `logger:info(format, ...)`.
   -- @treturn boolean whether it was written
   Logger[name:lower()] = function(_, format, ...)
      return emit(name, format, ...)
   end
end

local function check_level(value, what)
   if type(value) ~= "number" or value ~= value then
      error(what .. ": level must be a number, got " .. type(value), 3)
   end
end

--- Sets the least level that is written.
function Logger:setLevel(value)
   check_level(value, "setLevel")
   level = value
   return self
end

--- The least level that is written; `math.huge` while silent.
function Logger.getLevel()
   return level
end

--- The logger of this process.
function log.get_logger()
   return logger
end

--- Writes log lines to stderr.
-- @tparam[opt=0] number value the least level written; left out: all
-- @treturn table the logger
function log.log_to_stderr(value)
   if value ~= nil then
      check_level(value, "log_to_stderr")
   end
   level = value or 0
   sink, given = stderr_sink, nil
   return logger
end

local function index(value, key)
   return value[key]
end

--- Hands log lines to a logger of the user's (with methods like lualogging's:
-- `debug info warn error`, called with the message), or to none with nil.
-- @param foreign the logger; levels below its own threshold it drops itself
function log.set_logger(foreign)
   if foreign == nil then
      level, sink, given = math.huge, nil, nil
      return
   end
   for _, method in ipairs { "debug", "info", "warn", "error" } do
      local indexed, f = pcall(index, foreign, method)
      if not indexed or type(f) ~= "function" then
         error(("set_logger: the logger has no method '%s'"):format(method), 2)
      end
   end
   level = level == math.huge and 0 or level
   given = foreign
   sink = function(method, _, message)
      method = FOREIGN[method] or method
      foreign[method](foreign, ("[%s] %s"):format(
         escape(core.current_process().name), escape(message)))
   end
end

--- For a child that is no fork: level and logger. A logger that cannot travel
-- (most hold a file) is stderr there.
function log.tell()
   if not sink then return nil end
   local travels = given ~= nil and pcall(core.pack, given, "down")
   return { level = level, logger = travels and given or nil }
end

--- child: goes on with them.
function log.take(told)
   if not told then return end
   if told.logger ~= nil then log.set_logger(told.logger)
   else log.log_to_stderr() end
   level = told.level
end

return log
