-- Pipelines and fanouts: items through processes that may die.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function numbers(n)
  return function()
    local i = 0
    return function()
      i = i + 1
      if i <= n then return i end
    end
  end
end

local function collect(t)
  local list = {}
  for result in t:results() do list[#list + 1] = result end
  return list
end

local function started(t)
  assert(t:start())
  return t
end

local function upto(n, f)
  local list = {}
  for i = 1, n do list[#list + 1] = f(i) end
  return list
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
    assert.same(upto(50, function(i) return "r" .. i * i end), collect(t))
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

  it("waits for one that takes long, however many overtake it", function()
    local others = billiard.Value("u64", 0)
    local function work(x)
      while x == 2 and others.value < 150 do billiard.sleep(0.001) end
      others:add(1)
      return x
    end
    local t <close> = started(topology.fanout { name = "f", n = 2, ordered = true, maxsize = 4,
      source = numbers(200), target = work })
    assert.same(upto(200, function(i) return i end), collect(t))
  end)

  it("shares the work and gathers the results", function()
    local t <close> = started(topology.fanout { name = "f", n = 4, ordered = true,
      source = numbers(100), target = function(x) return x + 1 end })
    assert.same(upto(100, function(i) return i + 1 end), collect(t))
  end)
end)
