-- Condition: waiting for a change that another process makes.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local loops = require "spec.fixtures.loops"
local sync = require "spec.fixtures.sync"

local Condition, Process = billiard.Condition, billiard.Process
local LONG <const> = sync.LONG

-- n children that wait once and then count themselves; when all of them do,
-- they are returned.
local function waiters(condition, n, count, timeout)
  local waiting <close> = assert(billiard.Semaphore(0))
  local all = {}
  for i = 1, n do
    all[i] = Process { target = function()
      condition:with(function()
        waiting:release()
        if condition:wait(timeout) then count:add(1) end
      end)
    end }
    assert(all[i]:start())
    assert(waiting:acquire(LONG))
  end
  condition:acquire() -- the last has given it: it waits
  condition:release()
  return all
end

local function join(all)
  for _, p in ipairs(all) do
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
  end
end

local function is_count(count, n)
  return helper.eventually(function() return count.value == n end)
end

describe("billiard.Condition", function()
  helper.guard()

  it("wakes one, some, or all, those first who have waited longest", function()
    local condition <close> = assert(Condition())
    local count <close> = assert(billiard.Value "i32")
    local all = waiters(condition, 5, count)
    assert.equal(1, condition:with(condition.notify, condition))
    is_count(count, 1)
    assert.same({ true, "exit", 0 }, { all[1]:join(LONG) })
    assert.is_true(all[2]:is_alive())
    assert.equal(2, condition:with(condition.notify, condition, 2))
    is_count(count, 3)
    assert.equal(2, condition:with(condition.notify_all, condition))
    join(all)
    assert.equal(5, count.value)
    assert.same({ 0, 0 }, { condition:with(condition.notify, condition),
      condition:with(condition.notify_all, condition) })
  end)

  it("K11: says how a wait ended, having the lock again", function()
    local condition <close> = assert(Condition())
    condition:acquire()
    for _, seconds in ipairs { 0, -1, 0.03, 0.12 } do
      local began = billiard.now()
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(condition:wait(seconds)))
      assert.is_true(billiard.now() - began >= seconds)
      assert.matches("held", tostring(condition))
    end
    condition:release()
    local p = Process { target = function()
      condition:with(function() condition:notify_all() end)
    end }
    condition:acquire()
    assert(p:start())
    assert.same({ true, n = 1 }, table.pack(condition:wait(LONG)))
    condition:release()
    join { p }
  end)

  it("waits for what a function says", function()
    local condition <close> = assert(Condition())
    local state <close> = assert(billiard.Value "i32")
    local p = Process { target = function()
      for _ = 1, 4 do
        condition:with(function()
          state:add(1)
          condition:notify()
        end)
      end
    end }
    condition:acquire()
    assert(p:start())
    assert.equal("four", condition:wait_for(function() return state.value == 4 and "four" end))
    local began = billiard.now()
    assert.same({ n = 3, nil, "timeout", "timeout" },
      table.pack(condition:wait_for(function() return false end, 0.05)))
    assert.is_true(billiard.now() - began >= 0.05)
    assert.is_true(condition:wait_for(function() return true end, 0))
    assert.has_error(function() condition:wait_for(error) end)
    condition:release()
    join { p }
  end)

  it("shares a lock with others, and gives it however deep it is", function()
    local lock <close> = assert(billiard.RLock())
    local full <close>, empty = assert(Condition(lock)), assert(Condition(lock))
    local count <close> = assert(billiard.Value "i32")
    local all = waiters(full, 1, count)
    for _ = 1, 3 do lock:acquire() end
    assert.equal(0, empty:notify_all())
    assert.equal(1, full:notify())
    assert.same({ nil, "timeout" }, { full:wait_for(function() return count.value == 2 end, 0.05),
      "timeout" })
    assert.equal(1, count.value) -- it had the lock meanwhile
    for _ = 1, 3 do lock:release() end
    assert.is_false(lock:locked())
    join(all)
    empty:close()
  end)

  it("raises for who does not hold the lock", function()
    local plain <close> = assert(billiard.Lock())
    for _, lock in ipairs { plain, false } do
      local condition <close> = assert(Condition(lock or nil))
      for _, call in ipairs { "release", "wait", "notify", "notify_all" } do
        assert.has_error(function() condition[call](condition) end,
          call .. ": this process does not hold the Condition's lock")
      end
      local p = sync.child(function() assert(condition:acquire()) end)
      assert.has_error(function() condition:notify() end)
      sync.kill(p)
      assert.same({ true, "owner_died" }, { condition:acquire() })
      condition:release()
    end
  end)

  it("is not closed by who holds a lock of its own", function()
    local condition = assert(Condition())
    condition:acquire()
    assert.has_error(function() condition:close() end,
      "close: this process holds the Condition: release it first")
    condition:release()
    condition:close()
    local lock <close> = assert(billiard.Lock())
    local other = assert(Condition(lock))
    lock:acquire()
    other:close() -- the lock is the user's, and goes on
    assert.is_true(lock:locked())
    lock:release()
  end)

  it("gives its own lock up at the end of a scope, and a user's not", function()
    local condition = assert(Condition())
    local lock <close> = assert(billiard.Lock())
    local tell, told = assert(billiard.Semaphore(0)), assert(billiard.Semaphore(0))
    local p = Process { target = function()
      assert(tell:acquire(LONG))
      local taken, how = condition:acquire(LONG)
      local busy = not lock:acquire(0)
      told:release()
      os.exit(taken and how == "owner_died" and busy and 0 or 1)
    end }
    assert(p:start())
    do
      local scope <close> = condition
      local shared <close> = assert(Condition(lock))
      scope:acquire()
      shared:acquire()
    end
    assert.equal("<Condition(closed)>", tostring(condition))
    tell:release()
    assert(told:acquire(LONG))
    join { p }
    lock:release()
    tell:close()
    told:close()
  end)

  it("passes over waiters that have died", function()
    local condition <close> = assert(Condition())
    local count <close> = assert(billiard.Value "i32")
    local all = waiters(condition, 3, count)
    assert(all[1]:kill())
    assert(all[1]:join(LONG))
    all[1]:close()
    assert.equal(1, condition:with(condition.notify, condition))
    is_count(count, 1)
    assert.same({ true, "exit", 0 }, { all[2]:join(LONG) })
    assert.equal(1, condition:with(condition.notify_all, condition))
    join { all[2], all[3] }
  end)

  it("wakes another for one that dies before it could go on", function()
    local condition <close> = assert(Condition())
    local count <close> = assert(billiard.Value "i32")
    local all = waiters(condition, 2, count)
    condition:acquire()
    assert.equal(1, condition:notify())
    sync.kill(all[1]) -- it needs the lock, which is ours
    assert.equal(0, count.value)
    condition:release()
    join { all[2] }
    assert.equal(1, count.value)
  end)

  it("K08: wakes those who wait when a notifier dies between change and notify", function()
    local condition <close> = assert(Condition())
    local state <close> = assert(billiard.Value "i32")
    local p = Process { target = function()
      condition:acquire()
      state.value = 1
      billiard.ready()
      while true do billiard.sleep(3600) end
    end }
    condition:acquire()
    local waiter = Process { target = function()
      condition:with(function()
        billiard.ready()
        assert(condition:wait_for(function() return state.value == 1 end, LONG))
      end)
    end }
    assert(waiter:start())
    condition:release()
    assert(waiter:wait_ready(LONG))
    assert(p:start():wait_ready(LONG))
    local began = billiard.now()
    sync.kill(p)
    join { waiter }
    assert.is_true(billiard.now() - began < 1 * helper.scale)
    assert.same({ true, n = 1 }, table.pack(condition:acquire(0))) -- the waiter was told
    condition:release()
  end)

  it("tells the waiter that inherits the lock", function()
    local condition <close> = assert(Condition())
    condition:acquire()
    local p = Process { target = function()
      condition:acquire()
      condition:notify()
      os.exit(0)
    end }
    assert(p:start())
    assert.same({ true, "owner_died", n = 2 }, table.pack(condition:wait(LONG)))
    condition:release()
    join { p }
  end)

  it("has the lock again where an error leaves the wait", function()
    local condition <close> = assert(Condition(assert(billiard.Lock())))
    local asked = 0
    billiard.set_waiter(function()
      asked = asked + 1
      error "enough"
    end)
    local ok, err = pcall(condition.with, condition, function() condition:wait() end)
    billiard.set_waiter()
    assert.is_false(ok)
    assert.matches("enough", err) -- and not what a release would raise
    assert.equal(1, asked)
    assert.equal("<Condition(<Lock(free)>)>", tostring(condition))
    assert.equal(0, condition:with(condition.notify, condition)) -- it left its place
  end)

  it("lets controlled termination through, which leaves the place", function()
    local condition <close> = assert(Condition())
    local p = Process { target = function()
      condition:with(function()
        billiard.ready()
        condition:wait()
      end)
    end }
    assert(p:start():wait_ready(LONG))
    condition:with(function() end)
    assert(p:terminate_controlled(LONG))
    assert(p:join(LONG))
    assert.is_true(p.controlled)
    p:close()
    assert.same({ 0, true }, { condition:with(condition.notify, condition),
      (condition:acquire(0)) })
    condition:release()
  end)

  it("has its caller's waiting done by the waiter", function()
    for _, run in pairs(loops) do
      local condition <close> = assert(Condition())
      local order = {}
      run(function()
        condition:acquire()
        order[1] = table.pack(condition:wait(0.01))
        order[2] = table.pack(condition:wait(LONG))
        condition:release()
      end, function()
        while not order[1] do billiard.sleep(0.01) end -- busy: what goes on meanwhile
        condition:acquire()
        order[3] = order[2] == nil and condition:notify()
        assert.has_error(function() condition:close() end,
          "close: this process waits for the Condition")
        condition:release()
      end)
      assert.same({ { n = 3, nil, "timeout", "timeout" }, { true, n = 1 }, 1 }, order)
    end
  end)

  it("K11: refuses what is no lock, no function, no time", function()
    local closed = assert(billiard.Lock())
    closed:close()
    for _, lock in ipairs { closed, 1, {}, billiard, io.stdout } do
      assert.has_error(function() Condition(lock) end)
    end
    local condition <close> = assert(Condition())
    condition:acquire()
    for _, wrong in ipairs { 0 / 0, "1", true } do
      assert.has_error(function() condition:wait(wrong) end)
      assert.has_error(function() condition:wait_for(print, wrong) end)
      assert.has_error(function() condition:wait_for(wrong) end)
    end
    for _, wrong in ipairs { -1, 1.5, "x", 1 << 40 } do
      assert.has_error(function() condition:notify(wrong) end)
    end
    condition:release()
  end)

  it("K14: raises once it is closed", function()
    local condition = assert(Condition())
    condition:close()
    condition:close()
    for _, call in ipairs { "acquire", "release", "wait", "notify", "notify_all" } do
      local ok, err = pcall(condition[call], condition)
      assert.is_false(ok)
      assert.equal(call .. ": Condition is closed", err)
    end
    assert.equal("<Condition(closed)>", tostring(condition))
  end)
end)
