-- Tasks without options, which the pool's core makes and settles by itself, and
-- those among them that it cannot.
-- Run once per start method.

local billiard = require "billiard"
local fakecore = require "spec.fixtures.pool.fakecore"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"

local LONG <const> = scene.LONG

local function square(x) return x * x end
local function identity(...) return ... end

-- An object that calls a function where it is unpacked at home, and is 7 there.
local Caller = { __name = "spec.Caller" }
local at_home = function() end

function Caller.__pack() return 0 end

function Caller.__unpack()
  if billiard.worker then return setmetatable({}, Caller) end
  at_home()
  return 7
end

billiard.register(Caller)

local function new_caller() return setmetatable({}, Caller) end

describe("a plain task of a pool", function()
  helper.guard()

  after_each(function() at_home = function() end end)

  it("has no say where its value's __unpack was first to end it", function()
    local pool <close> = scene.pool { processes = 1, start_method = "fork" }
    local r = pool:apply_async(identity, { new_caller() })
    at_home = function() r:discard() end
    assert.same({ nil, "Cancelled" }, { (r:get(LONG)), (select(3, r:get(LONG))) })
    assert.equal(7, pool:apply(identity, { new_caller() }))
  end)

  it("is counted as done while its value is unpacked, and is not pending", function()
    local pool <close> = scene.pool { processes = 1, start_method = "fork" }
    local stats
    at_home = function() stats = pool:stats() end
    assert.equal(7, pool:apply(identity, { new_caller() }))
    assert.same({ 1, 0, 1 }, { stats.submitted, stats.pending, stats.done })
  end)

  it("ends once, whatever else ends between", function()
    local pool <close> = scene.pool()
    local results, watched, called = {}, {}, 0
    for i = 1, 300 do
      if i % 3 == 0 then
        results[i] = pool:apply_async(square, { i }, {
          callback = function() called = called + 1 end })
      else
        results[i] = pool:apply_async(square, { i })
      end
      if i % 3 == 1 then watched[#watched + 1] = results[i] end
    end
    local completed = 0
    for r in billiard.as_completed(watched, LONG) do
      completed = completed + 1
      assert.is_true(r:ready())
    end
    for i, r in ipairs(results) do assert.equal(i * i, r:get(LONG)) end
    assert.same({ 100, 100 }, { completed, called })
    local stats = pool:stats()
    assert.same({ 300, 0, 300 }, { stats.submitted, stats.pending, stats.done })
  end)

  it("tells who did it, and its value when the pool is gone", function()
    local pool <close> = scene.up()
    local pids = scene.pids(pool)
    local r, nothing = pool:apply_async(square, { 3 }), pool:apply_async(identity)
    assert.same({ n = 0 }, table.pack(nothing:get(LONG)))
    assert.equal(9, r:get(LONG))
    pool:terminate()
    assert.equal(9, r:get())
    assert.same({ n = 0 }, table.pack(nothing:get(0)))
    assert.is_true(r:worker_pid() == pids[1] or r:worker_pid() == pids[2])
  end)

  it("belongs to its owner also when it has ended", function()
    local pool <close> = scene.pool()
    local r = pool:apply_async(square, { 4 })
    assert.equal(16, r:get(LONG))
    local child = assert(billiard.Process { start_method = "fork", target = function()
      local ok, message = pcall(r.get, r)
      os.exit(not ok and message:find "belongs to process %d" and 0 or 1)
    end }:start())
    assert.is_true(child:join(LONG))
    assert.equal(0, child.exitcode)
  end)

  it("raises where packing its arguments has closed the pool", function()
    local pool <close> = scene.pool()
    local Closer = { __name = "spec.Closer", __unpack = identity,
      __pack = function() pool:terminate() return 1 end }
    billiard.register(Closer)
    fakecore.misuses(function() pool:apply_async(identity, { setmetatable({}, Closer) }) end,
      "apply: Pool is closed")
    fakecore.misuses(function() pool:apply_async(identity, { 1 }) end, "terminated")
  end)

  it("makes an elastic pool grow", function()
    local pool <close> = scene.pool { min = 1, max = 3, processes = 1 }
    local gate <close> = scene.gate()
    local results = {}
    for i = 1, 3 do results[i] = pool:apply_async(scene.hold, gate.args) end
    scene.settle(pool, 3)
    for _ = 1, 3 do gate:entered() end
    for _ = 1, 3 do gate.go:put(true) end
    for i = 1, 3 do assert.is_true(results[i]:get(LONG)) end
  end)
end)

describe("a map of plain items", function()
  helper.guard()

  local function same(list)
    local pool <close> = scene.pool { processes = 2 }
    local n = list.n or #list
    local got = assert(pool:map(identity, list, { chunk = 7 }))
    assert.equal(n, got.n)
    for i = 1, n do
      if type(list[i]) == "table" then assert.same(list[i], got[i])
      else assert.equal(list[i], got[i]) end
      assert.equal(math.type(list[i]), math.type(got[i]))
    end
    return got
  end

  it("keeps each where it was, whatever it is", function()
    local list = {}
    for i = 1, 100 do
      local kinds = { i, i + 0.5, -i, "s" .. i, ("x"):rep(5000), i % 2 == 0, { i }, 1 << 62 }
      list[i] = kinds[i % 8 + 1]
    end
    same(list)
  end)

  it("keeps holes, at the beginning, within and at the end", function()
    same { n = 30, [5] = 1, [17] = "a" }
    same { n = 15, 1, 2, 3 }
    same { n = 8 }
    same { n = 0 }
  end)

  it("keeps what is no more than a part of a list", function()
    local list = setmetatable({}, { __index = function(_, i) return i * 2 end })
    local pool <close> = scene.pool { processes = 2 }
    list.n = 20
    local got = pool:map(identity, list, { chunk = 3 })
    for i = 1, 20 do assert.equal(i * 2, got[i]) end
  end)

  it("has results of other kinds than its items", function()
    local pool <close> = scene.pool { processes = 2 }
    local got = pool:map(function(i)
      return ({ i, tostring(i), { i }, nil, i / 2 })[i % 5 + 1]
    end, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, { chunk = 4 })
    assert.same({ "1", { 2 }, nil, 2.0, 5, "6", { 7 }, nil, 4.5, 10, n = 10 }, got)
  end)

  it("is not changed by keys that are no items", function()
    local list = { 1, 2, 3, key = "value", [10] = 10 }
    local pool <close> = scene.pool { processes = 1 }
    assert.same({ 1, 2, 3, n = 3 }, pool:map(identity, list))
  end)
end)
