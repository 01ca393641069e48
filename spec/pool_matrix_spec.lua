-- The crash matrix: whatever goes off, wherever on a task's way, every result
-- resolves, and the pool goes on. Run once per start method.

local billiard = require "billiard"
local bombs = require "spec.fixtures.pool.bombs"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"
local tasks = require "spec.fixtures.pool.tasks"

local LONG <const> = scene.LONG
local CRASH <const>, EXIT <const> = "WorkerLostError signal 6", "WorkerLostError exit 3"

local function arm() require "spec.fixtures.pool.bombs" end

local function pool_of(n) return scene.up { processes = n, initializer = arm } end

local function module(name) return "spec.fixtures.pool.bombs:" .. name end

-- stage: the task, its arguments for that way, and what each way looks like
local stages = {
  ["while its argument is unpacked"] = { "get", function(how)
    return { bombs.new("unpacking", how) }
  end, crash = CRASH, exit = EXIT, raise = "RemoteError" },
  ["while it runs"] = { "run", function(how) return { how } end,
    crash = CRASH, exit = EXIT, raise = "RemoteError" },
  ["while its result is packed"] = { "give", function(how) return { "packing", how } end,
    crash = CRASH, exit = EXIT, raise = "RemoteError" },
  ["in the collector"] = { "collect", function(how) return { how } end,
    crash = CRASH, exit = EXIT, raise = "done" },
}

local function outcome(r)
  local err = select(2, r:get(LONG))
  if not err then return "done" end
  if err.signal then return err.code .. " signal " .. err.signal end
  if err.exitcode then return err.code .. " exit " .. err.exitcode end
  return err.code
end

-- So many tasks before it and after it, which all must be done.
local function around(pool, submit)
  local others = {}
  for i = 1, 10 do others[i] = pool:apply_async(math.abs, { -i }) end
  local r = submit()
  for i = 11, 20 do others[i] = pool:apply_async(math.abs, { -i }) end
  return r, others
end

local function assert_done(others)
  for i, r in ipairs(others) do assert.equal(i, r:get(LONG)) end
end

describe("a task that goes off", function()
  helper.guard()

  for stage, row in pairs(stages) do
    local name, args = module(row[1]), row[2]
    for how in pairs(bombs.ways) do
      it(("P02: %s, %s ★, hurts no other"):format(stage, how), function()
        local pool <close> = pool_of(2)
        local r, others = around(pool, function() return pool:apply_async(name, args(how)) end)
        assert.equal(row[how], outcome(r))
        assert_done(others)
      end)

      it(("P17: %s, %s ★, does not hold up an end of its pool"):format(stage, how), function()
        local pool <close> = pool_of(2)
        local r, others = around(pool, function() return pool:apply_async(name, args(how)) end)
        pool:close()
        assert.is_true(pool:join(LONG))
        assert.equal(row[how], outcome(r))
        assert_done(others)
      end)
    end
  end

  it("P12: while its result is unpacked here, raise ★, fails alone, as a bad_frame", function()
    local pool <close> = pool_of(1)
    local pid = pool:apply(tasks.pid)
    local r, others = around(pool, function()
      return pool:apply_async(module "give", { "home", "raise" })
    end)
    local err = scene.failure(r)
    assert.equal("bad_frame", err.code)
    assert.matches("on purpose", err.message)
    assert_done(others)
    assert.equal("bad_frame", scene.failure(pool:map_async(function()
      return require "spec.fixtures.pool.bombs".new("home", "raise")
    end, { 1, 2 }, 2)).code)
    assert.equal(pid, pool:apply(tasks.pid))
  end)

  for how in pairs(bombs.ways) do
    it("P02: in the collector, later, " .. how .. ", is one task's loss at most", function()
      local pool <close> = pool_of(1)
      assert.is_true(pool:apply_async(module "leave", { how }):wait(LONG))
      local codes = scene.tally { pool:apply_async(collectgarbage),
        pool:apply_async(collectgarbage) }
      assert.is_true(codes.done == 2 or codes.done == 1 and codes.WorkerLostError == 1)
      assert.equal(1, pool:apply(math.abs, { -1 }))
    end)
  end
end)

-- ---- large values ----

describe("a task with large values", function()
  helper.guard()

  local BIG <const> = 32 << 20

  -- loky's crash_big_data
  it("P02: that crashes is lost, and what comes behind is done ★", function()
    local pool <close> = pool_of(2)
    local big = ("x"):rep(BIG)
    local results = {}
    for i = 1, 6 do
      results[i] = pool:apply_async(function(how, s)
        if how then require "spec.fixtures.pool.bombs".ways[how]() end
        return #s
      end, { i == 3 and "crash" or i == 5 and "exit", big })
    end
    assert.same({ done = 4, WorkerLostError = 2 }, scene.tally(results))
  end)

  it("P02: is given whole or not at all when its worker is killed with the result", function()
    local pool <close> = scene.up { processes = 1, max_restarts = 100 }
    for i = 1, 10 do
      local r = pool:apply_async(string.rep, { "x", BIG })
      scene.eventually(pool, function() return r:accepted() end)
      if i % 2 == 0 then billiard.wait({ r }, LONG) end
      scene.kill(scene.pids(pool)[1])
      local text, _, code = r:get(LONG)
      assert.is_true(text and #text == BIG or code == "WorkerLostError", code)
      scene.settle(pool)
    end
  end)
end)

-- ---- what goes off in the owner ----

-- An owner of a pool that does `act` with it, how it ended, and its workers.
local function owner(act)
  local method, size = helper.method, 2
  local pids <close> = billiard.Queue()
  local p <close> = assert(billiard.Process { stderr = "null", target = function()
    local pool = assert(billiard.Pool { processes = size, start_method = method,
      initializer = arm })
    while pool:stats().up < size do pool:poll(1) end
    for _, row in ipairs(pool:workers()) do pids:put(row.pid) end
    pool:apply_async(function() while true do end end)
    act(pool)
    pool:terminate()
  end }:start())
  assert(p:join(LONG))
  local list = {}
  for i = 1, size do list[i] = assert(pids:get(LONG)) end
  return p.exitcode, list
end

local in_owner = {
  ["while it unpacks a result"] = function(pool, how)
    pool:apply("spec.fixtures.pool.bombs:give", { "home", how })
  end,
  ["in a callback"] = function(pool, how)
    local go_off = require "spec.fixtures.pool.bombs".ways[how]
    pool:apply(math.abs, { -1 }, { callback = go_off })
  end,
  ["in its collector"] = function(pool, how)
    require "spec.fixtures.pool.bombs".leave(how)
    collectgarbage()
    assert(pool:apply(math.abs, { -1 }) == 1)
  end,
}

describe("an owner that goes off", function()
  helper.guard()

  local codes <const> = { crash = -6, exit = 3, raise = 0 }
  for stage, act in pairs(in_owner) do
    for how, code in pairs(codes) do
      it(("%s, %s ★, leaves no worker, or goes on"):format(stage, how), function()
        local exitcode, pids = owner(function(pool) act(pool, how) end)
        assert.equal(code, exitcode)
        scene.await_gone(pids, 1)
      end)
    end
  end
end)
