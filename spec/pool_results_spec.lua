-- What comes of the tasks of a pool: values, and what each of them fails with.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = scene.LONG

local function identity(...) return ... end
local function square(x) return x * x end

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function squares(n)
  local list = { n = n }
  for i = 1, n do list[i] = i * i end
  return list
end

describe("a task of a pool", function()
  helper.guard()

  it("returns all values, nils included, and none", function()
    local pool <close> = scene.pool()
    assert.same({ n = 3, 1, nil, 3 }, table.pack(pool:apply(identity, { 1, nil, 3, n = 3 })))
    assert.same({ n = 2, nil, nil }, table.pack(pool:apply(identity, { nil, nil, n = 2 })))
    assert.same({ n = 0 }, table.pack(pool:apply(identity)))
    assert.same({ n = 2, 1, false }, table.pack(pool:apply_async(identity, { 1, false }):get(LONG)))
  end)

  it("takes and gives large values whole", function()
    local pool <close> = scene.pool()
    local text = ("0123456789abcdef"):rep(4 << 16)
    local got = pool:apply(function(s) return { s, s:reverse() } end, { text })
    assert.is_true(got[1] == text and got[2] == text:reverse())
  end)

  it("may be a function of a module, by its name", function()
    local pool <close> = scene.pool()
    assert.equal("/", pool:apply "spec.fixtures.poolcore:slash")
    assert.same({ 1, 2, n = 2 }, pool:map("math:abs", { -1, -2 }))
    local err = scene.failure(pool:apply_async "spec.fixtures.poolcore:nowhere")
    assert.equal("RemoteError", err.code)
    assert.matches("nowhere", err.message)
    assert.equal("RemoteError", scene.failure(pool:apply_async "no.such.module:f").code)
  end)

  it("sees upvalues as they were when it was submitted, fresh in every call", function()
    local pool <close> = scene.pool()
    local n = 1
    local function count()
      n = n + 1
      return n
    end
    local first = pool:apply_async(count)
    n = 100
    local second = pool:apply_async(count)
    assert.same({ 2, 101, 100 }, { first:get(LONG), second:get(LONG), n })
    for _ = 1, 3 do assert.equal(101, pool:apply(count)) end
  end)

  it("gets handles as arguments and as upvalues", function()
    local pool <close> = scene.pool { processes = 2 }
    local queue <close> = billiard.Queue()
    local sum <close> = billiard.Value("i64", 0)
    local here, there = billiard.Pipe()
    local _ <close> = here
    local _ <close> = there
    local list = pool:map(function(i)
      sum:add(i)
      return i
    end, numbers(50), 5)
    assert.equal(50, list.n)
    assert.equal(1275, sum.value)
    assert.is_true(pool:apply(function(q, c) return q:put "by queue" and c:send "by pipe" end,
      { queue, there }))
    assert.same({ "by queue", "by pipe" }, { queue:get(LONG), here:recv(LONG) })
  end)

  it("fails with what it raised: message, code, pid, name and the traceback there", function()
    local pool <close> = scene.pool { name = "crunch" }
    local pid = pool:apply(tasks.pid)
    local err = scene.failure(pool:apply_async(function() error "on purpose" end))
    assert.same({ "RemoteError", pid, "crunch-worker-1" }, { err.code, err.pid, err.name })
    assert.matches("^spec/pool_results_spec.lua:%d+: on purpose$", err.message)
    assert.matches("spec/pool_results_spec.lua:%d+: in function", err.traceback)
    assert.matches("on purpose\n.*stack traceback:", tostring(err))
  end)

  it("fails with what it raised, whatever value that is", function()
    local pool <close> = scene.pool()
    local function raised(value)
      return scene.failure(pool:apply_async(error, { value, 0 })).value
    end
    assert.same({ 1, { 2 } }, raised { 1, { 2 } })
    assert.equal(7, raised(7))
    assert.equal(false, raised(false))
    local err = scene.failure(pool:apply_async(function() error() end))
    assert.equal("RemoteError", err.code)
    assert.matches("nil", err.message)
    local odd = scene.failure(pool:apply_async(function() error { coroutine.create(print) } end))
    assert.equal("RemoteError", odd.code)
    assert.equal(5, pool:apply(identity, { 5 }))
  end)
end)

