-- core.Pool and core.pool_serve: tasks and what comes of them.
-- Run once per start method.

local billiard = require "billiard"
local core = require "billiard.core"
local helper = require "spec.helper"
local poolcore = require "spec.fixtures.poolcore"

local team = poolcore.team
local APPLY, MAP, STARMAP <const> = poolcore.APPLY, poolcore.MAP, poolcore.STARMAP
local LONG <const> = poolcore.LONG

local function fds_of(pid)
  local n = 0
  for name in require "lfs".dir("/proc/" .. pid .. "/fd") do
    if tonumber(name) then n = n + 1 end
  end
  return n
end

describe("a task", function()
  helper.guard()

  it("returns what its function does", function()
    local t <close> = team(1)
    local function same(...) return ... end
    for _, values in ipairs { {}, { 1 }, { "two" }, { 1.5, true, "x", { { y = 1 } } } } do
      assert.same(values, { t:call(same, table.unpack(values)) })
    end
    assert.equal(0, select("#", t:call(same)))
    assert.same({ n = 1 }, table.pack(t:call(same, nil)))
    assert.same({ n = 3, nil, 2 }, table.pack(t:call(same, nil, 2, nil)))
    assert.same({ n = 1, 500 }, table.pack(t:call(function(...) return select("#", ...) end,
      table.unpack({}, 1, 500))))
  end)

  it("has numbers that are never given again while it runs", function()
    local t <close> = team(1)
    local seen = {}
    for _ = 1, 200 do
      local ticket = t:submit(function() end, {}, APPLY)
      assert.is_nil(seen[ticket])
      seen[ticket] = true
    end
    for ticket in pairs(seen) do assert.equal("result", t:over(ticket)[1]) end
    assert.same({ 0, 0 }, { t.core:backlog(), t.core:underway() })
  end)

  it("may be a function by its name, which is loaded there", function()
    local t <close> = team(1)
    for _ = 1, 2 do assert.equal("ababab", t:call("string:rep", "ab", 3)) end
    assert.equal("/", t:call("spec.fixtures.poolcore:slash"))
    local err = t:error "string:nothing"
    assert.same({ "RemoteError", "there is no 'string:nothing'" }, { err.code, err.message })
    assert.match("module 'not.there' not found", t:error "not.there:f".message)
    assert.equal("'x' is no \"module:function\"", t:error "x".message)
  end)

  it("fails with what it raised, where it did, and who raised it", function()
    local t <close> = team(1)
    local err = t:error(function() error "on purpose" end)
    local worker = t.core:look(0)
    assert.equal("billiard.Error", getmetatable(err).__name)
    assert.match("^spec/poolcore_spec.lua:%d+: on purpose$", err.message)
    assert.match("spec/poolcore_spec.lua:%d+: in function", err.traceback)
    assert.no_match("pool_serve", err.traceback)
    assert.same({ "RemoteError", worker.pid, worker.name }, { err.code, err.pid, err.name })
    assert.same({ 7 }, t:error(function() error { 7 } end).value)
    local own = t:error(function()
      error(require "billiard.core".new_error("Mine", "of my own"))
    end)
    assert.same({ "Mine", "of my own" }, { own.code, own.message })
    assert.equal(5, t:call(function() return 5 end))
  end)

  it("is refused where it cannot travel, naming what of it", function()
    local t <close> = team(1)
    local function refused(...)
      local ok, err = pcall(t.core.submit, t.core, ...)
      assert.is_false(ok)
      assert.equal("unsendable", err.code)
      return err.path
    end
    local thread = coroutine.create(print)
    local function f() return thread end
    assert.equal("args[2].deep: thread", refused(print, { 1, { deep = thread } }, APPLY))
    assert.equal("args[1]: thread", refused(print, { thread }, MAP))
    assert.equal("f<upvalue thread>: thread", refused(f, {}, APPLY))
    assert.equal("f<upvalue thread>: thread", refused(f, { 1 }, MAP))
    assert.same({ 0, 0 }, { t.core:backlog(), t.core:underway() })
    assert.equal(1, t:call(function() return 1 end))
  end)

  it("fails where what it returns cannot travel, naming what of it", function()
    local t <close> = team(1)
    local err = t:error(function() return { x = { function() end } } end)
    assert.same({ "RemoteError", "result.x[1]: function" }, { err.code, err.path })
    assert.match("cannot send result.x%[1%]: function", err.message)
    assert.equal("result[2]: thread", t:error(function()
      return 1, coroutine.create(function() end)
    end).path)
  end)

  it("fails where its arguments cannot be built over there", function()
    local t <close> = team(1)
    local meta = { __name = "spec.OnlyHere", __pack = function() return 1 end,
      __unpack = function() return 1 end }
    core.register(meta)
    local err = t:error(function() end, setmetatable({}, meta))
    assert.equal("RemoteError", err.code)
    assert.match("^the arguments cannot be unpacked: .*spec%.OnlyHere", err.message)
    assert.equal(2, t:call(function() return 2 end))
  end)

  it("is taken as an error where its result cannot be built here", function()
    local t <close> = team(1)
    local err = t:error(function()
      local there = { __name = "spec.OnlyThere", __pack = function() return 1 end,
        __unpack = function() return 1 end }
      require "billiard".register(there)
      return setmetatable({}, there)
    end)
    assert.equal("bad_frame", err.code)
    assert.match("spec.OnlyThere", err.message)
  end)
end)

