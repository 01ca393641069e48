-- How a process ends: exit codes, errors, at_exit.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local Process = billiard.Process
local INT <const>, KILL <const>, TERM <const> = 2, 9, 15
local LONG <const> = 20 * helper.scale

-- What a target that ends like this leaves: its exit code, its stderr.
local function ended(target, ...)
  local p <close> = Process { target = target, args = table.pack(...), stderr = "pipe",
    name = "NAME" }
  assert(p:start())
  local stderr <close> = p.stderr
  local text = assert(stderr:read("a", LONG))
  assert(p:join(LONG))
  return p.exitcode, text, p.error
end

local captured_exit = os.exit

describe("the exit code of a Lua target", function()
  helper.guard()

  it("is 0 when it returns, whatever it returns", function()
    for _, value in ipairs { 0, 1, "text", true, false, { "table" } } do
      assert.equal(0, (ended(function(v) return v end, value)))
    end
    assert.equal(0, (ended(function() return nil, "message", 7 end)))
  end)

  it("is 1 with a traceback under its name when it raises", function()
    local code, text, err = ended(function() error "what went wrong" end)
    assert.equal(1, code)
    assert.matches("^Process NAME:\n[^\n]+exit_spec%.lua:%d+: what went wrong\n"
      .. "stack traceback:\n", text)
    assert.matches("what went wrong$", err.message)
  end)

  it("is that of os.exit, as in Lua", function()
    local rows = { { nil, 0 }, { true, 0 }, { false, 1 }, { 0, 0 }, { 3, 3 },
      { 255, 255 }, { 256, 0 }, { 300, 44 }, { -1, 255 } }
    for _, row in ipairs(rows) do
      for _, exit in ipairs { os.exit, captured_exit } do
        for _, close in ipairs { true, false } do
          assert.equal(row[2], (ended(function(v) exit(v, close) end, row[1])))
        end
      end
    end
  end)

  it("is that of billiard.exit, 0 when left out", function()
    for _, row in ipairs { { nil, 0 }, { 0, 0 }, { 3, 3 }, { 255, 255 } } do
      local code, text = ended(billiard.exit, row[1])
      assert.equal(row[2], code)
      assert.equal("", text)
    end
  end)

  it("is 1 with the text on stderr after billiard.exit(text)", function()
    local code, text, err = ended(billiard.exit, "no more paper")
    assert.equal(1, code)
    assert.equal("no more paper\n", text)
    assert.is_nil(err)
  end)

  it("is 1 after billiard.exit of anything else, which raises", function()
    for _, value in ipairs { 1.5, -1, 256, true, {} } do
      local code, text = ended(billiard.exit, value)
      assert.equal(1, code)
      assert.matches("^Process NAME:\n", text)
    end
  end)

  it("is -N after signal N", function()
    for _, n in ipairs { INT, KILL, TERM, 10, 6 } do
      local p <close> = child.sleeper { limits = { core = 0 } }
      p:send_signal(n)
      assert.same({ true, "signal", n }, { p:join(LONG) })
      assert.equal(-n, p.exitcode)
    end
  end)

  it("is nil before the start and while it runs", function()
    local p <close> = Process { stdin = "pipe", target = io.read }
    assert.is_nil(p.exitcode)
    p:start()
    assert.is_nil(p.exitcode)
    p.stdin:close()
    p:join(LONG)
    assert.equal(0, p.exitcode)
  end)
end)

