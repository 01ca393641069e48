-- Topologies as values: checked where they are written, before anything runs.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function nothing() end
local function member(options)
  local child = { name = "a", target = nothing }
  for key, value in pairs(options) do child[key] = value end
  return { name = "s", child }
end

describe("billiard.topology", function()
  helper.guard()

  -- V11; what must be in the message
  local bad = {
    { "supervisor", { { name = "a", target = nothing } }, "option 'name'" },
    { "supervisor", { name = "s", depth = 1 }, "unknown option 'depth' (known: auto_shutdown" },
    { "supervisor", { name = "s", strategy = "one_for_two" }, "option 'strategy'" },
    { "supervisor", { name = "s", intensity = -1 }, "option 'intensity'" },
    { "supervisor", { name = "s", period = 0 }, "option 'period'" },
    { "supervisor", { name = "s", auto_shutdown = "maybe" }, "option 'auto_shutdown'" },
    { "supervisor", { name = "s", 42 }, "child 1: a child must be a table" },
    { "supervisor", { name = "s", {} }, "child 1: option 'name'" },
    { "supervisor", { name = "s", { name = "a" } }, "needs a 'target' or a 'command'" },
    { "supervisor", { name = "s", { name = "a", target = nothing },
      { name = "a", target = nothing } }, 'child 2: there is a child "a" already' },
    { "supervisor", member { restart = "always" }, "option 'restart'" },
    { "supervisor", member { stop = { { "TERM" } } }, "option 'stop': step 1" },
    { "supervisor", member { backoff = { initial = -1 } }, "option 'initial'" },
    { "supervisor", member { ready = { socket = 1 } }, "option 'ready'" },
    { "supervisor", member { ready = { port = 0 } }, "option 'ready'" },
    { "supervisor", member { ready = { fd = 3 } }, "option 'ready'" },
    { "supervisor", member { start_timeout = 0 }, "option 'start_timeout'" },
    { "supervisor", member { significant = true }, "option 'significant'" },
    { "supervisor", member { significant = true, restart = "transient" }, "'significant' needs" },
    { "supervisor", member { daemon = false }, "option 'daemon'" },
    { "supervisor", member { comand = {} }, "unknown option 'comand'" },
    { "command", { name = "c" }, "option 'command' must be a list" },
    { "command", { name = "c", command = {} }, "option 'command' must not be empty" },
    { "command", { name = "c", command = { "x" }, cwd = 1 }, "option 'cwd'" },
    { "command", { name = "c", command = { "x" }, ready = true }, "option 'ready'" },
    { "group", { name = "g", n = 0, target = nothing }, "option 'n'" },
    { "group", { name = "g", n = 2 }, "needs a 'target' or a 'command'" },
    { "group", { n = 2, target = nothing }, "option 'name'" },
  }
  for i, case in ipairs(bad) do
    it(("refuses bad spec %d: %s"):format(i, case[3]), function()
      local ok, message = pcall(function() topology[case[1]](case[2]) end)
      assert.is_false(ok)
      assert.matches("^spec/topology_spec%.lua:%d+: topology%." .. case[1], message)
      assert.matches(case[3], message, 1, true)
    end)
  end

  it("refuses what is no table", function()
    assert.has_error(function() topology.supervisor(1) end)
    assert.has_error(function() topology.group(topology.supervisor { name = "s" }) end)
  end)

  it("calls each of a group with its number and the args", function()
    local path = helper.tmpname()
    local t = topology.group { name = "g", n = 3, restart = "transient",
      auto_shutdown = "all_significant", args = { "x", nil, n = 2 },
      target = function(i, ...)
        local file <close> = assert(io.open(path .. i, "w"))
        file:write(i, " ", select("#", ...), " ", (...))
      end }
    assert(t:start())
    assert.same({ true, "finished" }, { t:wait(10 * helper.scale) })
    for i = 1, 3 do
      local file <close> = assert(io.open(path .. i))
      os.remove(path .. i)
      assert.equal(i .. " 2 x", file:read "a")
    end
  end)

  it("asks a group's function for each command", function()
    local t = topology.group { name = "g", n = 2, command = function(i)
      return { "sleep", 600 + i }
    end }
    assert(t:start())
    local names = {}
    for i, row in ipairs(t:status().children) do names[i] = row.name .. " " .. row.state end
    t:stop()
    assert.same({ "g-1 running", "g-2 running" }, names)
  end)

  it("runs a command alone, again after it ended, and not twice at once", function()
    local t <close> = topology.command { name = "c", command = { "sleep", "600" } }
    assert.has_error(function() t:stop() end)
    assert.equal(t, t:start())
    assert.has_error(function() t:start() end)
    t:stop()
    assert.equal(t, t:start())
    assert.equal("timeout", (select(2, t:wait(0))))
  end)

  it("has a name to print", function()
    assert.equal("<Topology(supervisor, s)>", tostring(topology.supervisor { name = "s" }))
  end)
end)