describe("a task's function", function()
  helper.guard()

  it("is made once for a thousand tasks where it has no upvalues", function()
    local t <close> = team(1)
    local made = {}
    for _ = 1, 1000 do
      -- another function each time, of the same code
      made[t:call(function()
        return tostring(debug.getinfo(1, "f").func)
      end)] = true
    end
    local n = 0
    for _ in pairs(made) do n = n + 1 end
    assert.equal(1, n)
  end)

  it("may be any of a thousand, again and again", function()
    local t <close> = team(2)
    local functions = {}
    for i = 1, 1000 do functions[i] = load("return " .. i, "=f") end
    for _ = 1, 2 do
      local tickets = {}
      for i, f in ipairs(functions) do tickets[i] = t:submit(f, {}, APPLY) end
      for i, ticket in ipairs(tickets) do assert.equal(i, t:over(ticket)[4]) end
    end
  end)

  it("sees its upvalues as they were when it was submitted", function()
    local t <close> = team(1)
    local n, box = 0, { 0 }
    local function count()
      n = n + 1
      box[1] = box[1] + 1
      return n, box[1]
    end
    for _ = 1, 3 do assert.same({ 1, 1 }, { t:call(count) }) end
    n, box[1] = 10, 20
    assert.same({ 11, 21 }, { t:call(count) })
    assert.same({ { 11, 11, 11, n = 3 } }, { t:over(t:submit(count, { 1, 2, 3 }, MAP))[4] })
  end)

  it("shares with its arguments what they share", function()
    local t <close> = team(1)
    local shared = { 1 }
    assert.is_true(t:call(function(x) return rawequal(x, shared) end, shared))
  end)

  it("keeps globals from task to task", function()
    local t <close> = team(1)
    t:call(function() _G.kept_by_spec = 5 end)
    assert.equal(5, t:call(function() return _G.kept_by_spec end))
  end)
end)

