-- Lock and RLock: who has them, and what becomes of them when he dies.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local sync = require "spec.fixtures.sync"

local Lock, RLock, Process = billiard.Lock, billiard.RLock, billiard.Process
local LONG <const> = sync.LONG

local kinds = { Lock = Lock, RLock = RLock }

describe("either lock", function()
  helper.guard()

  for kind, new in pairs(kinds) do
    describe("billiard." .. kind, function()
      local lock
      before_each(function() lock = assert(new()) end)
      after_each(function() lock:close() end)

      it("is taken and given, by one process at a time", function()
        assert.is_false(lock:locked())
        assert.same({ true, n = 1 }, table.pack(lock:acquire()))
        assert.is_true(lock:locked())
        assert.same({ true, nil, "timeout", "timeout" }, sync.results(function()
          return lock:locked(), lock:acquire(0)
        end))
        assert.same({ true, n = 1 }, table.pack(lock:release()))
        assert.is_false(lock:locked())
        assert.same({ true, true, true }, sync.results(function()
          return lock:acquire(), lock:locked(), lock:release()
        end))
      end)

      it("is the next one's when it is given", function()
        lock:acquire()
        local p = Process { target = function()
          assert(lock:acquire(LONG))
          lock:release()
        end }
        assert(p:start())
        helper.eventually(function() return helper.proc_state(p.pid) == "S" end)
        lock:release()
        assert.same({ true, "exit", 0 }, { p:join(LONG) })
        p:close()
      end)

      it("K11: waits as long as it is told, by a clock that nobody sets", function()
        local p = sync.holder(lock)
        for _, seconds in ipairs { 0, -1, -math.huge, 0.02, 0.12 } do
          local began = billiard.now()
          assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(lock:acquire(seconds)))
          assert.is_true(billiard.now() - began >= seconds)
        end
        sync.kill(p)
        assert.same({ true, "owner_died" }, { lock:acquire(math.huge) })
        lock:release()
        for _, seconds in ipairs { 1e300, 1 << 62, 0, -1 } do
          assert.is_true(lock:acquire(seconds))
          lock:release()
        end
      end)

      it("raises for what is no time, and stays as it was", function()
        for _, timeout in ipairs { 0 / 0, "1", true, {} } do
          assert.has_error(function() lock:acquire(timeout) end)
        end
        assert.is_false(lock:locked())
      end)

      it("K01, K03: tells one taker that its holder was killed, and is healthy", function()
        sync.kill(sync.holder(lock))
        assert.is_false(lock:locked())
        assert.same({ true, "owner_died" }, { lock:acquire(1 * helper.scale) })
        lock:release()
        assert.same({ true, n = 1 }, table.pack(lock:acquire()))
        lock:release()
        assert.same({ true }, sync.results(function() return lock:acquire() end))
        assert.same({ true, "owner_died" }, { lock:acquire() }) -- that child ended with it
        lock:release()
      end)

      it("tells who already waits", function()
        local holder = sync.holder(lock)
        local waiter = Process { target = function()
          local ok, how = lock:acquire(LONG)
          os.exit(ok and how == "owner_died" and 7 or 8)
        end }
        assert(waiter:start())
        helper.eventually(function() return helper.proc_state(waiter.pid) == "S" end)
        sync.kill(holder)
        assert.same({ true, "exit", 7 }, { waiter:join(LONG) })
        waiter:close()
        lock:acquire()
        lock:release()
      end)

      it("counts an exit with it as a death, not one of its holder's children", function()
        assert.same({ false, true }, sync.results(function()
          lock:acquire()
          local p <close> = assert(Process { command = { "true" } }:start())
          assert(p:join(LONG))
          local other = sync.results(function() return lock:acquire(0) or false end)
          return other[1], lock:locked()
        end))
        assert.same({ true, "owner_died" }, { lock:acquire(0) })
        lock:release()
      end)

      it("K15: is not held by who gets the dead holder's pid", function()
        local p = sync.holder(lock)
        local pid = p.pid
        sync.kill(p)
        local heir = sync.with_pid(pid)
        if not heir then return pending "no pid can be chosen here" end
        assert.is_false(lock:locked())
        assert.same({ true, "owner_died" }, { lock:acquire(0) })
        lock:release()
        sync.kill(heir)
      end)

      it("K12: is not taken from a holder that is stopped", function()
        local p = sync.holder(lock)
        assert(p:send_signal "STOP")
        helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
        assert.same({ nil, "timeout" }, { lock:acquire(0.2), (select(2, lock:acquire(0))) })
        assert.is_true(lock:locked())
        assert(p:send_signal "CONT")
        assert.is_nil((lock:acquire(0)))
        sync.kill(p)
        assert.same({ true, "owner_died" }, { lock:acquire(LONG) })
        lock:release()
      end)

      it("K05: is not the forked child's, nor his to give", function()
        lock:acquire()
        local list = sync.results(function()
          local ok, err = pcall(lock.release, lock)
          return ok, err, lock:acquire(0)
        end)
        assert.is_false(list[1])
        assert.matches("this process does not hold the " .. kind, list[2])
        assert.equal("timeout", list[4])
        assert.is_true(lock:locked())
        lock:release()
      end)

      it("refuses what its holder alone may do, and changes nothing", function()
        local function misuse()
          local ok, err = pcall(lock.release, lock)
          assert.is_false(ok)
          assert.matches("release: this process does not hold the " .. kind, err)
        end
        misuse()
        lock:acquire()
        lock:release()
        misuse()
        assert.is_false(lock:locked())
        local p = sync.holder(lock)
        misuse()
        assert.is_true(lock:locked())
        sync.kill(p)
        lock:acquire()
        assert.has_error(function() lock:close() end,
          "close: this process holds the " .. kind .. ": release it first")
        lock:release()
      end)

      it("runs a function with it, and gives it back whatever happens", function()
        assert.same({ n = 4, true, "a", nil, "b" }, table.pack(lock:with(function(...)
          return lock:locked(), ...
        end, "a", nil, "b")))
        assert.is_false(lock:locked())
        local problem = {}
        local ok, err = pcall(lock.with, lock, error, problem)
        assert.is_false(ok)
        assert.equal(problem, err)
        assert.is_false(lock:locked())
        local co = coroutine.create(function() lock:with(coroutine.yield) end)
        assert(coroutine.resume(co))
        assert.is_true(lock:locked())
        assert(coroutine.close(co))
        assert.is_false(lock:locked())
        assert.has_error(function() lock:with() end, "with: needs a function, got nil")
        ok, err = pcall(function() lock:with(lock.release, lock) end)
        assert.is_false(ok)
        assert.matches("^%S*lock_spec.lua:%d+: release: this process does not hold", err)
      end)

      it("is passed on when its last handle goes while it is held", function()
        local list = sync.results(function()
          lock:acquire()
          lock = nil
          collectgarbage()
          return true
        end)
        assert.same({ true }, list)
        assert.same({ true, "owner_died" }, { lock:acquire(0) })
        lock:release()
      end)

      it("K14: raises once it is closed", function()
        lock:close()
        lock:close()
        for _, call in ipairs { "acquire", "release", "locked" } do
          local ok, err = pcall(lock[call], lock)
          assert.is_false(ok)
          assert.equal(call .. ": " .. kind .. " is closed", err)
        end
        local _, err = pcall(function() lock:with(print) end)
        assert.matches("lock_spec.lua:%d+: acquire: " .. kind .. " is closed", err)
        assert.equal("<" .. kind .. "(closed)>", tostring(lock))
        assert.has_error(function() lock.acquire(io.stdout) end)
        assert.has_error(function() lock.acquire(3) end)
      end)

      it("says who has it", function()
        assert.equal("<" .. kind .. "(free)>", tostring(lock))
        lock:acquire()
        assert.equal("<" .. kind .. "(held)>", tostring(lock))
        assert.same({ ("<%s(held by process %d)>"):format(kind, helper.pid()) },
          sync.results(function() return tostring(lock) end))
        lock:release()
      end)

      it("has its caller's waiting done by the waiter", function()
        for _, run in pairs(loops) do
          local p, ticks, late, took = sync.holder(lock), 0, nil, nil
          run(function()
            late = table.pack(lock:acquire(0.02))
            took = table.pack(lock:acquire(LONG))
          end, function()
            while not late do
              billiard.sleep(0.005) -- busy: what goes on meanwhile
              ticks = ticks + 1
            end
            p:kill()
          end)
          assert.is_true(ticks > 0)
          assert.same({ { n = 3, nil, "timeout", "timeout" }, { n = 2, true, "owner_died" } },
            { late, took })
          lock:release()
          sync.kill(p)
        end
      end)

      it("lets controlled termination through while it waits", function()
        lock:acquire()
        local p = Process { target = function()
          billiard.ready()
          lock:acquire()
        end }
        assert(p:start():wait_ready(LONG))
        assert(p:terminate_controlled(LONG))
        assert(p:join(LONG))
        assert.is_true(p.controlled)
        p:close()
        lock:release()
      end)
    end)
  end
