-- Pools that do not come up: who gets to know, why, and what is left.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local scene = require "spec.fixtures.pool.scene"

-- What making a pool with that initializer ends with: within bounds, with all
-- that was started gone, whoever is asked.
local function refused(opts)
  local pids <close> = billiard.Array("i64", 200)
  local n <close> = billiard.Value("i64", 0)
  local f = opts.initializer
  opts.initializer = function(...)
    pids[n:add(1)] = require "billiard".current_process().pid
    return f(...)
  end
  opts.start_method = helper.method
  local began, fds = billiard.now(), helper.fds()
  local pool, err, code = billiard.Pool(opts)
  local took = billiard.now() - began
  assert.same({ nil, "StartError", "StartError" }, { pool, code, err.code })
  assert.equal(fds, helper.fds())
  assert.is_nil(next(helper.children()))
  local list = {}
  for i = 1, n.value do list[i] = pids[i] end
  scene.await_gone(list)
  return err, n.value, took
end

describe("a pool whose initializer", function()
  helper.guard()

  -- finding 11: in billiard it is started again for ever, and nobody is told
  it("P13: raises is not made ★: its creator has the traceback, after few tries", function()
    local err, tries, took = refused { processes = 4, initializer = function(what)
      error("no " .. what)
    end, initargs = { "database" } }
    assert.matches("spec/pool_start_spec.lua:%d+: no database", err.message)
    assert.matches("stack traceback:.*pool_start_spec.lua:%d+", tostring(err))
    assert.is_true(tries <= 12, tries .. " workers were started")
    assert.is_true(took < 5 * helper.scale)
  end)

  it("P13: raises a value of its own, passes it on", function()
    local err = refused { processes = 1, initializer = function()
      error { 1, reason = "full" }
    end }
    assert.same({ 1, reason = "full" }, err.value)
  end)

  it("P13: hangs is not made after start_timeout, however it hangs", function()
    for _, hang in ipairs {
      function() while true do end end,
      function() os.execute "trap '' TERM; sleep 3600; sleep 3600" end,
      function() os.execute "kill -STOP $PPID" end,
    } do
      local err, _, took = refused { processes = 2, start_timeout = 0.2 * helper.scale,
        initializer = hang }
      assert.matches("not up within", err.message)
      assert.is_true(took < 5 * helper.scale)
    end
  end)

  it("P13: exits is not made, and the code is told", function()
    local err = refused { processes = 3, initializer = os.exit, initargs = { 7 } }
    assert.matches("exited with 7", err.message)
  end)

  it("P13: crashes is not made, and the signal is told", function()
    local err = refused { processes = 3, initializer = function()
      os.execute "kill -ABRT $PPID"
    end }
    assert.matches("SIGABRT", err.message)
  end)

  it("P13: leaves children of its own behind, takes them along", function()
    local pids <close> = billiard.Queue()
    local name = helper.tmpname()
    refused { processes = 1, initializer = function()
      local p = billiard.Process { target = function()
        while true do billiard.sleep(3600) end
      end }
      p:start()
      pids:put(p.pid)
      os.execute("sleep 3600 & echo $! >" .. name)
      pids:put(io.open(name):read "n")
      error "half way"
    end }
    local n = 0
    for pid in function() return (pids:get(0)) end do
      scene.await_gone { pid }
      n = n + 1
    end
    assert.is_true(n >= 2)
  end)
end)

describe("a pool that is up", function()
  helper.guard()

  it("P13: is not hurt by an initializer that fails now and then", function()
    local turns <close> = billiard.Value("i64", 0)
    local pool <close> = scene.up { processes = 2, initializer = function()
      if turns:add(1) % 2 == 1 then error "not now" end
    end }
    for i = 1, 3 do
      scene.kill(scene.pids(pool)[1])
      assert.equal(i, pool:apply(math.abs, { -i }))
      scene.settle(pool)
    end
  end)

  it("P13: ends with all its tasks, within its budget, when none comes up any more", function()
    local broken <close> = billiard.Event()
    local starts <close> = billiard.Value("i64", 0)
    local pool <close> = scene.up { processes = 2, max_restarts = 4, initializer = function()
      starts:add(1)
      if broken:is_set() then error "no database any more" end
    end }
    local lines <close> = scene.log()
    broken:set()
    local results = {}
    for _, pid in ipairs(scene.pids(pool)) do scene.kill(pid) end
    for i = 1, 10 do results[i] = pool:apply_async(math.abs, { -i }) end
    assert.same({ RestartFreqExceeded = 10 }, scene.tally(results))
    assert.matches("no database any more", scene.failure(results[1]).message)
    assert.is_true(starts.value <= 2 + 8, starts.value .. " workers were started")
    assert.matches("no database any more", table.concat(lines, "\n"))
    assert.error_matches(function() pool:apply(math.abs, { 1 }) end, "too many workers")
    assert.equal("RestartFreqExceeded", select(3, pool:join()))
    assert.equal("ended", pool:stats().state)
  end)
end)
