-- What hangs on a pool, and what a pool hangs on: tasks' own processes, its
-- owner, copies of it; what it costs while nothing happens.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"

local LONG <const> = scene.LONG

local function identity(...) return ... end

-- A task that has a Process, a shell and a shell's child, says their pids by
-- the queue, and then does `after`.
local function family(queue, after)
  local p = assert(billiard.Process { target = function()
    while true do billiard.sleep(3600) end
  end }:start())
  queue:put(p.pid)
  local shell = assert(billiard.Process { command = { "sh", "-c", "sleep 3600 & echo $!; wait" },
    stdout = "pipe" }:start())
  queue:put(shell.pid)
  queue:put(math.tointeger(shell.stdout:read "l"))
  queue:put(require "billiard".current_process().pid)
  if after == "wait" then while true do billiard.sleep(3600) end end
  return true
end

local function take(queue, n)
  local pids = {}
  for i = 1, n do pids[i] = assert(queue:get(LONG)) end
  return pids
end

local function has_ended(pids)
  for _, pid in ipairs(pids) do
    if not scene.is_gone(pid) then return false end
  end
  return true
end

describe("processes that a task has started", function()
  helper.guard()

  it("end with it, and the worker goes on", function()
    local pool <close> = scene.up()
    local queue <close> = billiard.Queue()
    assert.is_true(pool:apply(family, { queue, "return" }))
    local pids = take(queue, 4)
    local worker = table.remove(pids)
    scene.await_gone({ pids[1], pids[2] }, 1)
    assert.equal(worker, pool:apply(function()
      return require "billiard".current_process().pid
    end))
  end)

  for what, act in pairs {
    ["is killed"] = function(_, pid) scene.kill(pid) end,
    ["is terminated"] = function(r) r:terminate() end,
  } do
    it("end with the worker when that " .. what .. " ★, their own included", function()
      local pool <close> = scene.up()
      local queue <close> = billiard.Queue()
      local r = pool:apply_async(family, { queue, "wait" })
      local pids = take(queue, 4)
      act(r, pids[4])
      assert.matches("^[WT]%a+$", scene.failure(r).code)
      scene.await_gone(pids, 1)
      assert.equal(1, pool:apply(identity, { 1 }))
    end)
  end

  it("end with the pool", function()
    local queue <close> = billiard.Queue()
    local pids
    do
      local pool <close> = scene.up()
      pool:apply_async(family, { queue, "wait" })
      pids = take(queue, 4)
    end
    scene.await_gone(pids, 1)
  end)

  it("end with the hard limit of the task", function()
    local pool <close> = scene.up()
    local queue <close> = billiard.Queue()
    local r = pool:apply_async(family, { queue, "wait" }, { timeout = 1 * helper.scale })
    local pids = take(queue, 4)
    assert.equal("TimeLimitExceeded", scene.failure(r).code)
    scene.await_gone(pids, 1)
  end)
end)

-- ---- owners ----

-- A process with a pool of two, one of which does `family` and the other a pool
-- of its own that does the same; all pids that hang on it. `after` is its end.
local function owner(queue, after)
  local method, tree = helper.method, family
  return assert(billiard.Process { stderr = "null", target = function()
    local pool = assert(billiard.Pool { processes = 2, start_method = method })
    pool:apply_async(tree, { queue, "wait" })
    pool:apply_async(function()
      local inner = assert(billiard.Pool { processes = 1, start_method = method })
      inner:apply(tree, { queue, "wait" })
    end)
    after(pool)
  end }:start())
end

local ends = {
  ["kill -9 ★"] = { function(p) p:kill() end, function(pool) pool:join(3600) end },
  ["kill -9 in a loop of its own"] = { function(p) p:kill() end,
    function() while true do end end },
  ["SIGTERM"] = { function(p) p:terminate() end, function(pool) pool:join(3600) end },
  ["its own exit"] = { function() end, function(_, queue)
    queue:get(60)
    os.exit(3)
  end },
}