describe("a value that cannot travel", function()
  helper.guard()

  -- finding 5: nothing resolves in billiard, and job 2 is failed in its place
  it("P12: raises where it was submitted, with its path, and hurts no other task ★", function()
    local pool <close> = scene.pool()
    local others = {}
    for i = 1, 20 do
      others[i] = pool:apply_async(identity, { i })
      local ok, err = pcall(pool.apply_async, pool, identity,
        { 1, { deep = coroutine.create(print) } })
      assert.same({ false, "unsendable", "args[2].deep: thread" }, { ok, err.code, err.path })
    end
    local thread = coroutine.create(print)
    local function holds() return thread end
    for _, call in ipairs { "apply", "apply_async", "map", "map_async", "starmap", "imap" } do
      local ok, err = pcall(pool[call], pool, holds, { 1 })
      assert.same({ false, "unsendable", "f<upvalue thread>: thread" }, { ok, err.code, err.path })
    end
    for i, r in ipairs(others) do assert.equal(i, r:get(LONG)) end
    local stats = pool:stats()
    assert.same({ 20, 20, 0 }, { stats.submitted, stats.done, stats.pending })
  end)

  it("raises from map ★ (map_unpicklable), wherever in the list it is", function()
    local pool <close> = scene.pool { processes = 2 }
    local list = numbers(40)
    list[33] = coroutine.create(print)
    local ok, err = pcall(pool.map, pool, identity, list)
    assert.same({ false, "unsendable" }, { ok, err.code })
    assert.equal(9, pool:map(square, numbers(3))[3])
  end)

  -- finding 6: in billiard that kills the worker, and nobody gets to know
  it("P12: fails its task, where it cannot be built over there, and no worker", function()
    local pool <close> = scene.pool()
    local pid = pool:apply(tasks.pid)
    local meta = { __name = "spec.OnlyAtHome", __pack = function() return 1 end,
      __unpack = function() return 1 end }
    billiard.register(meta)
    for _ = 1, 3 do
      local err = scene.failure(pool:apply_async(identity, { setmetatable({}, meta) }))
      assert.equal("RemoteError", err.code)
      assert.matches("arguments cannot be unpacked: .*spec%.OnlyAtHome", err.message)
      assert.equal(pid, err.pid)
    end
    local err = scene.failure(pool:map_async(identity, { 1, setmetatable({}, meta) }, 1))
    assert.equal("RemoteError", err.code)
    assert.equal(pid, pool:apply(tasks.pid))
  end)

  it("P12: fails its task where it is a result, twenty times, and no worker", function()
    local pool <close> = scene.pool()
    local pid = pool:apply(tasks.pid)
    for _ = 1, 20 do
      local err = scene.failure(pool:apply_async(function()
        return { f = coroutine.create(print) }
      end))
      assert.same({ "RemoteError", "result.f: thread" }, { err.code, err.path })
    end
    assert.equal(pid, pool:apply(tasks.pid))
    assert.same({ 20, 0 }, { pool:stats().failed, pool:stats().restarts })
  end)

  it("P12: fails its task where a result cannot be built here", function()
    local pool <close> = scene.pool()
    local pid = pool:apply(tasks.pid)
    local err = scene.failure(pool:apply_async(function()
      local meta = { __name = "spec.OnlyOverThere", __pack = function() return 1 end,
        __unpack = function() return 1 end }
      return setmetatable({}, require "billiard".register(meta))
    end))
    assert.equal("bad_frame", err.code)
    assert.equal(pid, pool:apply(tasks.pid))
  end)
end)

describe("map", function()
  helper.guard()

  it("gives the results in order, whatever the chunks and the workers", function()
    local pool <close> = scene.pool { processes = 3 }
    for _, n in ipairs { 0, 1, 2, 7, 8, 9, 100 } do
      for _, chunk in ipairs { 1, 2, 8, 100 } do
        assert.same(squares(n), pool:map(square, numbers(n), chunk))
      end
      assert.same(squares(n), pool:map(square, numbers(n)))
      assert.same(squares(n), pool:map_async(square, numbers(n)):get(LONG))
    end
  end)

  it("keeps nils of the list and of the results", function()
    local pool <close> = scene.pool { processes = 2 }
    local list = { nil, 1, nil, 2, nil, n = 5 }
    for _, chunk in ipairs { 1, 2, 5 } do
      assert.same(list, pool:map(identity, list, chunk))
    end
    assert.same({ n = 3 }, pool:map(function() end, numbers(3)))
  end)

  it("takes iterators of all kinds", function()
    local pool <close> = scene.pool { processes = 2 }
    local want = { "a", "b", "c", n = 3 }
    local callable = setmetatable({ left = { "a", "b", "c" } }, { __call = function(self)
      return table.remove(self.left, 1)
    end })
    assert.same(want, pool:map(identity, ("a b c"):gmatch "%a"))
    assert.same(want, pool:map(identity, callable))
    assert.same(want, pool:map(identity, coroutine.wrap(function()
      for _, x in ipairs(want) do coroutine.yield(x) end
    end)))
    assert.same({ n = 0 }, pool:map(identity, function() end))
  end)

  it("unpacks the items for starmap, whichever way it waits", function()
    local pool <close> = scene.pool { processes = 2 }
    local pairs_of = { { 1, 2 }, { 3, 4 }, { nil, 5, n = 2 } }
    local function sum(a, b) return (a or 10) + b end
    assert.same({ 3, 7, 15, n = 3 }, pool:starmap(sum, pairs_of, 2))
    assert.same({ 3, 7, 15, n = 3 }, pool:starmap_async(sum, pairs_of):get(LONG))
  end)

  it("fails with the error of the item, and says which it was", function()
    local pool <close> = scene.pool { processes = 2 }
    local done <close> = billiard.Value("i64", 0)
    local function picky(i)
      done:add(1)
      if i == 7 then error("not seven", 0) end
      return i
    end
    for _, chunk in ipairs { 1, 3, 20 } do
      local none, err, code = pool:map(picky, numbers(20), chunk)
      assert.same({ nil, "RemoteError", "not seven", 7 }, { none, code, err.message, err.index })
    end
    pool:close()
    assert.is_true(pool:join(LONG)) -- the rest of it is done all the same
    assert.equal(60, done.value)
  end)

  -- finding 10, and the iterable of CPython's tests
  it("raises what its source raises ★, and the pool goes on", function()
    local pool <close> = scene.pool { processes = 2 }
    local function breaks()
      local i = 0
      return function()
        i = i + 1
        if i == 5 then error("no fifth", 0) end
        return i
      end
    end
    for _, call in ipairs { "map", "map_async", "starmap" } do
      local ok, err = pcall(pool[call], pool, identity, breaks())
      assert.same({ false, "no fifth" }, { ok, err })
    end
    assert.equal(0, pool:stats().pending)
    assert.equal(4, pool:apply(square, { 2 }))
  end)
end)
