-- Queue: what goes in comes out, once, in order. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local queues = require "spec.fixtures.queues"

local Queue = billiard.Queue
local LONG <const> = queues.LONG
local start, finish, asleep = queues.start, queues.finish, queues.asleep

local EMPTY <const> = { n = 3, nil, "empty", "empty" }
local FULL <const> = { n = 3, nil, "full", "full" }
local CLOSED <const> = { n = 3, nil, "closed", "closed" }

describe("billiard.Queue", function()
  helper.guard()

  it("gives back what was put, in order", function()
    local q <close> = assert(Queue())
    local values = { 1, 1.0, -0.5, "", "a\0b\xff", true, false, math.mininteger, math.huge }
    for _, value in ipairs(values) do assert.is_true(q:put(value)) end
    for _, value in ipairs(values) do
      local got = q:get()
      assert.equal(value, got)
      assert.equal(math.type(value), math.type(got))
    end
    assert.same(EMPTY, table.pack(q:get(0)))
  end)

  it("tells a nil that was put from nothing", function()
    local q <close> = assert(Queue())
    assert.is_true(q:put(nil))
    assert.same({ n = 1, nil }, table.pack(q:get(0)))
    assert.same(EMPTY, table.pack(q:get(0)))
    assert.has_error(function() q:put() end)
    assert.is_true(q:empty())
  end)

  it("keeps the shape of a table", function()
    local q <close> = assert(Queue())
    local shared = { 1, 2 }
    local value = { a = shared, b = shared, deep = { { { "x" } } } }
    value.me = value
    q:put(value)
    local got = q:get()
    assert.equal(got, got.me)
    assert.equal(got.a, got.b)
    assert.same({ 1, 2 }, got.a)
    assert.equal("x", got.deep[1][1][1])
  end)

  it("knows at once how many there are", function()
    local q <close> = assert(Queue(2))
    assert.same({ 0, true, false }, { q:qsize(), q:empty(), q:full() })
    q:put(1)
    assert.same({ 1, false, false }, { q:qsize(), q:empty(), q:full() })
    q:put(2)
    assert.same({ 2, false, true }, { q:qsize(), q:empty(), q:full() })
    q:get()
    assert.same({ 1, false, false }, { q:qsize(), q:empty(), q:full() })
  end)

  it("K11: says full and empty, however long it waited", function()
    local q <close> = assert(Queue(1))
    for _, seconds in ipairs { 0, -1, -math.huge, 0.05 } do
      local began = billiard.now()
      assert.same(EMPTY, table.pack(q:get(seconds)))
      assert.is_true(billiard.now() - began >= seconds)
    end
    assert.same(EMPTY, table.pack(q:get_nowait()))
    assert.is_true(q:put_nowait "here")
    for _, seconds in ipairs { 0, -1, -math.huge, 0.05 } do
      local began = billiard.now()
      assert.same(FULL, table.pack(q:put("more", seconds)))
      assert.is_true(billiard.now() - began >= seconds)
    end
    assert.same(FULL, table.pack(q:put_nowait "more"))
    assert.equal("here", q:get_nowait())
  end)

  it("K11: takes no time that is none", function()
    local q <close> = assert(Queue())
    for _, timeout in ipairs { 0 / 0, "1", false, {} } do
      assert.has_error(function() q:get(timeout) end)
      assert.has_error(function() q:put(1, timeout) end)
    end
    for _, timeout in ipairs { 1e300, math.huge, 1 } do
      assert.is_true(q:put(timeout, timeout))
      assert.equal(timeout, q:get(timeout))
    end
  end)

  it("has no bound for a size of none", function()
    for _, size in ipairs { 0, -1 } do
      local q <close> = assert(Queue(size))
      for i = 1, 1000 do assert(q:put(i, 0)) end
      assert.is_false(q:full())
    end
    assert.has_error(function() Queue "many" end)
    assert.has_error(function() Queue(1.5) end)
  end)

  it("is shared with children, and copies nothing", function()
    local q <close> = assert(Queue())
    local back <close> = assert(Queue())
    for i = 1, 3 do q:put(i) end
    finish(start(function() back:put(q:get()) end))
    finish(start(function() back:put(q:get()) end))
    assert.same({ 1, 2, 3, 0, 0 }, { back:get(0), back:get(0), q:get(0), q:qsize(), back:qsize() })
  end)

  it("wakes a sleeping consumer, and a sleeping producer", function()
    local q <close> = assert(Queue(1))
    local back <close> = assert(Queue())
    local consumer = start(function() back:put(q:get(LONG)) end)
    asleep(consumer)
    q:put "x"
    assert.equal("x", back:get(LONG))
    finish(consumer)
    q:put "in the way"
    local producer = start(function() assert(q:put("y", LONG)) end)
    asleep(producer)
    assert.same({ "in the way", "y" }, { q:get(), q:get(LONG) })
    finish(producer)
  end)

  -- where a queue has a feeder, either the data or the join is lost
  it("has what a child put after its end", function()
    local q <close> = assert(Queue())
    local text = ("x"):rep(1 << 20)
    local p = start(function() assert(q:put(text)) end)
    finish(p)
    assert.is_true(q:get(0) == text)
  end)

  it("loses and doubles nothing between many", function()
    local q <close> = assert(Queue(10))
    local back <close> = assert(Queue())
    local all = {}
    for who = 1, 4 do
      all[who] = start(function()
        for i = 1, 500 do assert(q:put({ who, i, ("x"):rep(i) }, LONG)) end
      end)
      all[who + 4] = start(function()
        local last = { 0, 0, 0, 0 }
        for item in function() return q:get(LONG) end do
          if item == "end" then break end
          local from, i, text = table.unpack(item)
          assert(last[from] < i and #text == i)
          last[from] = i
          back:put { from, i }
        end
      end)
    end
    finish(table.unpack(all, 1, 4))
    for _ = 1, 4 do q:put "end" end
    finish(table.unpack(all, 5, 8))
    local seen, n = {}, 0
    for pair in function() return back:get(0) end do
      local key = pair[1] * 1000 + pair[2]
      assert.is_nil(seen[key])
      seen[key], n = true, n + 1
    end
    assert.equal(2000, n)
  end)

  it("grows by what it must, for values of any size", function()
    local q <close> = assert(Queue())
    for i = 1, 200 do q:put(("x"):rep(i * 37)) end
    q:put(("y"):rep(5 << 20))
    q:put "z"
    for i = 1, 200 do assert.equal(i * 37, #q:get(0)) end
    assert.same({ 5 << 20, "z" }, { #q:get(0), q:get(0) })
  end)
end)

describe("what is put into a Queue", function()
  helper.guard()

  it("F08, F10: is data: what cannot travel raises where it was put, and nothing was", function()
    local q <close> = assert(Queue(1))
    local ok, err = pcall(function() q:put { jobs = { io.stdout } } end)
    assert.is_false(ok)
    assert.same({ "unsendable", "value.jobs[1]: userdata" }, { err.code, err.path })
    assert.truthy(err.message:find("spec/queue_spec.lua:%d+: cannot send value.jobs"))
    for _, value in ipairs { function() end, coroutine.create(print), q } do
      assert.has_error(function() q:put(value) end)
    end
    assert.same({ 0, true }, { q:qsize(), q:put "room is left" })
    assert.equal("room is left", q:get(0))
  end)

  it("may be a function of a module, and a registered object", function()
    local q <close> = assert(Queue())
    local Point = billiard.register { __name = "queue_spec.Point" }
    q:put { string.format, setmetatable({ x = 1 }, Point) }
    local got = q:get(0)
    assert.equal(string.format, got[1])
    assert.equal(Point, getmetatable(got[2]))
  end)

  it("may use the queue while it is packed and unpacked", function()
    local q <close> = assert(Queue())
    local Busy = billiard.register { __name = "queue_spec.Busy",
      __pack = function(self)
        q:put(("inner"):rep(1000))
        return self.n
      end,
      __unpack = function(n) return { n, q:get(0) } end }
    q:put "first"
    q:put(setmetatable({ n = ("outer"):rep(1000) }, Busy))
    q:put "last"
    assert.same({ "first", ("inner"):rep(1000) }, { q:get(0), q:get(0) })
    assert.same({ ("outer"):rep(1000), "last" }, q:get(0))
  end)

  it("survives a __pack that raises, or closes the queue", function()
    local q <close> = assert(Queue())
    local deed
    local Bad = billiard.register { __name = "queue_spec.Bad",
      __pack = function() return deed() end, __unpack = error }
    deed = function() error "no" end
    assert.has_error(function() q:put(setmetatable({}, Bad)) end)
    assert.same({ 0, true, 1 }, { q:qsize(), q:put(1), q:get(0) })
    deed = function() q:close() end
    local ok, err = pcall(q.put, q, setmetatable({}, Bad))
    assert.same({ false, "put: Queue is closed" }, { ok, err })
  end)

  it("F07: costs its consumer one value when it cannot be unpacked there", function()
    local q <close> = assert(Queue())
    local Odd = billiard.register { __name = "queue_spec.Odd",
      __pack = function() return 1 end, __unpack = function() error "not here" end }
    q:put(setmetatable({}, Odd))
    q:put "next"
    local value, err, code = q:get(0)
    assert.is_nil(value)
    assert.truthy(err:find "not here")
    assert.equal("bad_frame", code)
    assert.equal("next", q:get(0))
  end)
end)

describe("a Queue's end", function()
  helper.guard()

  it("leaves what is in to be got, then says closed, to all", function()
    local q <close> = assert(Queue())
    local sleeper = start(function()
      while q:get() do end
      os.exit(q:get() == nil and select(2, q:get(LONG)) == "closed" and 0 or 1)
    end)
    asleep(sleeper)
    assert.is_true(q:shutdown())
    finish(sleeper)
    assert.same(CLOSED, table.pack(q:put "more"))
    assert.same(CLOSED, table.pack(q:get()))
    assert.is_true(q:shutdown())
    local r <close> = assert(Queue())
    r:put "left"
    r:shutdown()
    assert.same(CLOSED, table.pack(r:put_nowait "more"))
    assert.equal("left", r:get())
    assert.same(CLOSED, table.pack(r:get_nowait()))
  end)

  it("wakes who waits for room", function()
    local q <close> = assert(Queue(1))
    q:put "in the way"
    local p = start(function() assert(select(2, q:put "y") == "closed") end)
    asleep(p)
    q:shutdown()
    finish(p)
  end)

  it("K14: is for this process alone by close", function()
    local q = assert(Queue())
    local back <close> = assert(Queue())
    local p = start(function()
      assert(back:get(LONG) == "go on")
      back:put(q:get(LONG))
    end)
    q:put "still there"
    q:close()
    q:close()
    back:put "go on"
    finish(p)
    assert.equal("still there", back:get(0))
    for _, call in ipairs { "put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full",
      "shutdown", "fileno", "pollfd", "events", "timeout", "getfd", "dirty" } do
      local ok, err = pcall(q[call], q, 1)
      assert.same({ false, call .. ": Queue is closed" }, { ok, err })
    end
  end)

  it("shows", function()
    local q = assert(Queue())
    local r <close> = assert(Queue(3))
    q:put(1)
    assert.same({ "<Queue(1)>", "<Queue(0 of 3)>" }, { tostring(q), tostring(r) })
    q:shutdown()
    assert.equal("<Queue(1, shut down)>", tostring(q))
    q:close()
    assert.equal("<Queue(closed)>", tostring(q))
    assert.has_error(function() q.put(io.stdout, 1) end)
  end)
end)
