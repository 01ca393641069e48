-- Supervisors in supervisors: how one that ends looks to the one above. Over
-- real processes and the real driver.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function rest() billiard.sleep(600) end

-- A child that notes its starts in a list.
local function noting(log, name, more)
  local options = { name = name, target = rest, start = function(options)
    log[#log + 1] = name
    return options
  end }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

local function inner(log, more)
  local options = { name = "inner", intensity = 0, noting(log, "x"), noting(log, "y") }
  for key, value in pairs(more or {}) do options[key] = value end
  return topology.supervisor(options)
end

-- The pid of a child of the inner supervisor that runs, or nil.
local function pid_of(t, name)
  for _, row in ipairs(t:status().children) do
    for _, each in ipairs(row.name == "inner" and row.children or {}) do
      if each.name == name and each.state == "running" then return each.pid end
    end
  end
end

-- Kills one, once it runs.
local function kill(t, name)
  helper.work_until(t, function() return pid_of(t, name) end)
  assert(os.execute("kill -KILL " .. pid_of(t, name)))
end

local function started(options)
  local t = topology.supervisor(options)
  assert(t:start())
  return t
end

local function states(t)
  local list = {}
  for i, row in ipairs(t.instance:which_children()) do list[i] = row.id .. ":" .. row.state end
  return table.concat(list, " ")
end

describe("a supervisor that gives up", function()
  helper.guard()

  it("is restarted by the one above, if it is permanent, and counts there", function()
    local log = {}
    local t = started { name = "outer", intensity = 1, inner(log), noting(log, "z") }
    kill(t, "x")
    helper.work_until(t, function() return #log == 5 end)
    assert.same({ "x", "y", "z", "x", "y" }, log)
    assert.equal(1, t:status().restarts)
    kill(t, "y")
    local ok, err, code = t:wait(10 * helper.scale)
    assert.is_nil(ok)
    assert.equal("RestartFreqExceeded", code)
    assert.matches("inner", err.message)
    assert.equal(5, #log)
  end)

  it("stays stopped if it is transient, and is gone if it is temporary", function()
    for kind, left in pairs { transient = "inner:stopped z:running", temporary = "z:running" } do
      local log = {}
      local t <close> = started { name = "outer", inner(log, { restart = kind }), noting(log, "z") }
      kill(t, "x")
      helper.work_until(t, function() return states(t) == left end)
      assert.same({ "x", "y", "z" }, log)
      assert.equal(0, t:status().restarts)
    end
  end)

  it("takes its siblings along where any child does", function()
    local log = {}
    local t <close> = started { name = "outer", strategy = "rest_for_one", intensity = 5,
      noting(log, "before"), inner(log), noting(log, "behind") }
    kill(t, "y")
    helper.work_until(t, function() return #log == 7 end)
    assert.same({ "before", "x", "y", "behind", "x", "y", "behind" }, log)
  end)

  it("begins with an empty window when it is started again", function()
    local log = {}
    local t <close> = started { name = "outer", intensity = 1, inner(log, { intensity = 1 }) }
    kill(t, "x")
    helper.work_until(t, function() return #log == 3 end)
    kill(t, "x")
    helper.work_until(t, function() return #log == 5 end)
    kill(t, "x")
    helper.work_until(t, function() return #log == 6 end)
    assert.equal(1, t:status().restarts)
    assert.same({ "x", "y", "x", "x", "y", "x" }, log)
  end)

  it("ends the one above if it is significant there", function()
    local log = {}
    local t = started { name = "outer", auto_shutdown = "any_significant", noting(log, "z"),
      inner(log, { restart = "transient", significant = true }) }
    kill(t, "x")
    assert.same({ true, "finished" }, { t:wait(10 * helper.scale) })
  end)
end)

describe("a supervisor that ends by auto_shutdown", function()
  helper.guard()

  it("ends like one that gives up", function()
    local log = {}
    local t <close> = started { name = "outer", intensity = 5, topology.supervisor {
      name = "inner", auto_shutdown = "any_significant",
      noting(log, "x", { restart = "temporary", significant = true }), noting(log, "y") } }
    kill(t, "x")
    helper.work_until(t, function() return #log == 4 end)
    assert.same({ "x", "y", "x", "y" }, log)
    assert.equal(1, t:status().restarts)
  end)
end)

describe("a supervisor that does not boot", function()
  helper.guard()

  -- A child whose starts go wrong from the second to the last of them.
  local function moody(log, last)
    return noting(log, "moody", { start = function(options)
      log[#log + 1] = "moody"
      local n = 0
      for _, name in ipairs(log) do n = name == "moody" and n + 1 or n end
      if n > 1 and n <= last then return nil, "out of luck" end
      return options
    end })
  end

  it("is a failed start above, and is tried again", function()
    local log = {}
    local t <close> = started { name = "outer", intensity = 3, topology.supervisor {
      name = "inner", intensity = 0, noting(log, "x"), moody(log, 3) }, noting(log, "z") }
    kill(t, "x")
    helper.work_until(t, function() return #log == 9 end)
    assert.same({ "x", "moody", "z", "x", "moody", "x", "moody", "x", "moody" }, log)
    assert.equal(3, t:status().restarts)
  end)

  it("counts each time, until the one above gives up with all reasons", function()
    local log = {}
    local t = started { name = "outer", intensity = 2, topology.supervisor {
      name = "inner", intensity = 0, noting(log, "x"), moody(log, 99) } }
    kill(t, "x")
    local ok, err, code = t:wait(10 * helper.scale)
    assert.is_nil(ok)
    assert.equal("RestartFreqExceeded", code)
    assert.matches("inner.*failed.*moody.*out of luck", err.message)
    assert.same({ "x", "moody", "x", "moody", "x", "moody" }, log)
  end)

  it("fails the start of all, by a reason that names the way to it", function()
    local log = {}
    local t = topology.supervisor { name = "outer", noting(log, "z"), topology.supervisor {
      name = "inner", noting(log, "x", { start = function() return nil, "out of luck" end }) } }
    local ok, err, code = t:start()
    assert.is_nil(ok)
    assert.equal("StartError", code)
    assert.matches("inner.*failed.*x.*out of luck", err.message)
  end)
end)