end)

describe("a plain Lock", function()
  helper.guard()

  it("K05: is a deadlock for who has it", function()
    local lock <close> = Lock()
    lock:acquire()
    for _, timeout in ipairs { 0, 1, math.huge } do
      assert.same({ n = 3, nil, "this process holds it already (acquire)", "deadlock" },
        table.pack(lock:acquire(timeout)))
    end
    local ok, err = pcall(lock.with, lock, print)
    assert.is_false(ok)
    assert.matches("with: this process holds it already", err)
    assert.is_true(lock:locked())
    lock:release()
    assert.is_false(lock:locked())
  end)
end)

describe("an RLock", function()
  helper.guard()

  it("K05: is given as often as it was taken", function()
    local lock <close> = RLock()
    for _ = 1, 3 do assert.is_true(lock:acquire(0)) end
    for left = 2, 0, -1 do
      lock:release()
      assert.equal(left > 0, lock:locked())
      assert.same({ left == 0 or nil }, { (sync.results(function()
        local ok = lock:acquire(0)
        if ok then lock:release() end
        return ok
      end))[1] })
    end
    assert.has_error(function() lock:release() end)
  end)

  it("begins anew for who inherits it", function()
    local lock <close> = RLock()
    sync.kill(sync.child(function() for _ = 1, 3 do lock:acquire() end end))
    assert.same({ true, "owner_died" }, { lock:acquire() })
    lock:release()
    assert.is_false(lock:locked())
  end)

  it("nests with", function()
    local lock <close> = RLock()
    assert.equal("inner", lock:with(lock.with, lock, function() return "inner" end))
    assert.is_false(lock:locked())
  end)
end)
