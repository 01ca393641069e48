-- Hard limits of a pool's tasks: the kernel ends the worker on time, whatever
-- that is doing, and whether or not its owner looks.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local limits = require "spec.fixtures.pool.limits"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = limits.LONG
local HARD <const> = "TimeLimitExceeded"
local SHORT <const> = 0.3 * helper.scale
local TRIES <const> = 5
local LATE <const> = 0.05 * helper.scale

-- soft: the limit is in its way first
local stubborn = {
  { "loops", function() while true do end end },
  { "is stuck in a C function", tasks.stuck_in_c },
  { "has stopped itself", function()
    os.execute "kill -STOP $PPID"
    while true do end
  end },
  { "waits for a command that ignores TERM", function()
    os.execute "trap '' TERM; sleep 3600; sleep 3600"
  end },
  { "swallows the error of its soft limit", function()
    while true do pcall(function() while true do end end) end
  end, soft = true },
}

local function options(row)
  return { soft_timeout = row.soft and SHORT / 2, timeout = SHORT }
end

local function is_gone(pid)
  local state = helper.proc_state(pid)
  return state == nil or state == "Z"
end

describe("a hard limit", function()
  helper.guard()

  for _, row in ipairs(stubborn) do
    local what, body = table.unpack(row)
    it("P08: ends on time ★ a task that " .. what .. ", and the next runs", function()
      local pool <close> = limits.pool(options(row))
      local late, pids = {}, {}
      for i = 1, TRIES do
        pids[i] = pool:apply(tasks.pid)
        local start = billiard.now()
        local none, err, code = assert(pool:apply_async(body, {})):get(LONG)
        late[i] = billiard.now() - start - SHORT
        assert.is_nil(none)
        assert.equal(HARD, code)
        assert.equal(HARD, err.code)
        assert.is_true(late[i] >= 0)
        assert.is_true(i == 1 or pids[i] ~= pids[i - 1])
      end
      assert.equal("number", type(pool:apply(tasks.pid)))
      assert.is_true(limits.median(late) < LATE, "late by " .. limits.median(late))
    end)
  end

  it("says which worker it ended, and how", function()
    local pool <close> = limits.pool { timeout = SHORT }
    local pid = pool:apply(tasks.pid)
    local _, err = pool:apply(tasks.stuck_in_c)
    assert.equal(HARD, err.code)
    assert.equal(pid, err.pid)
    assert.matches("limit", err.message)
    assert.equal("billiard.Error", getmetatable(err).__name)
  end)

  it("ends the commands that the task has started, too", function()
    local pool <close> = limits.pool {}
    local name = helper.tmpname()
    local r = assert(pool:apply_async(function()
      os.execute("echo $$ >" .. name .. "; exec sleep 3600")
    end, {}, { timeout = SHORT }))
    assert.equal(HARD, select(3, r:get(LONG)))
    local file <close> = assert(io.open(name))
    local pid = file:read "n"
    helper.eventually(function() return is_gone(pid) end)
  end)

  -- in its group, in a session of its own, and workers of a pool
  it("ends the task's processes and pools, as does a soft one", function()
    for kind, code in pairs { timeout = HARD, soft_timeout = "SoftTimeLimitExceeded" } do
      local pool <close> = limits.pool {}
      local queue <close> = billiard.Queue()
      local r = assert(pool:apply_async(tasks.family, { queue }, { [kind] = 4 * SHORT }))
      local pids = assert(queue:get(LONG))
      assert.equal(4, #pids)
      assert.equal(code, select(3, r:get(LONG)))
      for _, pid in ipairs(pids) do
        helper.eventually(function() return is_gone(pid) end)
      end
    end
  end)

  it("fails the started task alone, what waits behind it runs", function()
    local pool <close> = limits.pool { processes = 2, timeout = 3 * SHORT }
    local stuck = assert(pool:apply_async(tasks.stuck_in_c, {}))
    local others = {}
    for i = 1, 20 do others[i] = assert(pool:apply_async(function() return i end)) end
    for i, r in ipairs(others) do assert.equal(i, r:get(LONG)) end
    assert.equal(HARD, select(3, stuck:get(LONG)))
  end)

  it("is over with the task: an idle worker is not hit", function()
    local pool <close> = limits.pool { timeout = SHORT }
    local pid = pool:apply(tasks.pid)
    local till = billiard.now() + 3 * SHORT
    while billiard.now() < till do pool:poll(SHORT) end
    assert.equal(pid, pool:apply(tasks.pid))
  end)

  it("does not hit tasks that are shorter, however many", function()
    local pool <close> = limits.pool { timeout = 10 * SHORT }
    local pid = pool:apply(tasks.pid)
    local till = billiard.now() + 13 * SHORT
    while billiard.now() < till do assert.equal(pid, pool:apply(tasks.pid)) end
  end)

  it("is not tried again, whatever the attempts", function()
    local pool <close> = limits.pool {}
    local name = helper.tmpname()
    assert.equal(HARD, select(3, pool:apply(function()
      local file <close> = assert(io.open(name, "a"))
      file:write "x"
      file:flush()
      while true do end
    end, {}, { timeout = SHORT, attempts = 3 })))
    assert.equal("x", pool:apply(function() return io.open(name):read "a" end))
  end)
end)

-- An owner of a pool, in a process of its own: has one worker for each of the
-- stubborn, and then does `after`. What has started is told through the queue.
local function owner(queue, after)
  local method = helper.method
  local rows, limited = stubborn, options
  return billiard.Process { daemon = true, target = function()
    local pool = assert(billiard.Pool { processes = #rows, start_method = method })
    local function starting()
      for _, worker in ipairs(pool:workers()) do
        if worker.state == "starting" then return true end
      end
    end
    while starting() do pool:poll(0.1) end
    for i, row in ipairs(rows) do
      local body = row[2]
      pool:apply_async(function(q)
        q:put { i, billiard.current_process().pid, billiard.now() }
        body()
      end, { queue }, limited(row))
    end
    after()
  end }
end

-- How late each of the stubborn was ended.
local function watch(queue)
  local running, late = {}, {}
  for _ = 1, #stubborn do
    local i, pid, start = table.unpack(assert(queue:get(LONG)))
    running[i] = { pid = pid, due = start + SHORT }
  end
  return function()
    helper.eventually(function()
      for i, row in pairs(running) do
        if is_gone(row.pid) then
          late[i], running[i] = billiard.now() - row.due, nil
        end
      end
      return next(running) == nil
    end, LONG)
    return late
  end
end

-- How late each of the stubborn was, in each of some tries, together.
-- act(owner) is called once all of them run.
local function lateness(after, act)
  local all = {}
  for _ = 1, 3 do
    local queue <close> = billiard.Queue()
    local p <close> = assert(owner(queue, after):start())
    local rest = watch(queue)
    act(p)
    table.move(rest(), 1, #stubborn, #all + 1, all)
    p:kill()
    p:join(LONG)
  end
  return all
end

-- They share the processors with each other: one may be late, not most.
local function assert_on_time(all)
  assert.equal(3 * #stubborn, #all)
  for _, late in ipairs(all) do
    assert.is_true(late > -SHORT and late < 20 * LATE, "off by " .. late)
  end
  assert.is_true(limits.median(all) < LATE, "late by " .. limits.median(all))
end

describe("a hard limit without its owner", function()
  helper.guard()

  it("P08: holds while that is stopped", function()
    assert_on_time(lateness(function() billiard.sleep(3600) end, function(p)
      p:send_signal "STOP"
      helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
    end))
  end)

  it("P08: holds while that is in a loop and never polls", function()
    assert_on_time(lateness(function() while true do end end, function() end))
  end)
end)