describe("a task of many items", function()
  helper.guard()

  it("has a value for each, also where that is nil", function()
    local t <close> = team(1)
    local function odd(x) return x % 2 == 1 and x or nil end
    local event = t:over(t:submit(odd, { 1, 2, 3, 4 }, MAP))
    assert.same({ "result", { 1, nil, 3, n = 4 } }, { event[1], event[4] })
    assert.is_nil(event[5])
    assert.same({ n = 0 }, t:over(t:submit(odd, {}, MAP))[4])
    assert.same({ 1, n = 1 }, t:over(t:submit(function() return 1, 2 end, { 0 }, MAP))[4])
  end)

  it("calls with what an item holds", function()
    local t <close> = team(1)
    local event = t:over(t:submit(function(...) return select("#", ...) end,
      { {}, { 1 }, { n = 3 }, { 1, 2 } }, STARMAP))
    assert.same({ 0, 1, 3, 2, n = 4 }, event[4])
    event = t:over(t:submit(print, { 1 }, STARMAP))
    assert.match("holds no arguments: it is a number", event[5][1].message)
  end)

  it("tells which items failed, and of what", function()
    local t <close> = team(1)
    local event = t:over(t:submit(function(x)
      if x == 2 then error "second" end
      if x == 3 then return print, error end -- which has a name
      if x == 4 then return function() end end
      return x
    end, { 1, 2, 3, 4, 5 }, MAP))
    assert.equal("result", event[1])
    assert.same({ 1, nil, print, nil, 5, n = 5 }, event[4])
    local worker = t.core:look(0)
    assert.match("second", event[5][2].message)
    assert.match("poolcore_spec.lua:%d+: in", event[5][2].traceback)
    assert.same({ worker.pid, worker.name }, { event[5][2].pid, event[5][2].name })
    assert.same({ "RemoteError", "result: function" }, { event[5][4].code, event[5][4].path })
    assert.same({ nil, nil, nil }, { event[5][1], event[5][3], event[5][5] })
  end)
end)

describe("handles in a task", function()
  helper.guard()

  it("work over there: a queue, a connection, a lock", function()
    local t <close> = team(1)
    local queue <close>, lock = billiard.Queue(), billiard.Lock()
    local here, there = billiard.Pipe()
    assert.equal("out", t:call(function(q, c, l)
      assert(l:acquire(0))
      q:put "by queue"
      c:send "by connection"
      return "out"
    end, queue, there, lock))
    assert.same({ "by queue", "by connection" }, { queue:get(LONG), here:recv(LONG) })
    assert.is_nil((lock:acquire(0)))
    for _, object in ipairs { lock, here, there } do object:close() end
  end)

  it("may be upvalues of what is called for each item", function()
    local t <close> = team(1)
    local queue <close> = billiard.Queue()
    t:over(t:submit(function(x) queue:put(x) end, { 1, 2, 3 }, MAP))
    assert.same({ 1, 2, 3 }, { queue:get(LONG), queue:get(LONG), queue:get(LONG) })
  end)

  it("do not pile up over there", function()
    local t <close> = team(1)
    local queue <close> = billiard.Queue()
    local pid = t.core:look(0).pid
    local before = fds_of(pid)
    for _ = 1, 300 do t:call(function(q) q:empty() end, queue) end
    assert.is_true(fds_of(pid) < before + 100)
    t:over(t:submit(function() queue:empty() end, table.move({}, 1, 300, 1,
      setmetatable({}, { __index = function(_, i) return i end })), MAP))
    t:call(function(q) q:empty() end, queue)
    assert.is_true(fds_of(pid) < before + 100)
  end)

  it("do not stay open here when tasks end without them", function()
    local before = helper.fds()
    local queue = billiard.Queue()
    local pool = core.Pool()
    for _ = 1, 20 do pool:submit(function() end, { queue }, APPLY) end
    queue:close()
    assert.is_true(helper.fds() > before + 20)
    pool:close()
    assert.equal(before, helper.fds())
  end)

  it("may not be what only a starting child can get", function()
    local t <close> = team(1)
    local mine, its = core.pool_link()
    for _, link in ipairs { mine, its } do
      local ok, err = pcall(t.core.submit, t.core, print, { link }, APPLY)
      assert.same({ false, "unsendable" }, { ok, err.code })
      link:close()
    end
  end)
end)

describe("what is huge", function()
  helper.guard()

  it("goes there and comes back", function()
    local t <close> = team(1)
    local SIZE <const> = 1 << 26
    assert.equal(SIZE, t:call(function(s) return #s end, ("x"):rep(SIZE)))
    local back = t:call(function(n) return ("y"):rep(n) end, SIZE)
    assert.same({ SIZE, "y" }, { #back, back:sub(-1) })
    local list = t:call(function(l) return l end, table.move({}, 1, 0, 1, { ("z"):rep(100000) }))
    assert.equal(100000, #list[1])
  end)
end)
