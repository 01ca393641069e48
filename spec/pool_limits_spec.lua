-- Soft limits of a pool's tasks, and how limits are given.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local limits = require "spec.fixtures.pool.limits"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = limits.LONG
local SOFT <const> = "SoftTimeLimitExceeded"
local SHORT <const> = 0.15 * helper.scale

-- where a task is when its soft limit passes: body(here, argument)
local places = {
  { "in a loop", function(here) here(); while true do end end },
  { "in a loop of calls", function(here) here(); while true do math.abs(1) end end },
  { "in a coroutine", function(here)
    coroutine.wrap(function() here(); while true do end end)()
  end },
  { "in a resumed coroutine", function(here)
    local co = coroutine.create(function() here(); while true do end end)
    local ok, err = coroutine.resume(co)
    if not ok then error(err, 0) end
  end },
  { "in nested wraps that have yielded", function(here)
    local deep = coroutine.wrap(function()
      coroutine.yield()
      here()
      while true do end
    end)
    local middle = coroutine.wrap(function()
      while true do deep(); coroutine.yield() end
    end)
    while true do middle() end
  end },
  { "between many coroutines", function(here)
    here()
    while true do coroutine.wrap(function() coroutine.yield() end)() end
  end },
  { "in the comparator of a sort", function(here)
    local list = {}
    for i = 1, 100 do list[i] = i end
    here()
    while true do table.sort(list, function(a, b) return a > b end) end
  end },
  { "in a function that gsub calls", function(here)
    local text = ("a"):rep(1000)
    here()
    while true do text:gsub("a", function() return "b" end) end
  end },
  { "in a sleep", function(here) here(); billiard.sleep(3600) end },
  { "in a sleep inside a coroutine", function(here)
    coroutine.wrap(function() here(); billiard.sleep(3600) end)()
  end },
  { "in Queue:get", function(here)
    local queue = billiard.Queue()
    here()
    queue:get()
  end },
  { "in Queue:put", function(here)
    local queue = billiard.Queue(1)
    queue:put(1)
    here()
    queue:put(2)
  end },
  { "in Lock:acquire", function(here, held) here(); held:acquire() end,
    function()
      local lock = billiard.Lock()
      lock:acquire()
      return lock
    end },
  { "in Semaphore:acquire", function(here)
    local semaphore = billiard.Semaphore(0)
    here()
    semaphore:acquire()
  end },
  { "in Event:wait", function(here)
    local event = billiard.Event()
    here()
    event:wait()
  end },
  { "in Condition:wait", function(here)
    local condition = billiard.Condition()
    condition:acquire()
    here()
    condition:wait()
  end },
  { "in Barrier:wait", function(here)
    local barrier = billiard.Barrier(2)
    here()
    barrier:wait()
  end },
  { "in Connection:recv", function(here)
    local a, b = billiard.Pipe()
    here()
    return a:recv(), b
  end },
  { "in Connection:send", function(here)
    local a, b = billiard.Pipe()
    local text = ("x"):rep(1 << 20)
    here()
    while not b.closed do a:send_bytes(text) end
  end },
  { "in Process:join", function(here)
    local p = billiard.Process { target = function() billiard.sleep(3600) end, daemon = true }
    assert(p:start())
    here()
    p:join()
  end, slow = true },
  { "in Process:result", function(here)
    local p = billiard.Process { target = function() billiard.sleep(3600) end, daemon = true }
    assert(p:start())
    here()
    p:result()
  end, slow = true },
  { "in billiard.wait", function(here)
    local a, b = billiard.Pipe()
    here()
    return billiard.wait { a }, b
  end },
  { "in Poller:wait", function(here)
    local poller = billiard.Poller()
    local a, b = billiard.Pipe()
    poller:add(a)
    here()
    return poller:wait(), b
  end },
}

