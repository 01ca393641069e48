-- Ending a process: signals by name and number, stop ladders.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local stop = billiard.policy.stop
local Process = billiard.Process
local INT <const>, KILL <const>, USR1 <const>, TERM <const> = 2, 9, 10, 15
local LONG <const> = 20 * helper.scale

-- A command that ignores these signals and says so when it does.
local function stubborn(signals)
  local p = assert(Process { ready = { fd = 3 }, command = { "sh", "-c",
    "trap '' " .. signals .. "; echo >&3; while :; do sleep 0.05; done" } }:start())
  assert(p:wait_ready(LONG))
  return p
end

describe("a signal", function()
  helper.guard()

  local ways = {
    { "terminate", nil, TERM }, { "kill", nil, KILL }, { "interrupt", nil, INT },
    { "send_signal", "USR1", USR1 }, { "send_signal", "SIGUSR1", USR1 },
    { "send_signal", USR1, USR1 },
  }
  for _, row in ipairs(ways) do
    local method, argument, n = table.unpack(row, 1, 3)
    local name = ("by %s(%s)"):format(method, argument or "")

    it(name .. " ends a target and a command", function()
      for _, command in ipairs { false, { "sleep", "3600" } } do
        local p <close> = child.sleeper { command = command or nil }
        assert.is_true(p[method](p, argument))
        assert.same({ true, "signal", n }, { p:join(LONG) })
        assert.equal(-n, p.exitcode)
        assert.is_false(p.controlled)
      end
    end)

    it(name .. " returns true for one that has ended", function()
      local p <close> = Process {}
      p:start():join(LONG)
      assert.is_true(p[method](p, argument))
      assert.equal(0, p.exitcode)
    end)
  end

  it("ends 100 sleepers right after their start, each by SIGTERM", function()
    local list = {}
    for i = 1, 100 do
      list[i] = child.sleeper {}
      list[i]:terminate()
    end
    for _, p in ipairs(list) do
      assert(p:join(LONG))
      assert.equal(-TERM, p.exitcode)
      p:close()
    end
  end)

  it("leaves alive what is only stopped by it", function()
    local p <close> = child.sleeper {}
    p:send_signal "STOP"
    helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
    assert.is_true(p:is_alive())
    p:send_signal "CONT"
    helper.eventually(function() return helper.proc_state(p.pid) ~= "T" end)
    p:kill()
    p:join(LONG)
  end)
end)

describe("a stop ladder", function()
  helper.guard()

  it("is TERM by default, and returns what join does", function()
    local p <close> = child.sleeper {}
    assert.same({ true, "signal", TERM }, { p:stop() })
    assert.same({ true, "signal", TERM }, { p:stop() })
  end)

  it("climbs only as far as it must", function()
    local p <close> = stubborn "TERM"
    local began = billiard.now()
    assert.same({ true, "signal", INT },
      { p:stop { { "TERM", 0.05 }, { "INT", LONG }, { "KILL" } } })
    local took = billiard.now() - began
    assert.is_true(took >= 0.05 and took < LONG)
  end)

  it("gets KILL at its end where it has none", function()
    local p <close> = stubborn "TERM INT"
    assert.same({ true, "signal", KILL }, { p:stop { { "TERM", 0.02 }, { "INT", 0.02 } } })
    local q <close> = stubborn "TERM INT"
    assert.same({ true, "signal", KILL }, { q:stop {} })
  end)

  it("sends nothing at a step WAIT", function()
    local p <close> = Process { stdin = "pipe", target = io.read }
    p:start().stdin:close()
    assert.same({ true, "exit", 0 }, { p:stop { { "WAIT", LONG } } })
    local q <close> = child.sleeper {}
    assert.same({ true, "signal", USR1 }, { q:stop { { "WAIT", 0 }, { USR1, LONG } } })
  end)

  it("comes ready made: graceful, drain and brutal", function()
    assert.same({ { "TERM", 3 }, { "KILL" } }, stop.graceful(3))
    assert.same({ { "TERM", 5 }, { "KILL" } }, stop.graceful())
    local drain = stop.drain(7)
    assert.same({ "WAIT", 7 }, drain[1])
    assert.same({ "KILL" }, drain[#drain])
    assert.same({ { "KILL" } }, stop.brutal)
    local p <close> = child.sleeper {}
    assert.same({ true, "signal", KILL }, { p:stop(stop.brutal) })
  end)

  it("is not changed by being used", function()
    local ladder = { { "TERM", 5 } }
    local p <close> = child.sleeper {}
    p:stop(ladder)
    assert.same({ { "TERM", 5 } }, ladder)
  end)
end)

describe("join", function()
  helper.guard()

  it("does not wait with 0 or less, and for some time with more", function()
    local p <close> = child.sleeper {}
    for _, seconds in ipairs { 0, -1, -math.huge } do
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(p:join(seconds)))
    end
    local began = billiard.now()
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(p:join(0.05)))
    assert.is_true(billiard.now() - began >= 0.05)
    p:kill()
    assert.same({ true, "signal", KILL }, { p:join(math.huge) })
  end)

  it("may be repeated, and says the same each time", function()
    local p <close> = Process { target = os.exit, args = { 3 } }
    p:start()
    for _, seconds in ipairs { LONG, 0, -1 } do
      assert.same({ true, "exit", 3 }, { p:join(seconds) })
    end
  end)

  it("is not delayed by a grandchild that holds all its descriptors", function()
    local p <close> = Process { stdout = "pipe", target = function()
      local q = Process { command = { "sleep", "3600" }, daemon = false }
      q:start()
      q:detach()
      print(q.pid)
    end }
    p:start()
    local stdout <close> = p.stdout
    local pid = math.tointeger(stdout:read("l", LONG))
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    assert.is_not_nil(helper.proc_state(pid))
    assert(os.execute("kill " .. pid))
    helper.eventually(function() return (helper.proc_state(pid) or "Z") == "Z" end)
  end)
end)
