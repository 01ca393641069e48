-- SPDX-License-Identifier: MIT
--- Workers that share one listening socket. It belongs to the supervisor's
-- process, so whoever calls is kept waiting while a worker is replaced, and
-- never refused.
-- @module billiard.topology.prefork

local core = require "billiard.core"
local spec = require "billiard.supervisor.spec"
local value = require "billiard.topology.value"

local prefork = {}

local BACKLOG <const> = 511

---- the socket ----

local openers = {}

function openers.host(at) return core.listen(at.host, at.port, at.backlog) end
function openers.path(at) return core.listen_path(at.path, at.backlog) end
function openers.systemd(at) return core.listen_passed(at.systemd) end

-- Opened by the first worker that is started; kept until all has ended.
local function descriptor_of(shared)
   if not shared.socket then
      local at = shared.at
      local socket, err = openers[at.kind](at)
      if not socket then return nil, err end
      shared.socket = socket
   end
   return shared.socket:fileno()
end

local function is_integer(n, least, most)
   return math.type(n) == "integer" and n >= least and n <= most
end

local KINDS <const> = {
   host = function(at)
      return type(at.host) == "string" and core.numeric(at.host)
         and is_integer(at.port, 0, 65535)
   end,
   path = function(at) return type(at.path) == "string" and at.port == nil end,
   systemd = function(at) return is_integer(at.systemd, 1, 1 << 16) end,
}

local SHAPES <const> = "option 'listen' must be { host = numeric address, "
   .. "port = 0 to 65535 }, { path = path } or \"systemd\""

-- Where to listen: `{ kind, ... }`.
local function read_listen(listen)
   if listen == "systemd" then listen = { systemd = 1 } end
   if type(listen) ~= "table" then return nil, SHAPES end
   local at = { backlog = BACKLOG, host = listen.port and "127.0.0.1" }
   for name, v in pairs(listen) do at[name] = v end
   for kind, is_right in pairs(KINDS) do
      if at[kind] and at.kind then return nil, SHAPES end
      at.kind = at[kind] and kind or at.kind
      if at[kind] and not is_right(at) then return nil, SHAPES end
   end
   if not at.kind then return nil, SHAPES end
   if not is_integer(at.backlog, 1, 1 << 16) then
      return nil, "'backlog' of option 'listen' must be an integer of at least 1"
   end
   return at
end

---- the workers ----

-- What is ours or the supervisor's among the options; the rest is a child's.
local OURS <const> = { n = true, listen = true, pass = true, intensity = true,
                       period = true, start = true, stdin = true }

-- systemd's way of passing a socket: as descriptor 3, to this very process.
local PASS <const> = 'exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ '
   .. 'exec "$@"'

local function with_socket(options, command)
   if type(command) ~= "table" or options.pass == "stdin" then return command end
   return table.move(command, 1, #command, 5, { "sh", "-c", PASS, "sh" })
end

local function worker(options, shared, i, command)
   local mine = {}
   for name, v in pairs(options) do
      if not OURS[name] then mine[name] = v end
   end
   mine.name = ("%s-%d"):format(options.name, i)
   mine.overlap = options.overlap ~= false
   mine.start = function(o)
      local fd, err = descriptor_of(shared)
      if not fd then return nil, err end
      o.stdin = fd
      return o
   end
   if options.command then
      mine.command = with_socket(options, command)
   else
      mine.args = value.before_args(options, 0, i)
   end
   return mine
end

local function workers(options, shared, n)
   local list = {}
   for i = 1, n do
      local command = options.command
      if type(command) == "function" then command = command(i) end
      local checked, problem = spec.child(worker(options, shared, i, command))
      if not checked then return nil, problem end
      checked.shown = command -- in a plan
      list[i] = checked
   end
   return list
end

local function address(at)
   if at.host then return ("%s port %d"):format(at.host, at.port) end
   return at.path or "what systemd passes"
end

local function check(options, shared, n)
   local count, problem = value.count("n", n)
   if not count then return nil, problem end
   local list, bad = workers(options, shared, count)
   if not list then return nil, bad end
   local checked, wrong = spec.supervisor({ name = options.name,
      intensity = options.intensity, period = options.period }, list)
   if not checked then return nil, wrong end
   checked.share, checked.shared = shared.at, shared
   checked.listens = "listens at " .. address(shared.at)
   checked.n, checked.resize = n, function(m) return check(options, shared, m) end
   checked.take_over = function(old) shared.socket = old.shared.socket end
   checked.release = function()
      if shared.socket then shared.socket:close() end
      shared.socket = nil
   end
   return checked
end

local function read(options)
   if type(options.name) ~= "string" then
      return nil, "option 'name' must be a string, got " .. type(options.name)
   elseif options.pass ~= nil and (options.pass ~= "stdin" or not options.command) then
      return nil, "option 'pass' must be \"stdin\", and is for a command"
   elseif options.start ~= nil or options.stdin ~= nil then
      return nil, "options 'start' and 'stdin' are not a worker's to choose"
   elseif options.command and not options.pass and
      type(options.ready) == "table" and options.ready.fd == 3 then
      return nil, "option 'ready': fd 3 is the socket; choose another one"
   end
   local at, problem = read_listen(options.listen)
   if not at then return nil, problem end
   return check(options, { at = at }, options.n == nil and 1 or options.n)
end

---- the value ----

local Prefork = {}

--- The port that is listened at; nil where it is a path, or before the start.
function Prefork:port()
   local socket = self.checked.shared.socket
   local port = socket and socket:port()
   return port ~= 0 and port or nil
end

--- Workers that share a listening socket.
-- @tparam table options `name`; `listen`: `{ host, port }`, `{ path }` or
-- "systemd", which passed it (also `{ systemd = n }`, the nth), and `backlog`;
-- `n` (1); `target`, called with the descriptor, the worker's number and then
-- `args`, or `command`, a list or a function of the number, which gets it as
-- systemd would pass it, or with `pass = "stdin"` as its stdin; a child's
-- options, for each; `intensity`, `period`
function prefork.prefork(options)
   value.check_table("prefork", options)
   local checked, problem = read(options)
   if not checked then value.fail("prefork", options, problem) end
   return value.new("prefork", checked, Prefork)
end

return prefork
