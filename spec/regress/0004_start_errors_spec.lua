-- What a child, a fork server or a program died of before it could tell was
-- nowhere to be read, and some messages did not say what to do.

local billiard = require "billiard"
local helper = require "spec.helper"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local settings = require "billiard.context".settings
local each = starts.each(it)

-- p.error of a child that never got to its target, and that of its result.
local function ended(spec)
  spec.stderr, spec.target = "null", print
  local p <close> = assert(Process(spec):start())
  local value, err, code = p:result(LONG)
  assert.is_nil(value)
  assert.equal(p.error, err)
  assert.equal("StartError", code)
  assert.equal(p.exitcode, err.exitcode)
  return err
end

local function refused(spec)
  local ok, err, code = Process(spec):start()
  assert.is_nil(ok)
  return err, code
end

describe("the error of a child that ended without answering", function()
  helper.guard()
  after_each(function() settings.executable = nil end)

  it("names the signal or the status, and limits as a possible cause", function()
    if helper.asan then return pending "address space limits do not hold under ASan" end
    local err = ended { start_method = "spawn", limits = { as = 1000 } }
    assert.equal(11, err.signal)
    assert.matches("^%S+ ended by SIGSEGV", err.message)
    assert.matches("without answering; its limits may be why (start: answer)", err.message, 1, true)
  end)

  it("is that of the child itself, where a fork server's has answered", function()
    if helper.asan then return pending "address space limits do not hold under ASan" end
    local p <close> = assert(Process { start_method = "forkserver", limits = { as = 1000 },
      stderr = "null", target = print }:start())
    local value, err, code = p:result(LONG)
    assert.is_nil(value)
    assert.equal("AuthenticationString: cannot allocate memory", err.message)
    assert.equal("ENOMEM", code)
    assert.equal(1, p.exitcode)
  end)

  it("names the program that may be no host of ours", function()
    billiard.set_executable "/bin/true"
    assert.equal("/bin/true exited with status 0 without answering and may be no billiard host: "
      .. "see set_executable (start: answer)", ended { start_method = "spawn" }.message)
    local err, code = refused { target = print, start_method = "forkserver" }
    assert.equal("/bin/true ended without answering and may be no billiard host: "
      .. "see set_executable (start: fork server)", err)
    assert.equal("StartError", code)
  end)

  each(starts.remote, "is none where it ends by what it was sent", function(method)
    for _ = 1, 5 do
      local p <close> = assert(Process { start_method = method, target = billiard.sleep,
        args = { 3600 } }:start())
      assert(p:kill())
      assert.same({ true, "signal", 9 }, { p:join(LONG) })
      assert.is_nil(p.error)
      local _, err, code = p:result()
      assert.equal("WorkerLostError", code)
      assert.equal("ended by SIGKILL without a result", err.message)
    end
  end)
end)

describe("a program that is not there", function()
  helper.guard()
  after_each(function() settings.executable = nil end)

  each(starts.remote, "is named where a start fails for it", function(method)
    billiard.set_executable "/nonexistent"
    local err, code = refused { target = print, start_method = method }
    assert.equal("/nonexistent: no such file or directory (start: exec)", err)
    assert.equal("ENOENT", code)
  end)

  it("cannot have an empty name, and that is what the message says", function()
    for bad, got in pairs { [""] = "got an empty one", ["a\0b"] = "got one with a null byte",
      [1] = "got number" } do
      local ok, err = pcall(billiard.set_executable, bad)
      assert.is_false(ok)
      assert.matches(got .. "$", err)
      assert.matches("path must be a string", err)
    end
  end)
end)
