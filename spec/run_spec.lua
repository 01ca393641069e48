-- billiard.run: one program to its end.

local billiard = require "billiard"
local helper = require "spec.helper"

local run = billiard.run
local KILL <const>, TERM <const> = 9, 15

local function sh(line, options)
  options = options or {}
  options[1], options[2], options[3] = "sh", "-c", line
  return run(options)
end

describe("billiard.run", function()
  helper.guard()

  it("returns what was written, how it ended and how long it took", function()
    local before = billiard.now()
    local result = assert(sh "echo out; echo err >&2; exit 3")
    assert.equal("out\n", result.stdout)
    assert.equal("err\n", result.stderr)
    assert.equal(3, result.exitcode)
    assert.is_nil(result.signal)
    assert.is_true(result.seconds > 0 and result.seconds <= billiard.now() - before)
  end)

  it("names the signal that ended it", function()
    local result = assert(sh "printf before; kill -TERM $$")
    assert.equal("before", result.stdout)
    assert.equal(-TERM, result.exitcode)
    assert.equal(TERM, result.signal)
    assert.equal(KILL, sh("kill -9 $$").signal)
  end)

  it("gives it the arguments as they are", function()
    assert.equal("<a b><*><><5>", run({ "printf", "<%s>", "a b", "*", "", 5 }).stdout)
  end)

  it("gives it the input, and an empty one when there is none", function()
    assert.equal("a\0b\n", run({ "cat", input = "a\0b\n" }).stdout)
    assert.equal("", run({ "cat", input = "" }).stdout)
    assert.equal("", run({ "cat" }).stdout)
  end)

  it("runs it in the folder and the environment it is told", function()
    assert.equal("/\n", run({ "pwd", cwd = "/" }).stdout)
    assert.equal("red none\n", sh("echo $COLOUR ${HOME:-none}",
      { env = { COLOUR = "red", PATH = os.getenv "PATH" } }).stdout)
  end)

  it("moves much in both directions at once", function()
    local text = ("0123456789abcde\n"):rep(1 << 17) -- 2 MiB
    local result = assert(sh("tee /dev/stderr", { input = text }))
    assert.is_true(result.stdout == text)
    assert.is_true(result.stderr == text)
  end)

  it("does not mind a program that reads none of its input", function()
    local result = assert(run { "true", input = ("x"):rep(1 << 20) })
    assert.equal(0, result.exitcode)
  end)

  it("kills the program and its group at the timeout", function()
    local name = helper.tmpname()
    local began = billiard.now()
    local none, err, code = sh("sleep 3600 & echo $! >" .. name .. "; wait", { timeout = 0.5 })
    assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(none, err, code))
    assert.is_true(billiard.now() - began >= 0.5)
    local file <close> = assert(io.open(name))
    local pid = assert(file:read "n")
    helper.eventually(function() return (helper.proc_state(pid) or "Z") == "Z" end)
  end)

  it("does not wait for children that the program leaves behind", function()
    local name = helper.tmpname()
    local result = assert(sh("sleep 3600 & echo $! >" .. name .. "; echo done"))
    assert.equal("done\n", result.stdout)
    local file <close> = assert(io.open(name))
    local pid = file:read "n"
    assert.is_not_nil(helper.proc_state(pid))
    assert(os.execute("kill -9 " .. pid))
  end)

  it("says what could not be started", function()
    local none, err, code = run { "/no/such/program" }
    assert.same({ nil, "ENOENT" }, { none, code })
    assert.matches("no such file or directory", err)
  end)

  it("takes no number and touches no list of its caller's", function()
    local options = { "true", timeout = 60 }
    run(options)
    assert.same({ "true", timeout = 60 }, options)
  end)
end)
