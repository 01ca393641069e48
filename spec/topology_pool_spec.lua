-- A pool that items flow through. Run once per start method.

local helper = require "spec.helper"
local items = require "spec.fixtures.items"
local billiard = require "billiard"

local topology = billiard.topology
local numbers, upto = items.numbers, items.upto
local LONG <const> = 10 * helper.scale

local function square(x) return x * x end

local function started(options)
  options.name = options.name or "p"
  options.target = options.target or square
  local t = topology.pool(options)
  assert(t:start())
  return t
end

local function collect(t)
  local list = items.collect(t)
  table.sort(list)
  return list
end

-- The process that has the workers.
local function owner(t)
  for _, row in ipairs(t:status().children) do
    if row.name == "p-1" then return row.pid end
  end
end

-- A task that ends when n of them run at the same time.
local function together(barrier)
  return function(x)
    local met, _, code = barrier:wait(LONG)
    return met and x or code
  end
end

-- A task that tells by its result how many run beside it, itself included.
local function counting(running)
  return function()
    local n = running:add(1)
    billiard.sleep(0.002)
    running:add(-1)
    return n
  end
end

local function put_all(t, n)
  for i = 1, n do assert(t:put(i, LONG)) end
end

describe("topology.pool", function()
  helper.guard()

  it("gives each item to one of its workers", function()
    local t <close> = started { source = numbers(100), processes = 2 }
    assert.same(upto(100, square), collect(t))
    assert.same({ true, "finished" }, { t:wait(LONG) })
  end)

  it("is put into, and finished, where it has no source", function()
    local t <close> = started { processes = 2, target = function(x)
      return x % 2 == 0 and x or nil
    end }
    put_all(t, 10)
    t:finish()
    assert.same({ 2, 4, 6, 8, 10 }, collect(t))
  end)

  it("holds its source back while nobody takes results", function()
    local asked = billiard.Value("u64", 0)
    local t <close> = started { processes = 1, maxsize = 2,
      source = function() return function() return asked:add(1) end end }
    assert.equal(1, t:results()())
    -- 2 in each of two queues, 2 tasks, as many results of those that were
    -- tasks before, 1 with the source, 1 that was taken
    t:wait(0.2)
    assert.is_true(asked.value <= 10)
  end)

  it("loses the item of a worker that ends, raises or is too slow, and tells", function()
    local t <close> = started { source = numbers(30), processes = 2, timeout = 0.2,
      target = function(x)
        if x == 5 then os.exit(3) end
        if x == 6 then error "odd" end
        while x == 7 do end
        return "done"
      end,
      on_error = function(item, err) return item .. " " .. tostring(err.code) end }
    local want = upto(27, function() return "done" end)
    table.move({ "5 WorkerLostError", "6 RemoteError", "7 TimeLimitExceeded" }, 1, 3, 1,
      table.move(want, 1, 27, 4))
    assert.same(want, collect(t))
  end)

  it("drops what fails, and goes on, where nobody asks", function()
    local t <close> = started { source = numbers(9), processes = 1, target = function(x)
      if x % 3 == 0 then error "no" end
      return x
    end }
    assert.same({ 1, 2, 4, 5, 7, 8 }, collect(t))
  end)

  it("outlives a callback that raises", function()
    local t <close> = started { source = numbers(4), processes = 1,
      on_error = function() error "mine" end,
      target = function(x)
        if x == 2 then error "no" end
        return x
      end }
    assert.same({ 1, 3, 4 }, collect(t))
    assert.equal(0, t:status().restarts)
  end)

  it("is started again when its process is killed, and goes on with what was left", function()
    local t <close> = started { processes = 2, maxsize = 64, intensity = 3 }
    local first = owner(t)
    local results = t:results()
    put_all(t, 8)
    local got = { results() }
    os.execute("kill -9 " .. first)
    helper.work_until(t, function()
      local now = owner(t)
      return now and now ~= first
    end)
    put_all(t, 8)
    t:finish()
    for result in results do got[#got + 1] = result end
    -- it had no more than two tasks for each worker in its hands
    assert.is_true(#got >= 16 - 4, #got)
    assert.equal(1, t:status().restarts)
  end)

  it("has as many workers as it is scaled to, at once and when it is started again", function()
    local barrier <close> = billiard.Barrier(3)
    local t <close> = started { processes = 1, intensity = 3, target = together(barrier) }
    local results = t:results()
    assert(t:scale("p", 3))
    put_all(t, 3)
    local met = { results(), results(), results() }
    table.sort(met)
    assert.same({ 1, 2, 3 }, met)
    local first = owner(t)
    os.execute("kill -9 " .. first)
    helper.work_until(t, function()
      local now = owner(t)
      return now and now ~= first
    end)
    put_all(t, 3)
    t:finish()
    assert.same({ 1, 2, 3 }, collect(t))
  end)

  it("lets workers go when it is scaled down", function()
    local running <close> = billiard.Value("i64", 0)
    local t <close> = started { processes = 3, target = counting(running) }
    local results = t:results()
    assert(t:scale("p", 1))
    -- those that leave may have tasks yet; then it is one for good
    local alone = 0
    while alone < 20 do
      put_all(t, 1)
      alone = results() == 1 and alone + 1 or 0
    end
    put_all(t, 10)
    t:finish()
    assert.same(upto(10, function() return 1 end), collect(t))
  end)

  it("keeps its process when it is reloaded unchanged, and is replaced when it changed", function()
    local function one(n)
      return topology.supervisor { name = "s",
        topology.pool { name = "p", processes = n, target = square } }
    end
    local t <close> = one(1)
    assert(t:start())
    local function pid() return t:status().children[1].children[1].pid end
    local first = pid()
    assert.same({}, select(2, t:reload(one(1))).replaced)
    assert.equal(first, pid())
    assert.same({ "p" }, select(2, t:reload(one(2))).replaced)
    assert.not_equal(first, pid())
  end)

  it("does not start where its initializer fails", function()
    local t = topology.pool { name = "p", target = square, processes = 1, max_restarts = 0,
      initializer = function() error "no database" end }
    local ok, err, code = t:start()
    assert.same({ nil, "StartError" }, { ok, code })
    assert.matches("no database", err.message)
  end)

  it("is checked where it is written", function()
    for option, case in pairs {
      processes = { 0, "'processes' must be an integer of at least 1" },
      timeout = { -1, "'timeout' must be seconds above 0" },
      maxsize = { 0, "'maxsize' must be an integer of at least 1" },
      target = { 7, "needs a function as 'target'" },
      on_error = { 7, "'on_error' must be a function" },
      stop = { { { "TERM" } }, "'stop'" },
      depth = { 1, "unknown option 'depth'" },
      source = { 7, "'source' must be a function" },
    } do
      local options = { name = "p", target = square, [option] = case[1] }
      local ok, message = pcall(function() topology.pool(options) end)
      assert.is_false(ok)
      assert.matches("^spec/topology_pool_spec.lua:%d+: topology.pool p: .*" .. case[2], message)
    end
  end)

  it("refuses sizes that are none, or that are not ours to say", function()
    local t <close> = started { min = 1, max = 3 }
    assert.error_matches(function() t:scale("p", 2) end, "p has from 1 to 3 workers")
    local fixed <close> = started { processes = 1 }
    assert.error_matches(function() fixed:scale("p", 0) end, "integer of at least 1")
  end)
end)
