-- A shell that kills and stops: it goes on while its owner is stopped itself.
--   local striker = require "spec.chaos.striker"

local billiard = require "billiard"

local Striker = {}
Striker.__index = Striker

local striker = {}

function striker.new()
  local shell = assert(billiard.Process { command = { "sh" }, stdin = "pipe", stderr = "null",
    daemon = true }:start())
  return setmetatable({ shell = shell, kills = 0, stops = 0 }, Striker)
end

function Striker:say(...) self.shell.stdin:write(string.format(...)) end

function Striker:kill(pid)
  self.kills = self.kills + 1
  self:say("kill -KILL %d\n", pid)
end

-- For so many seconds.
function Striker:stop(pid, seconds)
  self.stops = self.stops + 1
  self:say("kill -STOP %d; sleep %.4f; kill -CONT %d\n", pid, seconds, pid)
end

-- Waits until all of it is done.
function Striker:finish(seconds)
  self.shell.stdin:close()
  assert(self.shell:join(seconds), "the shell hangs")
  self.shell:close()
end

return striker
