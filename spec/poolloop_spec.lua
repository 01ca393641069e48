-- Pools in loops of others, and in other processes. Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"

local function new(n)
  return assert(billiard.Pool { processes = n, start_method = helper.method })
end

-- A pool that is up, with nothing to tell.
local function quiet(n)
  local pool = new(n)
  helper.eventually(function()
    pool:poll(0.01)
    return pool:stats().up == n
  end)
  repeat until not pool:poll()
  return pool
end

-- Runs functions as coroutines, which wait in wait().
local function run_all(functions)
  local live = {}
  for i, f in ipairs(functions) do live[i] = coroutine.create(f) end
  billiard.set_waiter(function(object)
    if not coroutine.isyieldable() then return false end
    coroutine.yield(object)
  end)
  local _ <close> = setmetatable({}, { __close = function() billiard.set_waiter(nil) end })
  while live[1] do
    local next_live, objects = {}, {}
    for _, co in ipairs(live) do
      local _, object = assert(coroutine.resume(co))
      if coroutine.status(co) ~= "dead" then
        next_live[#next_live + 1], objects[#objects + 1] = co, object
      end
    end
    live = next_live
    if live[1] then billiard.wait(objects, 5) end
  end
end

describe("a pool in a loop", function()
  helper.guard()

  -- More than may wait for one descriptor in nested sets, and more than may
  -- hear one bell.
  for name, run in pairs(require "spec.fixtures.loops") do
    it("is waited for by any number of coroutines of " .. name, function()
      local pool <close> = quiet(2)
      local sum, tasks = 0, {}
      for i = 1, 450 do
        tasks[i] = function()
          for _ = 1, 2 do
            local one = assert(pool:apply(math.abs, { -1 }))
            sum = sum + one
          end
        end
      end
      run(table.unpack(tasks))
      assert.equal(900, sum)
    end)
  end

  it("is waited for beside other things, and polled", function()
    local pool <close> = quiet(1)
    assert.same({}, billiard.wait({ pool }, 0))
    local called
    local r = pool:apply_async(math.abs, { -3 }, { callback = function(n) called = n end })
    assert.same({ r }, billiard.wait({ r }, 20 * helper.scale))
    assert.same({ pool }, billiard.wait({ pool }, 0))
    assert.Nil(called)
    helper.eventually(function()
      pool:poll()
      return called == 3
    end)
    assert.same({ r }, billiard.wait({ r }, 0))
    assert.True(r:dirty())
  end)

  it("is waited for by a Poller, with its deadlines", function()
    local pool <close> = quiet(1)
    local poller <close> = billiard.Poller()
    poller:add(pool, "pool")
    assert.same({}, poller:wait(0))
    os.execute("kill -KILL " .. pool:workers()[1].pid)
    helper.eventually(function()
      for _, tag in ipairs(poller:wait(1)) do assert.equal("pool", tag) end
      pool:poll()
      return pool:stats().started == 2 and pool:stats().up == 1
    end)
    assert.equal(5, pool:apply(math.abs, { -5 }))
    poller:remove(pool)
  end)

  it("serves many coroutines at a time", function()
    local pool <close> = new(2)
    local out, functions = {}, {}
    for i = 1, 20 do
      functions[i] = function()
        local value = pool:apply(function(x)
          require "billiard".sleep(0.001 * (x % 3))
          return x
        end, { i })
        out[i] = value
      end
    end
    functions[21] = function()
      local sum = 0
      for _, n in pool:imap(math.abs, { -1, -2, -3 }) do sum = sum + n end
      out[21] = sum
    end
    run_all(functions)
    for i = 1, 20 do assert.equal(i, out[i]) end
    assert.equal(6, out[21])
  end)

  it("may be made, closed and joined in coroutines", function()
    local joined = {}
    local function whole(i)
      return function()
        local pool = new(1)
        local r = pool:apply_async(math.abs, { -i })
        pool:close()
        joined[i] = assert(pool:join()) and r:get()
      end
    end
    run_all { whole(1), whole(2), whole(3) }
    assert.same({ 1, 2, 3 }, joined)
  end)

  it("wakes all who wait for the results of one that is terminated", function()
    local pool, codes = new(1), {}
    local function waits()
      local _, _, code = pool:apply(function() while true do end end)
      codes[#codes + 1] = code
    end
    run_all { waits, waits, function() pool:terminate() end }
    table.sort(codes)
    assert.equal(2, #codes)
    assert.equal("Cancelled", codes[1])
  end)

  it("reads no further from an endless source than its loop needs", function()
    local pool <close> = new(2)
    local n, sum = 0, 0
    local function numbers()
      n = n + 1
      return n
    end
    for i, value in pool:imap(function(x) return 2 * x end, numbers, { prefetch = 20 }) do
      sum = sum + value
      if i == 500 then break end
    end
    assert.equal(250500, sum)
    assert.True(n <= 520)
    assert.equal(1, pool:apply(math.abs, { -1 }))
  end)

  it("collects results of several pools as they end", function()
    local a <close> = new(1)
    local b <close> = new(1)
    local results = {}
    for i = 1, 10 do results[i] = (i % 2 == 0 and a or b):apply_async(math.abs, { -i }) end
    local sum = 0
    for r in billiard.as_completed(results, 20 * helper.scale) do sum = sum + r:get() end
    assert.equal(55, sum)
  end)

  it("belongs to its process: a forked copy is of no use, and ends nothing", function()
    local pool <close> = new(1)
    local r = pool:apply_async(math.abs, { -1 })
    assert.equal(1, r:get())
    local p <close> = billiard.Process { start_method = "fork", target = function()
      local calls = { function() pool:apply(print) end, function() pool:close() end,
        function() pool:poll() end, function() r:get() end, function() r:cancel() end }
      for i, call in ipairs(calls) do
        local ok, message = pcall(call)
        if ok or not message:find("poolloop_spec.lua:%d+: .* belongs to process") then
          return i, message
        end
      end
      getmetatable(pool).__close(pool)
      getmetatable(pool).__gc(pool)
      return tostring(r)
    end }
    p:start()
    assert.equal(tostring(r), p:result(20 * helper.scale))
    p:join()
    assert.equal(2, pool:apply(math.abs, { -2 }))
  end)
end)