describe("the error of a Process", function()
  helper.guard()

  local function failed(spec)
    spec.stderr = "null"
    local p = assert(Process(spec):start())
    assert(p:join(LONG))
    return p
  end

  it("is what a Lua target died of", function()
    local p <close> = failed { name = "NAME", target = function() error "what went wrong" end }
    local err = p.error
    assert.equal("RemoteError", err.code)
    assert.matches("exit_spec%.lua:%d+: what went wrong$", err.message)
    assert.matches("^stack traceback:\n.*exit_spec%.lua", err.traceback)
    assert.equal(p.pid, err.pid)
    assert.equal("NAME", err.name)
    assert.equal(1, err.exitcode)
    assert.is_nil(err.signal)
    assert.equal(err.message .. "\n" .. err.traceback, tostring(err))
    assert.equal(err, p.error)
  end)

  it("is that of tables and of other values as text", function()
    local raised = {
      { function()
        error(setmetatable({}, { __tostring = function() return "shown" end }))
      end, nil, "shown" },
      { error, 42, "42" },
      { error, nil, "(error object is a nil value)" },
      { error, { code = 3 }, "(error object is a table value)" },
    }
    for _, row in ipairs(raised) do
      local p <close> = failed { target = row[1], args = { row[2], n = 1 } }
      assert.equal(row[3], p.error.message)
    end
  end)

  it("passes an Error on with its code", function()
    local p <close> = failed { target = function()
      local q <close> = Process { target = error, args = { "deep" } }
      q:start():join()
      error(q.error)
    end }
    assert.equal("RemoteError", p.error.code)
    assert.equal("deep", p.error.message)
    assert.equal(p.pid, p.error.pid)
  end)

  it("is nil before the end, after success, and after an exit asked for", function()
    local p <close> = Process { target = os.exit, args = { 5 } }
    assert.is_nil(p.error)
    p:start():join(LONG)
    assert.is_nil(p.error)
    local q <close> = child.sleeper {}
    assert.is_nil(q.error)
    q:kill()
    q:join(LONG)
    assert.is_nil(q.error)
  end)
end)

describe("at_exit", function()
  helper.guard()

  -- Runs a script; stdout, stderr, exit status.
  local function run(text)
    return helper.run("local billiard = require 'billiard'; " .. text, { timeout = 20 })
  end

  local function target_of(finish)
    return function()
      billiard.at_exit(function() io.write "1" end)
      billiard.at_exit(function()
        io.write "2"
        billiard.at_exit(function() io.write "+" end)
      end)
      billiard.at_exit(function() io.write "3" end)
      finish()
    end
  end

  it("runs the functions of a child, last first, however it is left", function()
    local ways = {
      [0] = { function() end, os.exit, captured_exit, billiard.exit,
        function() os.exit(true, true) end, function() os.exit(0, false) end },
      [1] = { function() error "x" end, function() billiard.exit "x" end,
        function() os.exit(false) end },
    }
    for status, list in pairs(ways) do
      for _, finish in ipairs(list) do
        local text, code = child.run { target = target_of(finish), stderr = "null" }
        assert.equal("32+1", text)
        assert.equal(status, code)
      end
    end
  end)

  it("runs those of the main process, however it is left", function()
    for _, finish in ipairs { "", "os.exit(0)", "os.exit(0, true)", "billiard.exit()",
      "local exit = os.exit; exit()" } do
      local out, err, code = run("billiard.at_exit(function() io.write 'a' end) "
        .. "billiard.at_exit(function() io.write 'b' end) " .. finish)
      assert.same({ "ba", "", 0 }, { out, err, code })
    end
  end)

  it("is not inherited", function()
    local out = run [[
      billiard.at_exit(function() io.write "mine;" end)
      local p = billiard.Process { target = function() io.write "child;" end }
      p:start():join()
      local q = billiard.Process { target = function() os.exit(0) end }
      q:start():join()]]
    assert.equal("child;mine;", out)
  end)

  it("reports one that fails, and runs the others", function()
    local out, err, code = run [[
      billiard.at_exit(function() io.write "first" end)
      billiard.at_exit(function() error "broken clean-up" end)
      billiard.at_exit(function() error({}) end)]]
    assert.equal("first", out)
    assert.matches("at_exit: [^\n]+: broken clean%-up", err)
    assert.matches("at_exit: table", err)
    assert.equal(0, code)
  end)

  it("does not run in a child that a signal ends", function()
    local p <close> = Process { stdout = "pipe", target = function()
      billiard.at_exit(function() io.write "never" end)
      billiard.ready()
      while true do billiard.sleep(3600) end
    end }
    assert(p:start():wait_ready(LONG))
    p:terminate()
    local stdout <close> = p.stdout
    assert.equal("", stdout:read("a", LONG))
    assert.same({ true, "signal", TERM }, { p:join(LONG) })
  end)

  it("runs before the children are ended, so that it can end them itself", function()
    local out, err, code = run [[
      local p = billiard.Process { daemon = true, stdin = "pipe", target = io.read }
      p:start()
      billiard.at_exit(function()
        io.write(tostring(p:is_alive()), " ")
        p.stdin:close()
        io.write(tostring(p:join(20)), " ", p.exitcode)
      end)]]
    assert.same({ "true true 0", "", 0 }, { out, err, code })
  end)
end)
