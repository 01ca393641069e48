-- Rings and trees: neighbours that talk, and successors that find their
-- connections.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function rest() billiard.sleep(600) end

local function work_until(t, f)
  local deadline = billiard.now() + 10 * helper.scale
  while true do
    local result = f()
    if result ~= nil then return result end
    assert(billiard.now() < deadline, "has not come true")
    t:wait(0.02)
  end
end

-- Waits for what children put.
local function get(t, queue)
  return work_until(t, function() return (queue:get(0)) end)
end

describe("a ring", function()
  helper.guard()

  it("passes from each to the next", function()
    local q = billiard.Queue()
    local t <close> = topology.ring { name = "r", n = 4, target = function(i, from, to)
      if i == 1 then to:send { i } end
      local seen = from:recv()
      if i == 1 then q:put(table.concat(seen, " ")) end
      seen[#seen + 1] = i
      if i > 1 then to:send(seen) end
      rest()
    end }
    assert(t:start())
    assert.equal("1 2 3 4", get(t, q))
  end)

  it("hands its connections to a successor, with what is in them", function()
    local q, go = billiard.Queue(), billiard.Event()
    local t <close> = topology.ring { name = "r", n = 2, target = function(i, from, to)
      if i == 1 then
        to:send "a word"
        rest()
      end
      q:put(billiard.current_process().pid)
      go:wait()
      q:put(from:recv())
      rest()
    end }
    assert(t:start())
    assert(os.execute("kill -KILL " .. get(t, q)))
    get(t, q)
    go:set()
    assert.equal("a word", get(t, q))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() topology.ring { name = "r", n = 0, target = rest } end, "'n'")
    assert.error_matches(function() topology.ring { name = "r" } end, "'target'")
    assert.error_matches(function() topology.ring { target = rest } end, "'name'")
  end)
end)

describe("a tree", function()
  helper.guard()

  local function leaf(name, number)
    return { name = name, target = function(up)
      up:send(number)
      rest()
    end }
  end

  local function sum(up, downs)
    local total = 0
    for _, down in ipairs(downs) do total = total + down:recv() end
    up:send(total)
    rest()
  end

  it("connects each process with those above and below", function()
    local q = billiard.Queue()
    local t <close> = topology.tree { name = "root", target = function(up, downs, word)
      q:put { up == nil, downs[1]:recv() + downs[2]:recv(), word }
      rest()
    end, args = { "word" }, leaf("a", 1),
      { name = "b", target = sum, leaf("c", 10), leaf("d", 100) } }
    assert(t:start())
    assert.same({ true, 111, "word" }, get(t, q))
  end)

  it("starts what is below a process again with it", function()
    local q = billiard.Queue()
    local function root(_, downs)
      q:put { billiard.current_process().pid, downs[1]:recv() }
      rest()
    end
    local t <close> = topology.tree { name = "root", target = root, leaf("a", 5) }
    assert(t:start())
    local first = get(t, q)
    assert.equal(5, first[2])
    assert(os.execute("kill -KILL " .. first[1]))
    local second = get(t, q)
    assert.not_equal(first[1], second[1])
    assert.equal(5, second[2])
  end)

  it("names the node that is wrong", function()
    assert.error_matches(function()
      topology.tree { name = "root", target = rest, { name = "x" } }
    end, "node x: a child needs a 'target'")
  end)
end)
