-- BoundedSemaphore: permits that come back from the dead.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local loops = require "spec.fixtures.loops"
local sync = require "spec.fixtures.sync"

local BoundedSemaphore, Process = billiard.BoundedSemaphore, billiard.Process
local LONG <const> = sync.LONG

describe("billiard.BoundedSemaphore", function()
  helper.guard()

  it("has so many permits, for all together", function()
    local permits <close> = assert(BoundedSemaphore(3))
    assert.same({ 3, true, 2 }, { permits:value(), permits:acquire(), permits:value() })
    assert.same({ true, true, nil, "timeout", "timeout" }, sync.results(function()
      return permits:acquire(), permits:acquire(LONG), permits:acquire(0)
    end))
    assert.equal(2, permits:value()) -- that child has ended
    assert.is_true(permits:release())
    assert.equal(3, permits:value())
  end)

  it("K07: raises for what was not acquired, and never has more than at first", function()
    local permits <close> = assert(BoundedSemaphore(2))
    assert.has_error(function() permits:release() end, "release: this process has acquired none")
    local p = sync.child(function() assert(permits:acquire()) end)
    assert.has_error(function() permits:release() end, "release: this process has acquired none")
    assert.equal(1, permits:value())
    permits:acquire()
    permits:release()
    assert.has_error(function() permits:release() end)
    assert.equal(1, permits:value())
    sync.kill(p)
    assert.equal(2, permits:value())
  end)

  it("K07: returns what a dead process held, to who waits too", function()
    local permits <close> = assert(BoundedSemaphore(3))
    local p = sync.child(function() for _ = 1, 3 do assert(permits:acquire()) end end)
    local waiter = Process { target = function()
      assert(permits:acquire(LONG))
      permits:release()
    end }
    assert(waiter:start())
    helper.eventually(function() return helper.proc_state(waiter.pid) == "S" end)
    assert.is_nil((permits:acquire(0)))
    sync.kill(p)
    assert.same({ true, "exit", 0 }, { waiter:join(LONG) })
    waiter:close()
    assert.equal(3, permits:value())
  end)

  it("K15: does not count for held what one held whose pid another has", function()
    local permits <close> = assert(BoundedSemaphore(2))
    local p = sync.child(function() assert(permits:acquire()) end)
    local pid = p.pid
    sync.kill(p)
    local heir = sync.with_pid(pid)
    if not heir then return pending "no pid can be chosen here" end
    assert.equal(2, permits:value())
    assert.same({ true, true }, { permits:acquire(0), permits:acquire(0) })
    assert.same({ true, true }, { permits:release(), permits:release() })
    sync.kill(heir)
  end)

  it("K12: keeps what a stopped process holds", function()
    local permits <close> = assert(BoundedSemaphore(1))
    local p = sync.child(function() assert(permits:acquire()) end)
    assert(p:send_signal "STOP")
    helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(permits:acquire(0.15)))
    assert.equal(0, permits:value())
    sync.kill(p)
    assert.is_true(permits:acquire(LONG))
    permits:release()
  end)

  it("asks the system nothing while there are permits, no more than a Lock does", function()
    local log = helper.tmpname()
    local strace = kit.strace(log, "all")
    if not strace then return pending "there is no strace, or it may trace nothing" end
    local out, err = helper.run([[
      local billiard = require "billiard"
      local permits, lock, rlock = billiard.BoundedSemaphore(2), billiard.Lock(), billiard.RLock()
      io.stderr:write "begin\n"
      for _ = 1, 1000 do
        for _, one in ipairs { permits, permits, lock, rlock, rlock } do one:acquire(1) end
        for _, one in ipairs { permits, permits, lock, rlock, rlock } do one:release() end
      end
      io.stderr:write "end\n"]], { interpreter = strace })
    assert.same({ "", "begin\nend\n" }, { out, err })
    local file <close> = assert(io.open(log))
    local between = file:read "a":match 'write%(2, "begin\\n".-\n(.*)write%(2, "end'
    local _, calls = between:gsub("\n", "")
    assert.is_true(calls < 100, between:sub(1, 1000))
  end)

  it("is not the forked child's to release", function()
    local permits <close> = assert(BoundedSemaphore(2))
    permits:acquire()
    local list = sync.results(function()
      local ok, err = pcall(permits.release, permits)
      assert(permits:acquire())
      assert(permits:release())
      return ok, err, permits:value()
    end)
    assert.same({ false, "release: this process has acquired none", 1 }, list)
    assert.same({ 1, true, 2 }, { permits:value(), permits:release(), permits:value() })
  end)

  it("K11: waits as long as it is told", function()
    local permits <close> = assert(BoundedSemaphore(1))
    permits:acquire()
    for _, seconds in ipairs { 0, -1, -math.huge, 0.03, 0.12 } do
      local began = billiard.now()
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(permits:acquire(seconds)))
      assert.is_true(billiard.now() - began >= seconds)
    end
    for _, timeout in ipairs { 0 / 0, "1", true } do
      assert.has_error(function() permits:acquire(timeout) end)
    end
    permits:release()
    assert.is_true(permits:acquire(math.huge))
    permits:release()
  end)

  it("lets in all who wait, one after the other", function()
    local permits <close> = assert(BoundedSemaphore(2))
    local inside <close> = assert(billiard.Value "i32")
    sync.together(6, function()
      for _ = 1, 200 do
        permits:with(function()
          assert(inside:add(1) <= 2)
          inside:add(-1)
        end)
      end
    end)
    assert.same({ 2, 0 }, { permits:value(), inside.value })
  end)

  it("gives back what with took, and what a lost handle held", function()
    local permits <close> = assert(BoundedSemaphore(1))
    assert.has_error(function() permits:with(error, "no") end, "no")
    assert.same({ 0, 1 }, { permits:with(permits.value, permits), permits:value() })
    local mine = assert(BoundedSemaphore(1))
    local p = sync.child(function()
      assert(mine:acquire())
      mine = nil
      collectgarbage()
    end)
    assert.same({ true, true }, { mine:acquire(0), mine:release() }) -- though it lives
    sync.kill(p)
    mine:close()
  end)

  it("has its caller's waiting done by the waiter", function()
    for _, run in pairs(loops) do
      local permits <close> = assert(BoundedSemaphore(1))
      local got = {}
      local function take()
        local ok = permits:acquire(LONG)
        got[#got + 1] = ok
        billiard.sleep(0.01) -- busy: the other must wait
        assert.equal(0, permits:value())
        permits:release()
      end
      run(take, take)
      assert.same({ { true, true }, 1 }, { got, permits:value() })
    end
  end)

  it("refuses to be built of what is no count", function()
    for _, n in ipairs { 0, -1, 1.5, "x", 1 << 31, {}, 0 / 0 } do
      assert.has_error(function() BoundedSemaphore(n) end)
    end
  end)

  it("K14: raises once it is closed, which no holder may do", function()
    local permits = assert(BoundedSemaphore(1))
    assert.equal("<BoundedSemaphore(1 of 1)>", tostring(permits))
    permits:acquire()
    assert.has_error(function() permits:close() end,
      "close: this process has acquired 1: release first")
    assert.equal("<BoundedSemaphore(0 of 1)>", tostring(permits))
    permits:release()
    permits:close()
    permits:close()
    for _, call in ipairs { "acquire", "release", "value" } do
      local ok, err = pcall(permits[call], permits)
      assert.is_false(ok)
      assert.equal(call .. ": BoundedSemaphore is closed", err)
    end
    assert.equal("<BoundedSemaphore(closed)>", tostring(permits))
  end)
end)
