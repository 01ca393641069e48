-- What is asked of a supervisor while it runs, and what its children decide
-- about their starts, over real processes.

local helper = require "spec.helper"
local billiard = require "billiard"

local topology = billiard.topology

local function rest() billiard.sleep(600) end
local function child(name, more)
  local options = { name = name, target = rest }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

local function started(options)
  local t = topology.supervisor(options)
  assert(t:start())
  return t, t.instance
end

local function states(supervisor)
  local list = {}
  for i, row in ipairs(supervisor:which_children()) do list[i] = row.id .. ":" .. row.state end
  return table.concat(list, " ")
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function is_gone(pid)
  return not os.execute("kill -0 " .. pid .. " 2>/dev/null")
end

local function fails_with(code, ok, err, third)
  assert.is_nil(ok)
  assert.equal(code, third)
  assert.equal(code, err.code)
end

describe("a running supervisor", function()
  helper.guard()

  it("starts, stops, starts again and forgets a child", function()
    local _ <close>, s = started { name = "s", child "a" }
    local ok, pid = s:start_child(child "b")
    assert.is_true(ok)
    assert.equal(pid, s:child("b").pid)
    assert.equal("a:running b:running", states(s))
    assert.is_true(s:terminate_child "b")
    assert.is_true(is_gone(pid))
    assert.equal("a:running b:stopped", states(s))
    local again, other = s:restart_child "b"
    assert.is_true(again)
    assert.not_equal(pid, other)
    fails_with("running", s:delete_child "b")
    assert.is_true(s:terminate_child "b")
    assert.is_true(s:delete_child "b")
    assert.equal("a:running", states(s))
    assert.is_nil(s:child "b")
  end)

  it("names what it refuses, and changes nothing", function()
    local _ <close>, s = started { name = "s", child "a" }
    fails_with("already_started", s:start_child(child "a"))
    fails_with("not_found", s:terminate_child "x")
    fails_with("not_found", s:restart_child "x")
    fails_with("running", s:restart_child "a")
    local ok, err, code = s:start_child { name = "c", command = { "/no/such/program" } }
    assert.is_nil(ok)
    assert.equal("StartError", code)
    assert.matches("c did not start", err.message)
    assert.error_matches(function() s:start_child { name = "c" } end, "needs a 'target'")
    assert.error_matches(function() s:start_child(child("c", { significant = true,
      restart = "transient" })) end, "auto_shutdown")
    assert.error_matches(function() s:terminate_child(3) end, "name must be a string")
    assert.equal("a:running", states(s))
  end)

  it("counts its children", function()
    local _ <close>, s = started { name = "s", child "a", child("b"),
      topology.group { name = "g", target = rest } }
    assert.is_true(s:terminate_child "b")
    assert.same({ specs = 3, active = 2, workers = 2, supervisors = 1 }, s:count_children())
  end)

  it("is asked nothing before it runs or after", function()
    local s = topology.supervisor { name = "s", child "a" }:supervisor()
    assert.error_matches(function() s:delete_child "a" end, "not running")
    assert(s:start())
    s:stop()
    assert.error_matches(function() s:restart_child "a" end, "not running")
  end)
end)

describe("a child's start function", function()
  helper.guard()

  it("changes the options of this start", function()
    local path = helper.tmpname()
    local n = 0
    local t <close> = started { name = "s", child("a", { start = function(options)
      n = n + 1
      options.target = nil
      options.command = { "sh", "-c", ("echo %d >%s; sleep 600"):format(n, path) }
      return options
    end }) }
    helper.work_until(t, function() return read(path) == "1\n" end)
    assert(os.execute("kill -KILL " .. t.instance:child("a").pid))
    helper.work_until(t, function() return read(path) == "2\n" end)
  end)

  it("declines", function()
    local decline = function() return "ignore" end
    local _ <close>, s = started { name = "s", child("a", { start = decline }), child "b" }
    assert.equal("a:stopped b:running", states(s))
    local ok, pid = s:restart_child "a"
    assert.is_true(ok)
    assert.is_nil(pid)
  end)

  it("may fail again and again, and the supervisor still hears", function()
    local n = 0
    local t <close>, s = started { name = "s", intensity = function() return "restart" end,
      child("a", { start = function(options)
        n = n + 1
        if n == 1 then return options end
        return nil, "no luck"
      end }) }
    assert(os.execute("kill -KILL " .. s:child("a").pid))
    helper.work_until(t, function() return n > 100 end)
    assert.is_true(s:terminate_child "a")
    assert.equal("a:stopped", states(s))
  end)

  for name, start in pairs {
    ["returns nil and why"] = function() return nil, "no disk" end,
    ["raises"] = function() error("no disk", 0) end,
  } do
    it("fails the start when it " .. name, function()
      local t = topology.supervisor { name = "s", child("a", { start = start }) }
      local ok, err, code = t:start()
      assert.is_nil(ok)
      assert.equal("StartError", code)
      assert.matches("no disk", err.message)
    end)
  end
end)

describe("a supervisor in a process of its own", function()
  helper.guard()

  local function nested(path)
    return topology.supervisor { name = "inner", own_process = true,
      { name = "w", ready = true, target = function()
        local file <close> = assert(io.open(path, "w"))
        file:write(billiard.current_process().pid)
        file:close()
        billiard.ready()
        rest()
      end } }
  end

  -- V09
  it("takes its children along when it is killed, and is started again", function()
    local path = helper.tmpname()
    local t <close>, s = started { name = "s", nested(path) }
    local inner, worker = s:child("inner").pid, read(path)
    assert.equal("supervisor", s:child("inner").type)
    assert(os.execute("kill -KILL " .. inner))
    helper.work_until(t, function()
      local row = s:child "inner"
      return row.state == "running" and row.pid ~= inner
    end)
    helper.work_until(t, function() return is_gone(worker) end)
    assert.not_equal(worker, read(path))
  end)

  it("lets its children stop by their ladders", function()
    local path = helper.tmpname()
    local script = ("trap 'echo asked >%s; exit 0' TERM; echo >&3; exec 3>&-; "
      .. "while :; do sleep 600 & wait; done"):format(path)
    local t = started { name = "s", topology.supervisor { name = "inner", own_process = true,
      topology.command { name = "w", ready = { fd = 3 }, command = { "sh", "-c", script } } } }
    assert.same({ true, "stopped" }, { t:stop() })
    assert.equal("asked\n", read(path))
  end)

  it("is up once its children are, and stops them in its turn", function()
    local path = helper.tmpname()
    local t = started { name = "s", nested(path), child "behind" }
    local worker = read(path)
    assert.same({ true, "stopped" }, { t:stop() })
    assert.is_true(is_gone(worker))
  end)
end)
