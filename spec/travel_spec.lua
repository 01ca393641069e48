-- What is shared reaches others: as argument, field and upvalue of a child, and
-- through connections.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local sync = require "spec.fixtures.sync"

local Process = billiard.Process
local LONG <const> = sync.LONG

-- One of each, by the name of its class.
local function one_of_each()
  local lock = assert(billiard.RLock())
  return {
    Lock = assert(billiard.Lock()), RLock = lock,
    Semaphore = assert(billiard.Semaphore(3)),
    BoundedSemaphore = assert(billiard.BoundedSemaphore(3)),
    Condition = assert(billiard.Condition(lock)),
    Event = assert(billiard.Event()), Barrier = assert(billiard.Barrier(2, nil, 0.01)),
    SharedMemory = assert(billiard.SharedMemory { size = 64 }),
    Value = assert(billiard.Value("i16", -7)), Array = assert(billiard.Array("f32", { 1, 2, 3 })),
  }
end

local function close(all)
  for _, object in pairs(all) do object:close() end
end

-- Changes each, which somebody else can see (seen).
local function change(all)
  assert(all.Lock:acquire())
  assert(all.Condition:acquire())
  assert(all.RLock:acquire()) -- the same
  assert(all.Semaphore:acquire())
  assert(all.BoundedSemaphore:acquire())
  all.Event:set()
  all.Barrier:abort()
  all.SharedMemory:pack(7, "z", "changed")
  all.Value:add(1)
  all.Array:set(2, { 20, 30 })
  assert(all.Value.lock:acquire())
end

local function seen(all)
  return { all.Lock:locked(), all.RLock:locked(), all.Semaphore:value(),
    all.BoundedSemaphore:value(), all.Event:is_set(), all.Barrier.broken, all.Barrier.parties,
    (all.SharedMemory:unpack(7, "z")), #all.SharedMemory, all.Value.value,
    table.concat(all.Array:get(), " "), all.Value.lock:locked() }
end

local before <const> = { false, false, 3, 3, false, false, 2, "", 64, -7, "1.0 2.0 3.0", false }
local after <const> = { true, true, 2, 2, true, true, 2, "changed", 64, -6, "1.0 20.0 30.0", true }

-- By how a child gets them: starts one that changes what it got, says so, and
-- stays until it is killed.
local ways = {
  argument = function(all, there)
    return Process { args = { all, there, change }, target = function(list, event, f)
      f(list)
      event:set()
      while true do require "billiard".sleep(3600) end
    end }
  end,
  field = function(all, there)
    local class = Process:extend "Changer"
    function class:run()
      change(self.all)
      self.there:set()
      while true do billiard.sleep(3600) end
    end
    return class { fields = { all = all, there = there } }
  end,
  upvalue = function(all, there)
    return Process { target = function()
      change(all)
      there:set()
      while true do billiard.sleep(3600) end
    end }
  end,
}

