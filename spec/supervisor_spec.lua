-- Supervisors over real processes.

local helper = require "spec.helper"
local lfs = require "lfs"
local billiard = require "billiard"

local topology, policy = billiard.topology, billiard.policy

local function rest() billiard.sleep(600) end

local function pid_of(t, ...)
  local row = t:status()
  for _, i in ipairs { ... } do row = row.children[i] end
  return row.pid, row.state
end

local function kill(pid) assert(os.execute("kill -KILL " .. pid)) end

local function folder()
  local name = helper.tmpname()
  os.remove(name)
  assert(lfs.mkdir(name))
  return name
end

-- The lines that children have added to a file.
local function lines_of(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = line end
  return list
end

local function add_line(path, text)
  local file <close> = assert(io.open(path, "a"))
  file:write(text, "\n")
end

-- A target that notes its start and, asked by SIGTERM, nothing more.
local function noting(path, name)
  return { name = name, ready = true, target = function()
    add_line(path, "start " .. name)
    billiard.ready()
    rest()
  end }
end

describe("billiard.supervisor", function()
  helper.guard()

  it("starts in order and replaces a child that dies", function()
    local path = helper.tmpname()
    local t <close> = topology.supervisor { name = "s", noting(path, "a"), noting(path, "b") }
    assert(t:start())
    assert.same({ "start a", "start b" }, lines_of(path))
    local first = pid_of(t, 1)
    kill(first)
    helper.work_until(t, function()
      local pid, state = pid_of(t, 1)
      return pid and pid ~= first and state == "running"
    end)
    assert.same({ "start a", "start b", "start a" }, lines_of(path))
    assert.equal(1, t:status().restarts)
  end)

  it("stops in reverse order", function()
    local path = helper.tmpname()
    local function program(name)
      return topology.command { name = name, ready = { fd = 3 }, command = { "sh", "-c",
        ("trap 'echo stop %s >>%s; exit 0' TERM; echo >&3; exec 3>&-; while :; do "
          .. "sleep 600 & wait; done"):format(name, path) } }
    end
    local t = topology.supervisor { name = "s", program "a", program "b", program "c" }
    assert(t:start())
    assert.same({ true, "stopped" }, { t:stop() })
    assert.same({ "stop c", "stop b", "stop a" }, lines_of(path))
  end)

  it("takes what a child has started along with it", function()
    local path = helper.tmpname()
    local t <close> = topology.supervisor { name = "s", { name = "a", command = { "sh", "-c",
      "sleep 600 & echo $! >" .. path .. "; exit 1" }, restart = "temporary" } }
    assert(t:start())
    helper.work_until(t, function() return #t:status().children == 0 end)
    local orphan = tonumber(lines_of(path)[1])
    helper.eventually(function()
      local state = helper.proc_state(orphan)
      return not state or state == "Z"
    end)
  end)

  it("kills a child that does not go, when its time is over", function()
    local t = topology.supervisor { name = "s", { name = "a", ready = { fd = 3 },
      stop = policy.stop.graceful(0.1), command = { "sh", "-c",
        "trap '' TERM; echo >&3; while :; do sleep 600; done" } } }
    assert(t:start())
    local before = billiard.now()
    assert(t:stop())
    assert.is_true(billiard.now() - before < 3 * helper.scale)
  end)

  it("fails to start when a child does, and leaves none", function()
    local t = topology.supervisor { name = "s", { name = "a", target = rest },
      { name = "b", command = { "/no/such/program" } } }
    local ok, err, code = t:start()
    assert.is_nil(ok)
    assert.equal("StartError", code)
    assert.equal("StartError", err.code)
    assert.equal("b", err.name)
    assert.matches("no such file", tostring(err))
  end)

  -- V14
  it("fails to start when the second of five is not ready in time", function()
    local path = helper.tmpname()
    local late = { name = "late", ready = true, start_timeout = 0.1, target = rest }
    local t = topology.supervisor { name = "s", noting(path, "1"), late,
      noting(path, "3"), noting(path, "4"), noting(path, "5") }
    local _, err = t:start()
    assert.equal("late", err.name)
    assert.same({ "start 1" }, lines_of(path))
  end)

  it("gives up with the last reason", function()
    local t = topology.supervisor { name = "s", intensity = 2,
      { name = "a", target = function() error("out of luck", 0) end } }
    t:start()
    local ok, err, code = t:wait(10 * helper.scale)
    assert.is_nil(ok)
    assert.equal("RestartFreqExceeded", code)
    assert.matches("out of luck", err.message)
  end)

  -- V08
  it("restarts a subtree that gave up, and leaves no orphan", function()
    local path = helper.tmpname()
    local inner = topology.supervisor { name = "inner", intensity = 0, noting(path, "x"),
      noting(path, "y") }
    local t <close> = topology.supervisor { name = "outer", intensity = 5, inner }
    assert(t:start())
    local other = pid_of(t, 1, 2)
    kill(pid_of(t, 1, 1))
    helper.work_until(t, function() return #lines_of(path) == 4 and pid_of(t, 1, 2) end)
    assert.same({ "start x", "start y", "start x", "start y" }, lines_of(path))
    assert.is_nil(helper.proc_state(other))
  end)

  -- V09
  it("replaces a supervisor in a process of its own, whose children die with it", function()
    local path = helper.tmpname()
    local function serve()
      local inner = assert(topology.supervisor { name = "inner",
        { name = "x", target = rest } }:start())
      add_line(path, pid_of(inner, 1))
      billiard.ready()
      inner:wait()
    end
    local t <close> = topology.supervisor { name = "outer",
      { name = "process", target = serve, ready = true } }
    assert(t:start())
    kill(pid_of(t, 1))
    helper.work_until(t, function()
      return #lines_of(path) == 2 and select(2, pid_of(t, 1)) == "running"
    end)
    local lost = lines_of(path)[1]
    helper.eventually(function()
      local state = helper.proc_state(lost)
      return not state or state == "Z"
    end)
  end)

  it("waits for a port and for a file", function()
    local dir = folder()
    local t = topology.supervisor { name = "s",
      { name = "a", ready = { file = dir .. "/up" }, command = { "sh", "-c",
        "touch " .. dir .. "/up; exec sleep 600" } },
      { name = "b", ready = { port = 1 }, start_timeout = 0.1, target = rest } }
    local _, err = t:start()
    os.execute("rm -r " .. dir)
    assert.equal("b", err.name)
  end)

  it("reports a user's policy that fails and goes on", function()
    local said = {}
    billiard.set_logger { debug = print, info = print, error = print,
      warn = function(_, text) said[#said + 1] = text end }
    local t <close> = topology.supervisor { name = "s", { name = "a", target = rest,
      restart = function() return "nonsense" end } }
    assert(t:start())
    kill(pid_of(t, 1))
    helper.work_until(t, function() return t:status().restarts == 1 end)
    billiard.set_logger(nil)
    assert.matches("a: restart: policy failed %(answered nonsense%)", table.concat(said, "\n"))
  end)

  it("is used by its owner only, and started once", function()
    local t <close> = topology.supervisor { name = "s", { name = "a", target = rest } }
    assert(t:start())
    assert.has_error(function() t:start() end)
    local p = billiard.Process { target = function()
      local ok, err = pcall(t.status, t)
      os.exit(not ok and err:find "belongs to process" and 7 or 1)
    end }
    p:start()
    p:join()
    assert.equal(7, p.exitcode)
    p:close()
  end)

  it("ends 100 children as it started them", function()
    local t = topology.group { name = "g", n = 100, target = rest }
    assert(t:start())
    assert.equal(100, #t:status().children)
    assert(t:stop())
  end)
end)
