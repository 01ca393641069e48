-- Lists and loops of a pool over a core of the test's own.

local billiard = require "billiard"
local fakecore = require "spec.fixtures.pool.fakecore"

local fake
local identity, boom = fakecore.identity, fakecore.boom
local code_of, misuses = fakecore.code_of, fakecore.misuses

local function new(options) return fake:pool(options) end
local function manual(options) return fake:manual(options) end

describe("billiard.pool, its lists:", function()
  before_each(function() fake = fakecore.install() end)
  after_each(function() getmetatable(fake).__close(fake) end)

  describe("map", function()
    it("keeps the order, whatever the chunks", function()
      local pool = new()
      local list, want = {}, {}
      for i = 1, 23 do list[i], want[i] = i, i * i end
      want.n = 23
      for _, chunk in ipairs { 1, 2, 7, 23, 100 } do
        assert.same(want, pool:map(function(x) return x * x end, list, chunk))
        assert.same(want, pool:map(function(x) return x * x end, list, { chunk = chunk }))
      end
    end)

    it("cuts a list so that each worker gets four", function()
      local pool = manual(2)
      pool:map_async(identity, table.pack(table.unpack({}, 1, 100)))
      assert.equal(8, #fake.core.queue)
      assert.equal(13, fake.core.queue[1].args.n)
      assert.equal(9, fake.core.queue[8].args.n)
    end)

    it("has one item in a chunk where there are limits, which are a task's", function()
      local pool = manual { processes = 1, timeout = 5 }
      pool:map_async(identity, { 1, 2, 3 })
      assert.equal(3, #fake.core.queue)
    end)

    it("keeps nils, of a list with n and of what the function returns", function()
      local pool = new(1)
      local out = pool:map(function(x) return x ~= 2 and x or nil end, { 1, nil, 2, 3, n = 4 })
      assert.same({ 1, nil, nil, 3, n = 4 }, out)
    end)

    it("takes an iterator", function()
      assert.same({ "a", "b", n = 2 }, new():map(identity, string.gmatch("a b", "%a")))
      assert.same({ n = 0 }, new():map(identity, {}))
    end)

    it("unpacks the items for starmap", function()
      local pool = new(1)
      local function add(a, b) return a + b end
      assert.same({ 3, 7, n = 2 }, pool:starmap(add, { { 1, 2 }, { 3, 4 } }))
      assert.equal(5, pool:starmap_async(math.max, { { 5, 4 } }):get()[1])
    end)

    it("returns the first failure with its place, and does all the rest", function()
      local pool, done = new(1), 0
      local out, err, code = pool:map(function(x)
        if x == 4 then boom() end
        done = done + 1
      end, { 1, 2, 3, 4, 5, 6 }, 2)
      assert.same({ nil, "boom", 4, "RemoteError" }, { out, err.message, err.index, code })
      pool:close()
      assert.True(pool:join())
      assert.equal(5, done)
    end)

    it("passes on what its source raises, and nothing was submitted", function()
      local pool = new()
      assert.error_matches(function() pool:map(identity, boom) end, "^boom$")
      assert.equal(0, pool:stats().submitted)
    end)

    it("refuses what is no list", function()
      misuses(function() new():map(identity, 5) end,
        "map: needs a list or an iterator, got number")
    end)

    it("is taken back whole by cancel", function()
      local pool = manual(1)
      local r = pool:map_async(identity, { 1, 2, 3 }, 1)
      fake:finish(fake:begin())
      assert.True(r:cancel())
      assert.equal("Cancelled", code_of(r))
      assert.equal(0, fake:run())
      pool:poll()
      assert.equal(0, pool:stats().pending)
    end)

    it("fails with the worker that had one of its chunks", function()
      local pool = manual(2)
      local r = pool:map_async(identity, { 1, 2, 3, 4 }, 2)
      fake:begin()
      fake:begin()
      fake:die(1)
      local _, err, code = r:get(0)
      assert.equal("WorkerLostError", code)
      assert.equal(3, err.index)
    end)
  end)

  describe("imap", function()
    local function collect(...)
      local out = {}
      for i, value, err in ... do out[#out + 1] = { i, value, err and err.message } end
      return out
    end

    it("goes through items in order, failed ones too", function()
      local pool = new()
      local function f(x)
        if x == 2 then boom() end
        return x * 10
      end
      local want = { { 1, 10 }, { 2, nil, "boom" }, { 3, 30 } }
      assert.same(want, collect(pool:imap(f, { 1, 2, 3 })))
      assert.same(want, collect(pool:imap(f, { 1, 2, 3 }, 2)))
      assert.same({}, collect(pool:imap(f, {})))
    end)

    it("counts the tasks with failed items as failed, as map does", function()
      local pool = new()
      local list = { 1, 2, 3, 4, 5, 6 }
      local function f(x) return x > 4 and boom() or x end
      collect(pool:imap(f, list))
      collect(pool:imap_unordered(f, list, 2))
      assert.same({ 6, 3 }, { pool:stats().done, pool:stats().failed })
      pool:map(f, list, 3)
      assert.same({ 7, 4 }, { pool:stats().done, pool:stats().failed })
    end)

    it("yields what has ended first, when unordered", function()
      local pool = manual(2)
      local nxt, state = pool:imap_unordered(identity, { "a", "b" })
      local a, b = fake:begin(), fake:begin()
      fake:finish(b)
      assert.same({ 2, "b" }, { nxt(state) })
      fake:finish(a)
      assert.same({ 1, "a" }, { nxt(state) })
      assert.Nil(nxt(state))
    end)

    it("reads its source no further ahead than it may", function()
      local pool, n = new(1), 0
      local function numbers()
        n = n + 1
        return n
      end
      for _, how in ipairs { "imap", "imap_unordered" } do
        n = 0
        for i, value in pool[how](pool, identity, numbers, { prefetch = 3, chunk = 2 }) do
          assert.equal(i, value)
          assert.True(n <= i + 6)
          if i == 50 then break end
        end
      end
    end)

    it("keeps back nothing that has ended while it reads on", function()
      for _, how in ipairs { "imap", "imap_unordered" } do
        local pool, n = manual(1), 0
        local function numbers() -- takes so long that the one before is done
          if n > 0 then fake:finish(fake:begin()) end
          n = n + 1
          return n
        end
        for i in pool[how](pool, identity, numbers) do
          assert.True(n <= 2 * i + 1)
          if i == 20 then break end
        end
        assert.True(n > 30) -- and reads ahead, little by little
      end
    end)

    it("raises what its source raises, behind the items before", function()
      local pool = new()
      local function source()
        local i = 0
        return function()
          i = i + 1
          if i == 4 then error({ "my own" }) end
          return i
        end
      end
      for _, how in ipairs { "imap", "imap_unordered" } do
        local got = {}
        local ok, problem = pcall(function()
          for _, value in pool[how](pool, identity, source(), 2) do got[#got + 1] = value end
        end)
        assert.False(ok)
        assert.same({ "my own" }, problem)
        assert.same({ 1, 2, 3 }, got)
      end
      assert.equal(1, pool:apply(identity, { 1 }))
    end)

    it("takes back what is queued when the loop is left", function()
      local pool = manual(1)
      do
        local nxt, state, _, closer <close> = pool:imap(identity, { 1, 2, 3, 4 })
        fake:finish(fake:begin())
        assert.same({ 1, 1 }, { nxt(state, closer) })
        fake:begin()
      end
      assert.equal(0, fake:run())
      fake:finish(fake:worker(0))
      pool:poll()
      assert.equal(0, pool:stats().pending)
    end)

    it("fails only the item whose worker died", function()
      local pool = manual(1)
      local nxt, state = pool:imap(identity, { 1, 2 })
      fake:begin()
      fake:die(0)
      local i, value, err = nxt(state)
      assert.same({ 1, nil, "WorkerLostError" }, { i, value, err.code })
      fake.auto = true
      assert.same({ 2, 2 }, { nxt(state) })
    end)

    it("is ended by join, though nobody has gone through it", function()
      local pool, done = new(1), 0
      local nxt, state = pool:imap(function(x)
        done = done + 1
        return x
      end, { 1, 2, 3, 4, 5 }, { prefetch = 1 })
      pool:close()
      assert.True(pool:join())
      assert.equal(5, done)
      assert.same({ 1, 1 }, { nxt(state) })
    end)

    it("raises at once for a function that cannot travel", function()
      local pool = new()
      fake.unsendable = boom
      local ok, err = pcall(pool.imap, pool, boom, { 1 })
      assert.False(ok)
      assert.equal("unsendable", err.code)
      pool:close()
      assert.True(pool:join())
    end)
  end)

  describe("as_completed", function()
    it("goes through results as they end, those that have first", function()
      local pool = manual(2)
      local a, b, c = pool:apply_async(identity), pool:apply_async(identity), pool:apply_async(boom)
      c:cancel()
      local order = {}
      local one, two = fake:begin(), fake:begin()
      fake:finish(two)
      fake:finish(one)
      for r in billiard.as_completed { a, b, c } do order[#order + 1] = r end
      assert.same({ c, b, a }, order)
    end)

    it("ends at its timeout", function()
      local r = manual(1):apply_async(identity)
      for _ in billiard.as_completed({ r }, 1) do error "none" end
      assert.False(r:ready())
    end)

    it("may be used twice for a result", function()
      local r = manual(1):apply_async(identity)
      local next1, state1 = billiard.as_completed { r }
      local next2, state2 = billiard.as_completed { r }
      fake:run()
      assert.equal(r, next1(state1))
      assert.equal(r, next2(state2))
      assert.Nil(next1(state1))
    end)

    it("refuses what is no result", function()
      misuses(function() billiard.as_completed { 5 } end,
        "item 1 must be an AsyncResult, got number")
    end)
  end)
end)