describe("what is shared", function()
  helper.guard()

  for way, new in pairs(ways) do
    it("is the child's as " .. way, function()
      local all, there <close> = one_of_each(), assert(billiard.Event())
      assert.same(before, seen(all))
      local p = assert(new(all, there):start())
      assert(there:wait(LONG))
      assert.same(after, seen(all))
      sync.kill(p)
      assert.same({ { true, "owner_died" }, { true, "owner_died" }, { true, "owner_died" }, 3 },
        { { all.Lock:acquire() }, { all.Condition:acquire() }, { all.Value.lock:acquire() },
          all.BoundedSemaphore:value() })
      all.Lock:release()
      all.Condition:release()
      all.Value.lock:release()
      close(all)
    end)
  end

  it("goes down and up through a connection", function()
    local ours, theirs = assert(billiard.Pipe())
    local p = Process { args = { theirs }, target = function(connection)
      local all = connection:recv()
      change(all)
      connection:send(all)
      connection:recv()
    end }
    assert(p:start())
    theirs:close()
    local all = one_of_each()
    assert(ours:send(all))
    local back = assert(ours:recv(LONG))
    assert.same({ after, after }, { seen(all), seen(back) })
    for name, object in pairs(back) do
      assert.equal(getmetatable(all[name]), getmetatable(object))
    end
    ours:close()
    assert(p:join(LONG))
    p:close()
    assert.same({ 3, true, "owner_died" }, { back.BoundedSemaphore:value(), back.Lock:acquire() })
    assert.same({ false, nil, "timeout" }, { all.Event:clear() and back.Event:is_set(),
      (sync.results(function() return (all.Lock:acquire(0)) end))[1], "timeout" })
    back.Lock:release()
    close(back)
    close(all)
  end)

  it("stays when the one that sent it closes its own", function()
    local ours, theirs = assert(billiard.Pipe())
    local value = assert(billiard.Value("i32", 41))
    local lock = value.lock
    assert(ours:send { value, lock, value })
    value:close()
    local list = assert(theirs:recv(LONG))
    assert.equal(list[1], list[3])
    assert.equal(42, list[1]:add(1))
    -- two handles, one lock
    assert(list[2]:acquire())
    assert.is_true(list[1].lock:locked())
    assert.same({ nil, "deadlock" }, { (list[1].lock:acquire()),
      (select(3, list[1].lock:acquire())) })
    list[1].lock:release()
    assert.is_false(list[2]:locked())
    list[1]:close()
    list[2]:close()
    ours:close()
    theirs:close()
  end)

  it("is let go of by the handle that has it, and no other", function()
    local ours, theirs = assert(billiard.Pipe())
    for _, new in ipairs { billiard.Lock, billiard.RLock } do
      local one = assert(new())
      assert(ours:send(one))
      local two <close> = assert(theirs:recv(LONG))
      assert(one:acquire())
      assert(two:release())
      assert(two:acquire())
      one = nil
      collectgarbage()
      assert.is_true(two:locked())
      assert.is_true(two:release())
      assert(ours:send(two))
      local three = assert(theirs:recv(LONG))
      assert(three:acquire())
      three = nil
      collectgarbage()
      assert.same({ true, "owner_died" }, { two:acquire(0) })
      assert.is_true(two:release())
      assert.is_nil(one or three)
    end
    ours:close()
    theirs:close()
  end)

  it("is one object for what holds it twice", function()
    local ours, theirs = assert(billiard.Pipe())
    local lock <close> = assert(billiard.RLock())
    local full <close> = assert(billiard.Condition(lock))
    local empty <close> = assert(billiard.Condition(lock))
    assert(ours:send { lock, full, empty })
    local list = assert(theirs:recv(LONG))
    list[1]:acquire()
    assert.same({ 0, 0 }, { list[2]:notify(), list[3]:notify() })
    assert.matches("held by process", (sync.results(function() return tostring(lock) end))[1])
    list[1]:release()
    for _, object in ipairs(list) do object:close() end
    ours:close()
    theirs:close()
  end)

  it("takes a barrier's action and timeout along, to a child", function()
    local ran <close> = assert(billiard.Value "i32")
    local barrier <close> = assert(billiard.Barrier(2, function() ran:add(1) end, LONG))
    local p = Process { args = { barrier }, target = function(mine)
      for _ = 1, 2 do assert(mine:wait()) end
    end }
    assert(p:start())
    for _ = 1, 2 do assert(barrier:wait()) end
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p:close()
    assert.equal(2, ran.value)
  end)

  -- it goes by the module's name: who did not get it by fork loads his own
  it("is at a module's level what the module made in that process", function()
    local level = require "spec.fixtures.start.level"
    sync.together(2, level.work)
    assert.equal(helper.method == "fork" and 2 or 0, level.count.value)
    assert.is_false(level.lock:locked())
    level.count:close()
    level.lock:close()
    package.loaded["spec.fixtures.start.level"] = nil
  end)

  it("does not travel as bytes, nor closed", function()
    local ours, theirs = assert(billiard.Pipe())
    local all = one_of_each()
    for name, object in pairs(all) do
      for _, profile in ipairs { "down", "up", "plain" } do
        local ok, err = pcall(billiard.pack, object, profile)
        assert.is_false(ok)
        assert.equal("unsendable", err.code)
        assert.matches(name .. ", which only a connection or a starting child can carry",
          tostring(err))
      end
    end
    close(all)
    for name, object in pairs(all) do
      local ok, err = pcall(ours.send, ours, object)
      assert.is_false(ok)
      assert.matches("a closed " .. name, tostring(err))
    end
    ours:close()
    theirs:close()
  end)
end)
