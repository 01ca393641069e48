-- core.Pool: limits of tasks.
-- Run once per start method.

local core = require "billiard.core"
local helper = require "spec.helper"
local poolcore = require "spec.fixtures.poolcore"

local team, gate = poolcore.team, poolcore.gate
local APPLY, MAP <const> = poolcore.APPLY, poolcore.MAP

local function spin() while true do end end

describe("the limit of a task", function()
  helper.guard()

  it("raises, where it is soft, what the task may catch", function()
    local t <close> = team(1)
    local event = t:over(t:submit(function()
      local ok, err = pcall(function() while true do end end)
      return ok, err.code
    end, {}, APPLY, 0.05))
    assert.same({ "result", 1, false, "SoftTimeLimitExceeded" },
      { event[1], table.unpack(event, 3) })
    event = t:over(t:submit(spin, {}, APPLY, 0.05))
    assert.same({ "error", 1, "SoftTimeLimitExceeded" }, { event[1], event[3], event[4].code })
    assert.match("poolcore_limit_spec", event[4].traceback)
    assert.equal(1, t:call(function() return 1 end))
  end)

  it("reaches a task that waits, or has a coroutine work for it", function()
    local t <close> = team(1)
    local g <close> = gate()
    for _, f in ipairs {
      function(q) q:get() end,
      function() coroutine.wrap(function() while true do end end)() end,
    } do
      local event = t:over(t:submit(f, { g.go }, APPLY, 0.05))
      assert.same({ "error", "SoftTimeLimitExceeded" }, { event[1], event[4].code })
    end
  end)

  it("is no concern of what a task returns while that is packed", function()
    local t <close> = team(1)
    local Slow = { __name = "spec.SlowToPack", __unpack = function(v) return v end,
      __pack = function(v) return v[1] end }
    core.register(Slow)
    local event = t:over(t:submit(function()
      local core = require "billiard.core" -- luacheck: ignore 431
      local slow = { __name = "spec.SlowToPack", __unpack = function(v) return v end }
      function slow.__pack(v)
        local over = core.now() + 0.15
        coroutine.wrap(function() while core.now() < over do end end)()
        while core.now() < over do end
        return v[1]
      end
      core.register(slow)
      return setmetatable({ "packed" }, slow)
    end, {}, APPLY, 0.05))
    assert.same({ "result", 1, "packed" }, { event[1], event[3], event[4] })
    assert.equal(1, t:call(function() return 1 end))
  end)

  it("ends, where it is hard, the worker", function()
    local t <close> = team(1)
    local ticket = t:submit(function()
      while true do pcall(function() while true do end end) end
    end, {}, APPLY, nil, 0.1)
    local waits = t:submit(function() return "waited" end, {}, APPLY)
    assert.same({ "lost", ticket, 0, "limit" }, { table.unpack(t:over(ticket), 1, 4) })
    t:await "gone"
    t:start()
    assert.equal("waited", t:over(waits)[4])
  end)

  it("is for all items of a task of many", function()
    local t <close> = team(1)
    local event = t:over(t:submit(function(x)
      while x == 2 do end
      return x
    end, { 1, 2, 3 }, MAP, 0.05))
    assert.same({ "result", 1, { 1, nil, 3, n = 3 } }, { event[1], event[3], event[4] })
    assert.equal("SoftTimeLimitExceeded", event[5][2].code)
  end)
end)