describe("a soft limit", function()
  helper.guard()

  for _, row in ipairs(places) do
    local place, body, argument = table.unpack(row)
    it("is raised exactly once " .. place, function()
      local pool <close> = limits.pool {}
      local arg = argument and argument()
      local r = assert(pool:apply_async(tasks.witness(body), { arg },
        { soft_timeout = row.slow and 5 * SHORT or SHORT }))
      assert.same({ true, SOFT }, { r:get(LONG) })
      if arg then arg:release() end
    end)
  end

  it("fails a task that does not catch it ★, and no other", function()
    local pool <close> = limits.pool { soft_timeout = SHORT }
    local before = pool:apply(tasks.pid)
    local results = {}
    for i = 1, 3 do
      results[2 * i - 1] = assert(pool:apply_async(function() while true do end end))
      results[2 * i] = assert(pool:apply_async(tasks.pid))
    end
    for i = 1, 6, 2 do
      local none, err, code = results[i]:get(LONG)
      assert.is_nil(none)
      assert.equal(SOFT, code)
      assert.equal(SOFT, err.code)
      assert.equal("soft time limit exceeded", err.message)
      assert.equal(before, results[i + 1]:get(LONG)) -- the worker lives on
    end
  end)

  it("lets the task clean up ★ and return what it has", function()
    local pool <close> = limits.pool { soft_timeout = SHORT }
    assert.same({ "partial", 1, "closed" }, { pool:apply(function()
      local closed
      local ok, err = pcall(function()
        local _ <close> = setmetatable({}, { __close = function() closed = "closed" end })
        while true do end
      end)
      assert(not ok and err.code == "SoftTimeLimitExceeded")
      return "partial", 1, closed
    end) })
  end)

  it("fails the item of a map, and the loop goes on", function()
    local pool <close> = limits.pool { processes = 2 }
    local seen = {}
    local function work(i)
      while i == 3 do end
      return -i
    end
    for i, value, err in pool:imap(work, { 1, 2, 3, 4, 5 }, { soft_timeout = SHORT }) do
      seen[i] = err and err.code or value
    end
    assert.same({ -1, -2, SOFT, -4, -5 }, seen)
    assert.equal(SOFT, select(3, pool:map(work, { 1, 2, 3 }, { soft_timeout = SHORT, chunk = 1 })))
  end)

  it("is each item's own in a map that says nothing of chunks", function()
    local pool <close> = limits.pool { soft_timeout = 4 * SHORT }
    local list = {}
    for i = 1, 10 do list[i] = SHORT end
    assert.same(list, { table.unpack(assert(pool:map(tasks.busy, list))) })
  end)

  it("puts a debug hook of the user's back", function()
    local pool <close> = limits.pool {}
    local same, seen = pool:apply(function()
      local n = 0
      local function hook() n = n + 1 end
      debug.sethook(hook, "", 1000)
      pcall(function() while true do end end)
      local now, _, count = debug.gethook()
      debug.sethook()
      return now == hook and count == 1000, n > 0
    end, {}, { soft_timeout = SHORT })
    assert.same({ true, true }, { same, seen })
  end)

  it("counts from when a worker starts the task", function()
    local pool <close> = limits.pool {}
    local first = assert(pool:apply_async(tasks.busy, { 3 * SHORT }))
    local second = assert(pool:apply_async(tasks.busy, { SHORT / 10 }, { soft_timeout = SHORT }))
    assert.equal(3 * SHORT, first:get(LONG))
    assert.equal(SHORT / 10, second:get(LONG))
  end)

  -- Every other task takes about as long as it may; those between have limits
  -- that they cannot meet, and would be hit by one that comes late.
  it("never hits a successor ★, in ten thousand tasks that end around it", function()
    local count <const> = helper.scale == 1 and 10000 or 1000
    local limit <const> = 0.0005 * helper.scale
    local pool <close> = limits.pool { processes = 2 }
    local pids = pool:workers()
    local results, met, done = {}, 0, 0
    for i = 1, count do
      local tight = i % 2 == 1
      results[i] = assert(pool:apply_async(function(seconds)
        tasks.busy(seconds)
        return i
      end, { tight and limit * (0.7 + 0.6 * math.random()) or 0 },
        { soft_timeout = tight and limit or LONG }))
    end
    for i, r in ipairs(results) do
      local value, err = r:get(LONG)
      if value == nil then
        assert.equal(SOFT, err.code)
        assert.equal(1, i % 2, "a task that met no limit was hit")
        met = met + 1
      else
        assert.equal(i, value)
        done = done + 1
      end
    end
    assert.equal(count, met + done)
    assert.is_true(met > 0 and done >= count / 2)
    local after = pool:workers()
    for i, row in ipairs(pids) do assert.equal(row.pid, after[i].pid) end
  end)
end)

