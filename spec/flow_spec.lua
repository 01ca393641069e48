-- Pipelines and fanouts: items through processes that may die. Run once per start method.

local helper = require "spec.helper"
local items = require "spec.fixtures.items"
local billiard = require "billiard"

local topology = billiard.topology
local numbers, upto, collect = items.numbers, items.upto, items.collect

local function started(t)
  assert(t:start())
  return t
end

-- Ends its process the first time that it is called with `fatal`.
local function fatal_once(fatal)
  local once = billiard.Value("u8", 0)
  return function(x)
    if x == fatal and once:add(1) == 1 then os.exit(3) end
    return x
  end
end

describe("a pipeline", function()
  helper.guard()

  it("gives each item to each stage, in order where it is asked to", function()
    local t <close> = started(topology.pipeline { name = "p", ordered = true, source = numbers(50),
      { name = "square", n = 3, target = function(x) return x * x end },
      { name = "text", target = function(x) return "r" .. x end } })
    assert.equal("r1", t:results()())
    assert.same(upto(49, function(i) return "r" .. (i + 1) * (i + 1) end), collect(t))
    assert.same({ true, "finished" }, { t:wait(10 * helper.scale) })
  end)

  it("is put into, and finished, where it has no source", function()
    local t <close> = started(topology.pipeline { name = "p",
      { name = "half", target = function(x) return x % 2 == 0 and x // 2 or nil end } })
    for i = 1, 10 do assert.is_true(t:put(i)) end
    t:finish()
    assert.same({ 1, 2, 3, 4, 5 }, collect(t))
    local ok, err = t:put(11)
    assert.is_nil(ok)
    assert.equal("closed", err)
  end)

  it("holds a source back while nobody takes results", function()
    local asked = billiard.Value("u64", 0)
    local function source()
      return function() return asked:add(1) end
    end
    local t <close> = started(topology.pipeline { name = "p", source = source, maxsize = 2,
      { name = "same", target = function(x) return x end } })
    local results = t:results()
    assert.equal(1, results())
    -- 2 in each of two queues, 1 with each of two processes, 1 that was taken
    t:wait(0.2)
    assert.is_true(asked.value <= 8)
  end)

  it("loses the item that a worker dies with, and no other", function()
    for _, ordered in ipairs { true, false } do
      local t <close> = started(topology.pipeline { name = "p", ordered = ordered, intensity = 5,
        source = numbers(30), { name = "a", n = 2, target = fatal_once(7) },
        { name = "b", target = function(x) return x end } })
      local list = collect(t)
      if not ordered then table.sort(list) end
      assert.same(upto(30, function(i) return i ~= 7 and i or nil end), list)
    end
  end)

  it("goes on where its source was when that died", function()
    local once = billiard.Value("u8", 0)
    local function source()
      local next_number = numbers(20)()
      return function()
        local i = next_number()
        if i == 8 and once:add(1) == 1 then os.exit(1) end
        return i
      end
    end
    local t <close> = started(topology.pipeline { name = "p", ordered = true, source = source,
      { name = "a", target = function(x) return x end } })
    assert.same(upto(20, function(i) return i end), collect(t))
  end)

  it("raises where it gives up", function()
    local t <close> = started(topology.pipeline { name = "p", source = numbers(1000), intensity = 2,
      { name = "a", target = function() os.exit(9) end } })
    local ok, err = pcall(collect, t)
    assert.is_false(ok)
    assert.equal("RestartFreqExceeded", err.code)
  end)

  it("is a part of a larger whole", function()
    local p = topology.pipeline { name = "p", source = numbers(3),
      { name = "a", target = function() end } }
    local t <close> = started(topology.supervisor { name = "s", p,
      { name = "b", target = function() billiard.sleep(600) end } })
    local function state() return t.instance:child("p").state end
    local deadline = billiard.now() + 10 * helper.scale
    while state() ~= "stopped" do
      assert(billiard.now() < deadline)
      t:wait(0.05)
    end
  end)

  it("says what is wrong before anything starts", function()
    for message, options in pairs {
      ["at least one stage"] = { name = "p" },
      ["needs a function as 'target'"] = { name = "p", { name = "a" } },
      ["unknown option 'stages'"] = { name = "p", stages = 2 },
      ["option 'maxsize' must be an integer"] = { name = "p", maxsize = 0 },
      ["option 'source' must be a function"] = { name = "p", source = {} },
      ["stage a: option 'n'"] = { name = "p", { name = "a", n = 0, target = print } },
      ["is a child"] = { name = "p", { name = "a", target = print },
        { name = "a", target = print } },
    } do
      assert.error_matches(function() topology.pipeline(options) end, message)
    end
  end)
end)

describe("a fanout", function()
  helper.guard()

  it("waits for one that takes long, and holds the source back meanwhile", function()
    local asked, most = billiard.Value("u64", 0), billiard.Value("u64", 0)
    local function source()
      local next_number = numbers(200)()
      return function()
        asked:add(1)
        return next_number()
      end
    end
    local function work(x)
      while x == 2 and most.value == 0 do
        local before = asked.value
        billiard.sleep(0.3) -- long enough for all, were it not held back
        if asked.value == before then most.value = before end
      end
      return x
    end
    local t <close> = started(topology.fanout { name = "f", n = 2, ordered = true, maxsize = 4,
      source = source, target = work })
    assert.same(upto(200, function(i) return i end), collect(t))
    -- one returned; 4 in each of two queues, 2 workers and the slow one itself on
    -- the way; and one in the hands of the source
    assert.is_true(most.value >= 10 and most.value <= 14, most.value)
  end)

  it("misses no other where a worker dies between two items", function()
    local t <close> = started(topology.fanout { name = "f", n = 2, ordered = true, maxsize = 4,
      intensity = 50, source = numbers(500), target = function(x)
        if x % 50 == 0 then billiard.sleep(0.01) end
        return x
      end })
    local list, n = {}, 0
    for result in t:results() do
      n = n + 1
      list[n] = result
      if n % 100 == 0 then
        for _, row in ipairs(t.instance:which_children()) do
          if row.name == "f-1" and row.pid then os.execute("kill -KILL " .. row.pid) end
        end
      end
    end
    assert.is_true(n >= 496) -- at most one for each of four deaths
    for i = 2, n do assert.is_true(list[i] > list[i - 1]) end
  end)

  it("shares the work and gathers the results", function()
    local t <close> = started(topology.fanout { name = "f", n = 4, ordered = true,
      source = numbers(100), target = function(x) return x + 1 end })
    assert.same(upto(100, function(i) return i + 1 end), collect(t))
  end)
end)
