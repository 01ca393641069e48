-- core.Pool: who waits for it, and who may use it.
-- Run once per start method.

local billiard = require "billiard"
local core = require "billiard.core"
local helper = require "spec.helper"
local poolcore = require "spec.fixtures.poolcore"

local team = poolcore.team
local APPLY <const> = poolcore.APPLY
local LONG <const> = poolcore.LONG

describe("a pool", function()
  helper.guard()
  after_each(function() billiard.set_waiter() end)

  -- Coroutines whose waits are a poller's.
  local function scheduler()
    local self = { poller = billiard.Poller(), waiting = 0 }
    billiard.set_waiter(function(object, seconds)
      if not coroutine.isyieldable() then return false end
      return coroutine.yield(object, seconds)
    end)
    local function step(co, ...)
      local ok, object = coroutine.resume(co, ...)
      if not ok then error(object, 0) end
      if coroutine.status(co) == "dead" then return end
      self.poller:add(object, { co, object })
      self.waiting = self.waiting + 1
    end
    function self.start(f, ...) step(coroutine.create(f), ...) end
    -- Lets one that is ready go on, though others may be.
    function self.turn()
      local tag = assert(self.poller:wait(LONG)[1], "nobody is woken")
      self.waiting = self.waiting - 1
      self.poller:remove(tag[2])
      step(tag[1])
    end
    return setmetatable(self, { __close = function() self.poller:close() end })
  end

  -- Until there is no news, and none on its way.
  local function calm(t)
    helper.eventually(function() return not t.core:next() and not t.core:wait(0) end)
  end

  it("wakes each coroutine that waits, whoever takes out what", function()
    local t <close> = team(2)
    local loop <close> = scheduler()
    local results, got, woken = {}, {}, 0
    for i = 1, 8 do
      loop.start(function()
        local ticket = t:submit(function(x) return x * x end, { i }, APPLY)
        while not results[ticket] do
          local kind, whose, _, value = t.core:next()
          if kind == "result" then results[whose] = value end
          if not kind then
            assert(t.core:wait(LONG))
            woken = woken + 1
          end
        end
        got[i] = results[ticket]
      end)
    end
    while loop.waiting > 0 do loop.turn() end
    assert.same({ 1, 4, 9, 16, 25, 36, 49, 64 }, got)
    assert.is_true(woken <= 8 * 8)
  end)

  it("wakes coroutines for what others took out, and left nothing of", function()
    local t <close> = team(1)
    local loop <close> = scheduler()
    calm(t)
    local woken = 0
    for _ = 1, 2 do
      loop.start(function()
        assert(t.core:wait(LONG))
        woken = woken + 1
      end)
    end
    assert.same({ 2, 0 }, { loop.waiting, woken })
    assert.equal(1, t:call(function() return 1 end)) -- on the main thread
    calm(t) -- and has nothing left that could wake anybody
    while loop.waiting > 0 do loop.turn() end
    assert.equal(2, woken)
  end)

  it("tells coroutines that wait when it is closed", function()
    local t <close> = team(1)
    local loop <close> = scheduler()
    calm(t)
    local told = {}
    for i = 1, 2 do
      loop.start(function() told[i] = select(2, pcall(t.core.wait, t.core)) end)
    end
    assert.equal(2, loop.waiting)
    t.core:close()
    while loop.waiting > 0 do loop.turn() end
    for i = 1, 2 do assert.match("wait: Pool is closed", told[i]) end
  end)

  it("says when it is waited for in vain", function()
    local t <close> = team(1)
    calm(t)
    assert.same({ nil, "timeout", "timeout" }, { t.core:wait(0.01) })
    assert.is_nil(t.core:next())
    assert.is_nil(t.core:due())
    assert.equal("number", math.type(t.core:fileno()) and "number")
  end)

  it("is of no use to others than who made it", function()
    local pool = core.Pool()
    local mine, its = core.pool_link()
    local function raises(message, f, ...)
      local ok, err = pcall(f, ...)
      assert.is_false(ok)
      assert.match(message, err)
    end
    raises("function or string expected", pool.submit, pool, 5, {}, APPLY)
    raises("table expected", pool.submit, pool, print, 5, APPLY)
    raises("no mode", pool.submit, pool, print, {}, 3)
    raises("at least 1", pool.submit, pool, print, {}, APPLY, nil, nil, 0)
    raises("needs the worker's end", core.pool_serve, mine)
    local p <close> = setmetatable({ billiard.Process { target = function() end } },
      { __close = function(self) self[1]:close() end })
    raises("is not started", pool.add, pool, p[1], mine)
    p[1]:start()
    raises("needs the owner's end", pool.add, pool, p[1], its)
    assert(p[1]:join(LONG))
    for _ = 1, 2 do pool:close() end
    raises("next: Pool is closed", pool.next, pool)
    raises("add: Pool is closed", pool.add, pool, p[1], mine)
    mine:close()
    its:close()
  end)
end)
