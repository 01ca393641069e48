-- Pools of real workers: how they come up, what their initializers leave, and
-- what is left of them. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"

local function new(options)
  if type(options) ~= "table" then options = { processes = options } end
  options.start_method = helper.method
  return billiard.Pool(options)
end

-- f() until it returns something true, while the pool goes on.
local function eventually(pool, f)
  return helper.eventually(function()
    pool:poll(0.01)
    return f()
  end)
end

local function kill(row) os.execute("kill -KILL " .. row.pid) end

local function pid_here() return require "billiard".current_process().pid end

describe("a pool of real workers", function()
  helper.guard()

  it("runs its initializer in each, which leaves data and globals", function()
    local function prepare(a, b)
      local globals = package.loaded._G -- a spec has others
      globals.SHARED = a .. tostring(b)
      return { sum = #globals.SHARED }
    end
    local pool <close> = assert(new { processes = 2, initializer = prepare,
      initargs = { "x", nil, n = 2 } })
    for _ = 1, 4 do
      assert.same({ "xnil", 4, true }, { pool:apply(function()
        local worker = require "billiard".worker
        return SHARED, worker.data.sum, worker.index <= 2 -- luacheck: ignore
      end) })
    end
    assert.Nil(billiard.worker)
  end)

  it("has an empty table for data without an initializer", function()
    local pool <close> = assert(new { processes = 1, name = "plain" })
    assert.same({ 1, "plain-worker-1", {} }, { pool:apply(function()
      local worker = require "billiard".worker
      return worker.index, worker.name, worker.data
    end) })
  end)

  it("is not made when the initializer fails: its creator is told where and why", function()
    local function prepare() error "no database" end
    local pool, err, code = new { processes = 4, initializer = prepare }
    assert.Nil(pool)
    assert.equal("StartError", code)
    assert.truthy(err.message:find("poolstart_spec.lua:%d+: no database"))
    assert.truthy(tostring(err):find("stack traceback:.*poolstart_spec"))
  end)

  it("is not made when workers end before they are up", function()
    local pool, err, code = new { processes = 2, initializer = os.exit, initargs = { 7 } }
    assert.same({ nil, "StartError" }, { pool, code })
    assert.truthy(err.message:find("exited with 7", 1, true))
  end)

  it("is not made when workers are not up in time", function()
    local began = billiard.now()
    local never = billiard.sleep -- busy: never up
    local pool, err = new { processes = 2, initializer = never, initargs = { 600 },
      start_timeout = 0.1 }
    assert.Nil(pool)
    assert.truthy(err.message:find("not up within 0.1 s", 1, true))
    assert.True(billiard.now() - began < 5 * helper.scale)
  end)

  helper.only(it, "spawn", "forkserver")(
    "raises for an argument of the initializer that cannot travel", function()
      local ok, err = pcall(new, { processes = 2, initializer = print,
        initargs = { 1, coroutine.create(print) } })
      assert.False(ok)
      assert.same({ "unsendable", "initargs[2]: thread" }, { err.code, err.path })
    end)

  it("ends with an Error for all when no worker lasts any more", function()
    local flag = helper.tmpname()
    local function fails_if(path)
      local file <close> = io.open(path)
      if file and file:read(1) then os.exit(9) end
    end
    local pool <close> = assert(new { processes = 1, max_restarts = 3, initializer = fails_if,
      initargs = { flag } })
    assert.equal(1, pool:apply(math.abs, { -1 }))
    local file <close> = io.open(flag, "w")
    file:write("x"):flush()
    kill(pool:workers()[1])
    local a, b = pool:apply_async(pid_here), pool:map_async(math.abs, { 1, 2 }, 1)
    for _, r in ipairs { a, b } do
      assert.equal("RestartFreqExceeded", select(3, r:get(20 * helper.scale)))
    end
    assert.equal("RestartFreqExceeded", select(3, pool:join(1)))
    assert.error_matches(function() pool:apply(pid_here) end, "exited with 9")
  end)

  it("replaces idle workers that are killed, and does its tasks all the same", function()
    local pool <close> = assert(new(2))
    for i = 1, 3 do
      for _, row in ipairs(pool:workers()) do kill(row) end
      assert.equal(i, pool:apply(math.abs, { -i }))
    end
    eventually(pool, function() return pool:stats().up == 2 end)
  end)

  it("replaces workers after max_tasks_per_child, and loses nothing", function()
    local pool <close> = assert(new { processes = 2, max_tasks_per_child = 3 })
    local list = {}
    for i = 1, 30 do list[i] = i end
    local rows = pool:map(function(i)
      return { i, require "billiard".current_process().pid }
    end, list, 1)
    local done = {}
    for i, row in ipairs(rows) do
      assert.equal(i, row[1])
      done[row[2]] = (done[row[2]] or 0) + 1
    end
    for _, n in pairs(done) do assert.True(n <= 3) end
    assert.equal(0, pool:stats().restarts)
  end)

  it("replaces all by restart, and old ones leave", function()
    local pool <close> = assert(new(2))
    eventually(pool, function() return pool:stats().up == 2 end)
    local old = {}
    for _, row in ipairs(pool:workers()) do old[row.pid] = true end
    pool:restart()
    eventually(pool, function()
      local rows = pool:workers()
      return #rows == 2 and not old[rows[1].pid] and not old[rows[2].pid]
    end)
    assert.False(old[pool:apply(pid_here)] or false)
  end)

  it("replaces a worker that is too old", function()
    local pool <close> = assert(new { processes = 1, max_age = 0.05 })
    local first = pool:apply(pid_here)
    eventually(pool, function() return pool:apply(pid_here) ~= first end)
    assert.equal(0, pool:stats().restarts)
  end)

  it("replaces a worker that has more memory of its own than it may", function()
    local pool <close> = assert(new { processes = 1, max_memory_per_child = 4096 })
    local first = pool:apply(function()
      KEPT = ("x"):rep(16 << 20) -- luacheck: ignore
      return require "billiard".current_process().pid
    end)
    eventually(pool, function() return pool:apply(pid_here) ~= first end)
  end)

  it("tells which worker did a task, also when that is gone", function()
    local pool <close> = assert(new { processes = 1, max_tasks_per_child = 1 })
    local first, second = pool:apply_async(pid_here), pool:apply_async(pid_here)
    local pid = first:get()
    assert.not_equal(pid, second:get())
    assert.equal(pid, first:worker_pid())
    assert.equal(second:get(), second:worker_pid())
  end)

  it("follows the demand between min and max", function()
    local pool <close> = assert(new { processes = 1, max = 3, idle_timeout = 0.1 })
    local results = {}
    -- busy: more tasks than workers, until there are three of these
    for i = 1, 12 do results[i] = pool:apply_async(billiard.sleep, { 0.05 }) end -- busy: see above
    eventually(pool, function() return pool:stats().up == 3 end)
    for _, r in ipairs(results) do assert.True(r:wait(20 * helper.scale)) end
    eventually(pool, function() return #pool:workers() == 1 end)
  end)

  it("lets a task have a pool of its own", function()
    local pool <close> = assert(new(1))
    assert.equal(12, pool:apply(function(method)
      local inner <close> = assert(require "billiard".Pool { processes = 2, start_method = method })
      local sum = 0
      local function double(x) return 2 * x end
      for _, n in inner:imap_unordered(double, { 1, 2, 3 }) do sum = sum + n end
      return sum
    end, { helper.method }))
  end)

  it("ends in a moment with all its tasks, whatever these do", function()
    local pool <close> = assert(new(2))
    local results = {}
    for i = 1, 1000 do results[i] = pool:apply_async(function() while true do end end) end
    eventually(pool, function() return results[1]:accepted() end)
    local began = billiard.now()
    pool:terminate()
    assert.True(billiard.now() - began < 2 * helper.scale)
    for _, r in ipairs(results) do
      local code = select(3, r:get(0))
      assert.True(code == "Terminated" or code == "Cancelled", code)
    end
  end)

  it("is ended by the collector, with a task that would never end", function()
    local pid
    do
      local pool = assert(new(1))
      pool:apply_async(function() while true do end end)
      pool:poll(0.01)
      pid = pool:workers()[1].pid
    end
    collectgarbage()
    collectgarbage()
    helper.eventually(function()
      billiard.active_children()
      local state = helper.proc_state(pid)
      return state == nil or state == "Z"
    end)
    helper.eventually(function() return #billiard.active_children() == 0 end)
  end)
end)