-- What f raises, which must be about the line that calls it.
local function misuse(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  assert.matches("^%S*pool_limits_spec%.lua:%d+: ", message)
  return message
end

describe("limits", function()
  helper.guard()

  it("P09: are a task's own on a pool that has none ★", function()
    local pool <close> = limits.pool {}
    local soft = assert(pool:apply_async(function() while true do end end, {},
      { soft_timeout = SHORT }))
    assert.equal(SOFT, select(3, soft:get(LONG)))
    local hard = assert(pool:apply_async(tasks.stuck_in_c, {}, { timeout = SHORT }))
    assert.equal("TimeLimitExceeded", select(3, hard:get(LONG)))
    assert.equal(2 * SHORT, pool:apply(tasks.busy, { 2 * SHORT })) -- none is left
  end)

  it("of the pool are switched off by false", function()
    local pool <close> = limits.pool { soft_timeout = SHORT, timeout = 2 * SHORT }
    assert.equal(3 * SHORT, pool:apply(tasks.busy, { 3 * SHORT },
      { soft_timeout = false, timeout = false }))
    assert.equal(SOFT, select(3, pool:apply(tasks.busy, { 10 * SHORT }, { timeout = false })))
    assert.equal("TimeLimitExceeded",
      select(3, pool:apply(tasks.busy, { 10 * SHORT }, { soft_timeout = false })))
  end)

  it("call timeout_callback with the kind and the seconds", function()
    local pool <close> = limits.pool {}
    local calls = {}
    local r = assert(pool:apply_async(function()
      pcall(function() while true do end end)
      while true do end
    end, {}, { soft_timeout = SHORT, timeout = 2 * SHORT,
      timeout_callback = function(kind, seconds)
        calls[#calls + 1] = kind
        calls[#calls + 1] = seconds
      end }))
    assert.equal("TimeLimitExceeded", select(3, r:get(LONG)))
    assert.same({ "soft", SHORT, "hard", 2 * SHORT }, calls)
  end)

  it("call no timeout_callback where they are not met", function()
    local pool <close> = limits.pool {}
    local calls = 0
    local r = assert(pool:apply_async(tasks.pid, {}, { soft_timeout = LONG, timeout = 2 * LONG,
      timeout_callback = function() calls = calls + 1 end }))
    assert.equal("number", type(r:get(LONG)))
    assert.equal(0, calls)
  end)

  local bad = { ["negative"] = -1, ["zero"] = 0, ["not a number"] = 0 / 0, ["a string"] = "5",
    ["true"] = true }
  for what, value in pairs(bad) do
    for _, name in ipairs { "soft_timeout", "timeout" } do
      it(("P09: raise where %s is %s, at the caller"):format(name, what), function()
        local opts, here = { [name] = value }, "%f[%w_]" .. name .. "%f[^%w_]"
        assert.matches(here, misuse(function() billiard.Pool(opts) end))
        local pool <close> = limits.pool {}
        assert.matches(here, misuse(function() pool:apply_async(tasks.pid, {}, opts) end))
        assert.matches(here, misuse(function() pool:map(tasks.pid, {}, opts) end))
      end)
    end
  end

  it("P09: raise where the hard one is not above the soft one", function()
    local pool <close> = limits.pool {}
    for _, hard in ipairs { 2, 1 } do
      local opts = { soft_timeout = 2, timeout = hard }
      assert.matches("soft_timeout.*timeout", misuse(function() billiard.Pool(opts) end))
      assert.matches("soft_timeout.*timeout",
        misuse(function() pool:apply_async(tasks.pid, {}, opts) end))
    end
  end)
end)
