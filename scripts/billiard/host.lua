-- SPDX-License-Identifier: MIT
--- The verbs of the command line, in the host only: `billiard run T.lua` and
-- its like. main() returns the exit status.
-- @module billiard.host

local load = require "billiard.host.load"
local system = require "billiard.host.system"

local host = {}

local HELP <const> = [==[
usage: billiard [options] [script [args]]       run a Lua script, as lua does
       billiard run [--state DIR] T.lua [args]  run a topology
       billiard check T.lua [args]              say what is wrong with it
       billiard plan [--dot] T.lua [args]       show what it would run

A topology script ends with `return` and what is to run:

  local topology = require "billiard".topology
  return topology.supervisor {
    name = "site",
    topology.command { name = "web", ready = { port = 8080 },
      command = { "python3", "-m", "http.server", "8080" } },
    topology.group { name = "worker", n = 4,
      target = function(i) print("worker " .. i .. " at work") end,
      restart = "transient" },
  }

`billiard VERB --help` tells more. The verbs count as the first argument
only: a script of that name is ./run. `billiard -v` shows the version.
]==]

local VERB_HELP <const> = {
   run = [[
usage: billiard run [--state DIR] T.lua [args]
Starts the topology that T.lua returns and stays in the foreground. What the
children print comes out behind their names. SIGTERM and SIGINT stop all, in
reverse order, each child by its `stop` ladder; a second one kills all.
SIGHUP loads T.lua again and replaces only what has changed; a script that
cannot be loaded changes nothing. SIGTTIN and SIGTTOU have one member more or
less in the group, prefork or pool that T.lua returns, or that alone is in it.
SIGUSR2 replaces every process by one like it, one at a time.
To systemd it tells READY, STOPPING, RELOADING and WATCHDOG (NOTIFY_SOCKET).
As process 1 of a container it reaps what falls to it.
With --state no second one runs with the same directory; its pid is in DIR/pid.

exit status
  0      all is done (auto_shutdown), or was stopped by a signal
  1      T.lua cannot be loaded, or is no topology
  2      the command line makes no sense
  3      a child did not start
  4      a child ended too often
  5      another one runs with that DIR, or DIR cannot be written
  128+N  killed by force: N is the second signal, 2 or 15
]],
   check = [[
usage: billiard check T.lua [args]
Loads T.lua and checks all that it wants to run, and starts none of it. What
is wrong goes to stderr as FILE:LINE: MESSAGE.

exit status: 0 all is well, 1 not, 2 the command line makes no sense
]],
   plan = [[
usage: billiard plan [--dot] T.lua [args]
Shows the tree that T.lua wants to run, and starts none of it; with --dot for
Graphviz: billiard plan --dot T.lua | dot -Tsvg > T.svg

exit status: 0 all is well, 1 not, 2 the command line makes no sense
]],
}

local function complain(message)
   io.stderr:write(message, "\n")
   return nil
end

-- The topology of a script; what is wrong is said.
local function load_topology(...)
   local value, message = load.once(...)
   return value or complain(message)
end

local verbs = {}

-- An option that may come first, and where the script stands then.
local OPTIONS <const> = { plan = { ["--dot"] = 2 }, run = { ["--state"] = 3 } }

local IN_USE <const> = 5

-- The directory is this process's from now on; else what is wrong is said.
local function hold(dir)
   local ok, message, holder = system.hold(dir .. "/pid")
   if ok then return true end
   return complain(holder and ("billiard run: %s is in use by process %d; stop "
      .. "that first, or take another directory"):format(dir, holder)
      or ("billiard run: --state %s: %s"):format(dir, message))
end

local function run(...)
   local before, script = load.before(), table.pack(...)
   local loaded = load_topology(...)
   if not loaded then return 1 end
   return require "billiard.host.run" (loaded, {
      trial = function() return load.trial(before, table.unpack(script, 1, script.n)) end,
      load = function() return load.again(before, table.unpack(script, 1, script.n)) end })
end

function verbs.run(first, ...)
   if first ~= "--state" then return run(first, ...) end
   if not hold((...)) then return IN_USE end
   return run(select(2, ...))
end

function verbs.check(path, ...)
   if not load_topology(path, ...) then return 1 end
   print(path .. ": ok")
   return 0
end

local function draw(format, path, ...)
   local loaded = load_topology(path, ...)
   if not loaded then return 1 end
   io.write(require "billiard.host.plan"[format](loaded.checked))
   return 0
end

function verbs.plan(path, ...)
   if path ~= "--dot" then return draw("text", path, ...) end
   return draw("dot", ...)
end

local function usage(verb)
   complain(VERB_HELP[verb]:match "^[^\n]*")
   return 2
end

--- Does what the command line asks for.
-- @tparam string verb "run", "check", "plan" or "--help"
-- @param ... what follows it
-- @treturn integer the exit status
function host.main(verb, ...)
   local path = select((OPTIONS[verb] or {})[...] or 1, ...)
   if verb == "--help" or path == "--help" then
      io.write(VERB_HELP[verb] or HELP)
      return 0
   elseif not path or path:sub(1, 1) == "-" then
      return usage(verb)
   end
   return verbs[verb](...)
end

return host