describe("an owner that is ended by", function()
  helper.guard()

  for how, act in pairs(ends) do
    it(how .. " leaves nothing after a second, tasks' children included", function()
      local queue <close> = billiard.Queue()
      local go <close> = billiard.Queue()
      local finish = act[2]
      local p <close> = owner(queue, function(pool)
        while pool:stats().busy < 2 do pool:poll(0.1) end
        pool:close()
        finish(pool, go)
      end)
      local pids = take(queue, 8)
      go:put(true)
      act[1](p)
      assert(p:join(LONG))
      helper.eventually(function() return has_ended(pids) end, 1)
    end)
  end

  it("an error that nobody catches takes its pool along", function()
    local _, stderr, code = helper.run(([[
      local billiard = require "billiard"
      POOL = assert(billiard.Pool { processes = 2, start_method = %q })
      POOL:apply_async(function() while true do end end)
      error "no reason"]]):format(helper.method))
    assert.equal(1, code)
    assert.matches("no reason", stderr)
  end)
end)

describe("a pool in a worker of a pool", function()
  helper.guard()

  it("P17: works, and ends with the task that has left it behind", function()
    local pool <close> = scene.up()
    local queue <close> = billiard.Queue()
    local method = helper.method
    assert.equal(30, pool:apply(function()
      local inner = assert(billiard.Pool { processes = 2, start_method = method })
      local sum = 0
      for _, n in inner:imap(function(i)
        queue:put(require "billiard".current_process().pid)
        return i * i
      end, { 1, 2, 3, 4 }) do sum = sum + n end
      return sum
    end))
    local pids = {}
    for pid in function() return (queue:get(0)) end do pids[#pids + 1] = pid end
    assert.equal(4, #pids)
    scene.await_gone(pids, 1)
  end)
end)

describe("a copy of a pool in a forked child", function()
  helper.guard()

  it("is of no use, and its end is not the pool's", function()
    local pool <close> = scene.up { processes = 2 }
    local pids = scene.pids(pool)
    local r = pool:apply_async(identity, { 1 })
    local p <close> = assert(billiard.Process { start_method = "fork", target = function()
      local calls = 0
      for _, name in ipairs { "apply", "map", "imap", "grow", "close", "terminate", "join", "poll",
          "stats", "workers", "fileno" } do
        local ok, message = pcall(pool[name], pool, identity, {})
        assert(not ok and message:find "belongs to process", name)
        calls = calls + 1
      end
      assert(not pcall(r.get, r) and not pcall(r.cancel, r))
      getmetatable(pool).__close(pool)
      getmetatable(pool).__gc(pool)
      return calls
    end }:start())
    assert.equal(11, p:result(LONG))
    p:join()
    assert.same(pids, scene.pids(pool))
    assert.equal(1, r:get(LONG))
    assert.equal(2, pool:apply(identity, { 2 }))
  end)
end)

-- ---- what it costs ----

-- Clock ticks of the CPU, and how often it gave the processor up by itself.
local function effort(pid)
  local file <close> = assert(io.open(("/proc/%d/stat"):format(pid)))
  local fields = {}
  for word in file:read "a":match "%) (.*)":gmatch "%S+" do fields[#fields + 1] = tonumber(word) end
  local status <close> = assert(io.open(("/proc/%d/status"):format(pid)))
  return fields[11] + fields[12],
    tonumber(status:read "a":match "\nvoluntary_ctxt_switches:%s+(%d+)")
end

describe("an idle pool", function()
  helper.guard()

  it("has no timer, and neither it nor its 8 workers do anything", function()
    local pool <close> = scene.up { processes = 8, soft_timeout = 5, timeout = 10 }
    pool:map(identity, { 1, 2, 3, 4, 5, 6, 7, 8 }, 1)
    repeat until not pool:poll(0.1)
    assert.is_nil(pool:timeout())
    local pids, before = scene.pids(pool), {}
    pids[#pids + 1] = helper.pid()
    for i, pid in ipairs(pids) do before[i] = { effort(pid) } end
    assert.is_false(pool:poll(1))
    for i, pid in ipairs(pids) do
      local ticks, switches = effort(pid)
      assert.is_true(ticks - before[i][1] <= 1, pid .. " has worked")
      -- the owner sleeps once, in poll
      local allowed = pid == helper.pid() and 3 or 0
      assert.is_true(switches - before[i][2] <= allowed,
        ("%d has woken %d times"):format(pid, switches - before[i][2]))
    end
  end)
end)
