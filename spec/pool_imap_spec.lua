-- Loops over what a pool makes of a source: their order, what fails in them,
-- and how far they read ahead. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"

local LONG <const> = scene.LONG

local function square(x) return x * x end

-- A source that counts on, and how far it has been read; it raises at `bad`.
local function counter(last, bad)
  local read = { n = 0 }
  return function()
    if read.n == last then return nil end
    read.n = read.n + 1
    if read.n == bad then error("no more", 0) end
    return read.n
  end, read
end

local function rows_of(...)
  local rows = {}
  for i, value, err in ... do rows[#rows + 1] = { i, value, err and err.message } end
  return rows
end

local function by_number(a, b) return a[1] < b[1] end

-- Rows of `rows_of`, and what the loop raised.
local function try(each)
  local rows = {}
  local ok, problem = pcall(function()
    for i, value in each() do rows[#rows + 1] = { i, value } end
  end)
  table.sort(rows, by_number)
  return rows, not ok and problem
end

for _, name in ipairs { "imap", "imap_unordered" } do
  describe(name, function()
    helper.guard()

    it("gives each item's number and value, whatever the chunks", function()
      local pool <close> = scene.pool { processes = 2 }
      local want = {}
      for i = 1, 50 do want[i] = { i, i * i } end
      for _, chunk in ipairs { 1, 3, 50, 99 } do
        local list = rows_of(pool[name](pool, square, (counter(50)), chunk))
        table.sort(list, by_number)
        assert.same(want, list)
      end
      assert.same({}, rows_of(pool[name](pool, square, {})))
      assert.same({}, rows_of(pool[name](pool, square, function() end)))
    end)

    it("keeps nils of a list with n and of results", function()
      local pool <close> = scene.pool()
      local list = rows_of(pool[name](pool, function(x) return x end, { nil, 2, nil, n = 3 }, 2))
      table.sort(list, by_number)
      assert.same({ { 1 }, { 2, 2 }, { 3 } }, list)
    end)

    it("gives an item's error with the item, and goes on", function()
      local pool <close> = scene.pool { processes = 2 }
      for _, chunk in ipairs { 1, 4 } do
        local errors, values = {}, 0
        for i, value, err in pool[name](pool, function(x)
          return x % 3 == 0 and error("three", 0) or x
        end, (counter(20)), chunk) do
          if err then
            errors[#errors + 1] = i
            assert.same({ "RemoteError", "three" }, { err.code, err.message })
            assert.is_nil(value)
            assert.is_truthy(err.traceback)
          else
            assert.equal(i, value)
            values = values + 1
          end
        end
        table.sort(errors)
        assert.same({ 3, 6, 9, 12, 15, 18 }, errors)
        assert.equal(14, values)
      end
    end)

    -- finding 10: in billiard the loop just ends
    it("P19: raises what its source raises, at its place ★, and the pool goes on", function()
      local pool <close> = scene.pool { processes = 2 }
      for _, chunk in ipairs { 1, 3 } do
        local rows, problem = try(function()
          return pool[name](pool, square, (counter(nil, 6)), chunk)
        end)
        assert.equal("no more", problem)
        assert.same({ { 1, 1 }, { 2, 4 }, { 3, 9 }, { 4, 16 }, { 5, 25 } }, rows)
      end
      local rows, problem = try(function()
        return pool[name](pool, square, (counter(nil, 1)))
      end)
      assert.same({ {}, "no more" }, { rows, problem })
      assert.equal(9, pool:apply(square, { 3 }))
    end)

    it("P19: reads an endless source no further ahead than it was told", function()
      local pool <close> = scene.pool { processes = 2 }
      local source, read = counter()
      local seen = 0
      for _ in pool[name](pool, square, source, { prefetch = 7, chunk = 2 }) do
        seen = seen + 1
        assert.is_true(read.n <= seen + 2 * 8, ("%d read, %d seen"):format(read.n, seen))
        if seen == 300 then break end
      end
      assert.equal(4, pool:apply(square, { 2 }))
    end)

    it("P19: takes back what was read ahead when it is left", function()
      local pool <close> = scene.up()
      local gate <close> = scene.gate()
      local ran <close> = billiard.Value("i64", 0)
      for i in pool[name](pool, function(i)
        if i == 2 then scene.hold(gate.here, gate.go) end
        ran:add(1)
      end, (counter()), { prefetch = 30 }) do
        gate:entered()
        if i == 1 then break end
      end
      gate.go:put(true)
      assert.equal(4, pool:apply(square, { 2 }))
      assert.equal(2, ran.value)
      assert.equal(0, pool:stats().pending)
    end)

    it("fails only the items that cannot travel", function()
      local pool <close> = scene.pool()
      local codes = {}
      for i, _, err in pool[name](pool, type, { 1, coroutine.create(print), 3 }) do
        codes[i] = err and err.code or "done"
      end
      assert.same({ "done", "unsendable", "done" }, codes)
    end)

    -- finding 10: in billiard they are never heard of
    it("P02: fails only the items that are lost with their worker ★", function()
      local pool <close> = scene.up { processes = 2 }
      local codes = {}
      for i, value, err in pool[name](pool, function(i)
        if i % 5 == 0 then os.exit(3) end
        return i
      end, (counter(20))) do
        codes[i] = value or ("%s %s"):format(err.code, err.exitcode)
      end
      for i = 1, 20 do
        assert.equal(i % 5 == 0 and "WorkerLostError 3" or i, codes[i])
      end
    end)
  end)
end

describe("imap", function()
  helper.guard()

  it("keeps the order of its source, whichever is done first", function()
    local pool <close> = scene.up { processes = 2 }
    local gate <close> = scene.gate()
    local function held(i)
      if i == 1 then scene.hold(gate.here, gate.go) end
      if i == 8 then gate.go:put(true) end -- nobody gives out 8 before
      return i
    end
    local order = {}
    for i in pool:imap(held, (counter(8))) do order[i] = i end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8 }, order)
  end)
end)

describe("imap_unordered", function()
  helper.guard()

  it("gives what is done first, first", function()
    local pool <close> = scene.up { processes = 2 }
    local gate <close> = scene.gate()
    local order = {}
    for i in pool:imap_unordered(function(i)
      if i == 1 then scene.hold(gate.here, gate.go) end
      return i
    end, (counter(8))) do
      order[#order + 1] = i
      if #order == 7 then gate.go:put(true) end
    end
    assert.equal(1, order[8])
  end)
end)

-- The state of a process in the kernel's eyes, and its memory in KiB.
local function look(pid)
  local file <close> = assert(io.open(("/proc/%d/status"):format(pid)))
  local text = file:read "a"
  return text:match "State:%s+(%a)", tonumber(text:match "VmRSS:%s+(%d+)")
end

-- Until these sleep, and the number is what it was for a while.
local function await_standstill(pids, number)
  local still, last = 0, -1
  helper.eventually(function()
    local n, asleep = number.value, true
    for _, pid in ipairs(pids) do asleep = asleep and look(pid) == "S" end
    still, last = asleep and n == last and still + 1 or 0, n
    return still == 50
  end, LONG)
end

describe("results that nobody reads", function()
  helper.guard()

  local SIZE <const> = 1 << 18
  local AHEAD <const> = 64 -- tasks of a worker whose results are not taken in

  it("P21: hold the workers up, and cost bounded memory", function()
    local pool <close> = scene.up { processes = 2 }
    local gate <close> = scene.gate()
    local made <close> = billiard.Value("i64", 0)
    local results = {}
    for _ = 1, 2 do assert(pool:apply_async(scene.hold, gate.args)) end
    for _ = 1, 2 do gate:entered() end
    for i = 1, 300 do
      results[i] = pool:apply_async(function()
        made:add(1)
        return ("x"):rep(SIZE)
      end)
    end
    for _ = 1, 2 do gate.go:put(true) end
    local pids = scene.pids(pool)
    await_standstill(pids, made)
    assert.is_true(made.value <= 2 * AHEAD, made.value .. " results are made")
    for _, pid in ipairs(pids) do
      local _, rss = look(pid)
      assert.is_true(helper.asan or rss < AHEAD * SIZE // 1024 * helper.scale, rss .. " KiB")
    end
    for _, r in ipairs(results) do assert.equal(SIZE, #r:get(LONG)) end
    assert.equal(300, made.value)
    assert.same(pids, scene.pids(pool))
  end)
end)
