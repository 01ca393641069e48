-- A fork server that was stopped for a moment lost the exit statuses of that
-- moment for good.

local billiard = require "billiard"
local core = require "billiard.core"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local STOP <const>, CONT <const> = 19, 18

describe("a fork server that is stopped", function()
  helper.guard()
  local faults = kit.faults()
  local server

  local function stop()
    server = core.zygote()
    assert(faults.kill(server, STOP))
    helper.eventually(function() return helper.proc_state(server) == "T" end)
  end

  local function continue() assert(faults.kill(server, CONT)) end

  -- Lets it go on after some seconds.
  local function continue_in(seconds)
    return assert(Process { start_method = "fork", target = function(pid)
      billiard.sleep(seconds)
      faults.kill(pid, CONT)
    end, args = { server } }:start())
  end

  -- Children that have ended, with 7, while the fork server was stopped.
  local function ended(n)
    local list = {}
    for i = 1, n do
      list[i] = assert(Process { start_method = "forkserver", stdin = "pipe",
        target = function()
          io.read()
          os.exit(7)
        end }:start())
    end
    stop()
    for _, p in ipairs(list) do
      p.stdin:write "\n"
      helper.eventually(function() return helper.proc_state(p.pid) == "Z" end)
    end
    return list
  end

  local function close(list)
    for _, p in ipairs(list) do
      assert(p:join(LONG))
      p:close()
    end
  end

  after_each(function()
    if server then continue() end
    server = nil
  end)

  it("is waited for by a join until its own deadline", function()
    local list = ended(1)
    local helpful = continue_in(0.6) -- busy: as long as it is stopped
    assert.same({ true, "exit", 7 }, { list[1]:join(LONG) })
    close { helpful, list[1] }
  end)

  it("fails a join in time, which can be repeated", function()
    local list = ended(1)
    for _, seconds in ipairs { 0, 0.1 } do
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(list[1]:join(seconds)))
    end
    assert.is_false(list[1]:is_alive())
    continue()
    assert.same({ true, "exit", 7 }, { list[1]:join(LONG) })
    assert.equal(7, list[1].exitcode)
    close(list)
  end)

  it("keeps a status from who asks for it now: that is unknown, and stays so", function()
    local list = ended(2)
    assert.is_false(list[1].exitcode)
    assert.same({ true, "unknown", n = 2 }, table.pack(list[1]:join(0)))
    continue()
    assert.same({ true, "exit", 7 }, { list[2]:join(LONG) })
    assert.is_false(list[1].exitcode)
    assert.same({ true, "unknown" }, { list[1]:join(LONG) })
    close(list)
  end)

  it("keeps nobody who looks longer than once, and makes nobody spin", function()
    local list = ended(20)
    local poller <close> = billiard.Poller()
    for _, p in ipairs(list) do assert(poller:add(p)) end
    local before = billiard.now()
    for _ = 1, 100 do
      for _, p in ipairs(list) do assert.is_false(p:is_alive()) end
    end
    local cpu = os.clock() -- of the waits: those that looked may have been slow
    assert.same({}, billiard.active_children())
    assert.equal(20, #billiard.wait(list, LONG))
    assert.equal(20, #poller:wait(LONG))
    -- the first look at each may take 50 ms, which would be 100 s for all looks
    assert.is_true(billiard.now() - before < 10 * helper.scale)
    assert.is_true(os.clock() - cpu < 0.5 * helper.scale)
    continue()
    for _, p in ipairs(list) do assert.same({ true, "exit", 7 }, { p:join(LONG) }) end
    close(list)
  end)

  it("makes no cooperative join spin", function()
    local list = ended(1)
    billiard.set_waiter(function(object, seconds)
      if not coroutine.isyieldable() then return false end
      coroutine.yield(object, seconds)
    end)
    local join = coroutine.create(function() return list[1]:join(LONG) end)
    local asked, going, object, seconds, n = 0, coroutine.resume(join)
    while going and coroutine.status(join) == "suspended" do
      asked = asked + 1
      assert.is_nil(object:pollfd())
      billiard.sleep(seconds) -- busy: this is the waiter's loop
      if asked == 10 then continue() end
      going, object, seconds, n = coroutine.resume(join)
    end
    billiard.set_waiter(nil)
    assert.same({ true, true, "exit", 7 }, { going, object, seconds, n })
    assert.is_true(asked >= 10 and asked < 10 + 20 * helper.scale, asked)
    close(list)
  end)

  it("keeps no result back that a child has left", function()
    local p <close> = assert(Process { start_method = "forkserver", stdin = "pipe",
      target = function()
        io.read()
        return 42
      end }:start())
    stop()
    p.stdin:write "\n"
    helper.eventually(function() return helper.proc_state(p.pid) == "Z" end)
    assert.equal(42, p:result(0.1))
    continue()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
  end)

  it("lets a stop() end in time, and killed takes the statuses along", function()
    local list = ended(2)
    local stopped, how = list[1]:stop { { "TERM", 0.05 } }
    assert.is_true(stopped)
    assert.equal("unknown", how)
    assert(faults.kill(server, 9))
    server = nil
    local known, way, n = list[2]:join(LONG)
    assert.is_true(known)
    assert.is_true(way == "unknown" or way == "exit" and n == 7)
    assert.is_true((starts.result("forkserver", function() return true end)))
    close(list)
  end)
end)
