-- A worker was killed by its hard limit while its owner was busy, and then the
-- owner was killed: the programs that the worker had started were left, as
-- nobody had taken the worker's status, and its lifeline had gone with it.
-- Run once per start method.

local helper = require "spec.helper"
local billiard = require "billiard"

local function pid_in(path)
  local file <close> = assert(io.open(path))
  return tonumber(file:read "a")
end

local function is_there(pid)
  local state = pid and helper.proc_state(pid)
  return state ~= nil and state ~= "Z"
end

describe("what a child's group has started", function()
  helper.guard()

  it("does not outlive the owner of a leader that is dead already", function()
    local path = helper.tmpname()
    local owner = billiard.Process { start_method = helper.method, args = { path },
      target = function(file)
        local leader = billiard.Process { daemon = true, pgroup = true, target = function()
          os.execute("sleep 600 & echo $! >" .. file .. ".new; mv " .. file .. ".new " .. file
            .. "; kill -KILL $PPID; wait")
        end }
        assert(leader:start())
        while true do billiard.sleep(600) end
      end }
    assert(owner:start())
    helper.eventually(function()
      local ok, pid = pcall(pid_in, path)
      return ok and is_there(pid)
    end)
    local pid = pid_in(path)
    owner:kill()
    owner:join()
    local gone = pcall(helper.eventually, function() return not is_there(pid) end, 10)
    if not gone then os.execute("kill -KILL " .. pid) end
    assert.is_true(gone)
    owner:close()
  end)
end)
