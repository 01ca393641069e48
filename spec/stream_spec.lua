-- stdin, stdout and stderr of a child: pipes and what else they can be.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale

-- A command that writes what its stdin holds.
local function cat()
  return assert(Process { command = { "cat" }, stdin = "pipe", stdout = "pipe" }:start())
end

local function shell(line, spec)
  spec = spec or {}
  spec.command = { "sh", "-c", line }
  return assert(Process(spec):start())
end

local function finish(p)
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if p[name] then p[name]:close() end
  end
  assert(p:join(LONG))
  p:close()
end

local TIMEOUT <const> = { n = 3, nil, "timeout", "timeout" }
local CLOSED <const> = { n = 3, nil, "closed", "closed" }

describe("reading a Stream", function()
  helper.guard()

  local function holding(text)
    local p = cat()
    assert.equal(p.stdin, p.stdin:write(text, LONG))
    p.stdin:close()
    return p, p.stdout
  end

  it("gives a line, with or without its end", function()
    local p, out = holding "one\ntwo\n\nlast"
    assert.equal("one", out:read())
    assert.equal("two\n", out:read "L")
    assert.equal("", out:read "l")
    assert.equal("last", out:read "L")
    assert.same(CLOSED, table.pack(out:read()))
    finish(p)
  end)

  it("gives so many bytes, fewer only at the end", function()
    local p, out = holding "12345678"
    assert.equal("", out:read(0))
    assert.equal("123", out:read(3))
    assert.equal("45678", out:read(100))
    assert.same(CLOSED, table.pack(out:read(1)))
    finish(p)
  end)

  it("gives all there is, and nothing more at the end", function()
    local p, out = holding "one\n\0two"
    assert.equal("one\n\0two", out:read "a")
    assert.equal("", out:read "a")
    finish(p)
  end)

  it("gives line by line in a for loop", function()
    local p, out = holding "one\n\nthree"
    local seen = {}
    for line in out:lines() do seen[#seen + 1] = line end
    assert.same({ "one", "", "three" }, seen)
    finish(p)
  end)

  it("waits no longer than it is told, and keeps what has come", function()
    local p = cat()
    local out = p.stdout
    assert.same(TIMEOUT, table.pack(out:read("l", 0)))
    p.stdin:write "par"
    assert.same(TIMEOUT, table.pack(out:read("l", 0.05)))
    assert.same(TIMEOUT, table.pack(out:read(4, 0.05)))
    assert.same(TIMEOUT, table.pack(out:read("a", -1)))
    p.stdin:write "tial\nrest"
    assert.equal("partial", out:read("l", LONG))
    p.stdin:close()
    assert.equal("rest", out:read("a", LONG))
    finish(p)
  end)

  it("takes a MiB of any bytes", function()
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local text = table.concat(bytes):rep(4096)
    local p = Process { stdout = "pipe", target = function() io.write(text) end }
    assert.equal(text, p:start().stdout:read("a", LONG))
    finish(p)
  end)

  it("goes on after the child has ended", function()
    local p = shell("echo kept", { stdout = "pipe" })
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    assert.equal("kept", p.stdout:read())
    assert.same(CLOSED, table.pack(p.stdout:read()))
    finish(p)
  end)
end)

describe("writing a Stream", function()
  helper.guard()

  it("returns the Stream when all is written", function()
    local p = cat()
    assert.equal(p.stdin, p.stdin:write "a")
    p.stdin:write("b"):write("", 0):write "c"
    p.stdin:close()
    assert.equal("abc", p.stdout:read "a")
    finish(p)
  end)

  it("tells how much went through by the end of its time", function()
    local text = ("x"):rep(1 << 20)
    local p = shell("read go; cat", { stdin = "pipe", stdout = "pipe" })
    local none, err, code, written = p.stdin:write(text, 0.05)
    assert.same({ nil, "timeout", "timeout" }, { none, err, code })
    assert.is_true(written > 0 and written < #text)
    finish(p)
  end)

  it("is closed, and no signal comes, when nobody reads any more", function()
    local p = shell("exec <&-; echo; read never", { stdin = "pipe", stdout = "pipe" })
    p.stdout:read()
    for _ = 1, 2 do
      assert.same({ n = 4, nil, "closed", "closed", 0 }, table.pack(p.stdin:write "x"))
    end
    finish(p)
  end)
end)

describe("a Stream", function()
  helper.guard()

  it("is there for a pipe only, from the start on", function()
    local p <close> = Process { stdout = "pipe", stdin = "null", command = { "true" } }
    assert.is_nil(p.stdout)
    p:start()
    assert.is_not_nil(p.stdout)
    assert.is_nil(p.stdin)
    assert.is_nil(p.stderr)
    assert.equal(p.stdout, p.stdout)
    p.stdout:close()
    p:join(LONG)
  end)

  it("has a descriptor until it is closed, and then is closed", function()
    local p = cat()
    local out = p.stdout
    assert.equal("integer", math.type(out:fileno()))
    assert.matches("^<Stream%(fd %d+%)>$", tostring(out))
    p.stdin:close()
    assert.is_true(out:close())
    assert.is_true(out:close())
    assert.equal("<Stream(closed)>", tostring(out))
    finish(p)
  end)

  it("is closed by <close>", function()
    local p = cat()
    do
      local stdin <close> = p.stdin
      stdin:write "all"
    end
    assert.equal("all", p.stdout:read("a", LONG))
    finish(p)
  end)

  it("belongs to one child: the end of its stdin is not kept open by the next", function()
    local p = cat()
    local q = child.sleeper { daemon = true }
    p.stdin:close()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    p.stdout:close()
    p:close()
    q:stop()
    q:close()
  end)
end)

for _, kind in ipairs { "target", "command" } do
  describe("the stdio of a " .. kind, function()
    helper.guard()

    -- A started Process that copies stdin to stdout and says "err" on stderr.
    local function copier(spec)
      if kind == "command" then spec.command = { "sh", "-c", "cat; echo err >&2" }
      else
        spec.target = function()
          io.write((io.read "a"))
          io.stderr:write "err\n"
        end
      end
      return assert(Process(spec):start())
    end

    local function file_with(text)
      local file = assert(io.open(helper.tmpname(), "w+"))
      file:write(text)
      file:flush()
      file:seek "set"
      return file
    end

    it("can be open files", function()
      local input <close> = file_with "from a file"
      local output <close> = file_with ""
      local p = copier { stdin = input, stdout = output, stderr = "null" }
      finish(p)
      output:seek "set"
      assert.equal("from a file", output:read "a")
    end)

    it("can be descriptors, which stay the caller's", function()
      local p = cat()
      local q = copier { stdin = "null", stdout = p.stdin:fileno(), stderr = p.stdin:fileno() }
      finish(q)
      p.stdin:write "mine"
      p.stdin:close()
      assert.equal("err\nmine", p.stdout:read "a")
      finish(p)
    end)

    it("can be one pipe for stdout and stderr", function()
      local p = copier { stdin = "null", stdout = "pipe", stderr = "stdout" }
      assert.equal("err\n", p.stdout:read("a", LONG))
      finish(p)
    end)

    it("can be pipes, all three", function()
      local p = copier { stdin = "pipe", stdout = "pipe", stderr = "pipe" }
      p.stdin:write "in"
      p.stdin:close()
      assert.same({ "in", "err\n" },
        { p.stdout:read("a", LONG), p.stderr:read("a", LONG) })
      finish(p)
    end)

    it("can be nothing", function()
      local p = copier { stdin = "null", stdout = "null", stderr = "null" }
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      finish(p)
    end)
  end)
end

describe("stdio that is not said", function()
  helper.guard()

  it("is the parent's, but for the stdin of a target, which is empty", function()
    local out, err = helper.run([[
      local Process = require "billiard".Process
      local function run(spec) Process(spec):start():join() end
      run { target = function()
        io.write("target ", #io.read "a", ";")
        io.stderr:write "e1;"
      end }
      run { command = { "sh", "-c", "cat; printf 'e2;' >&2" } }]], { input = "typed;" })
    assert.same({ "target 0;typed;", "e1;e2;" }, { out, err })
  end)

  it("is the parent's also for a target that says inherit", function()
    local out = helper.run([[
      require "billiard".Process { stdin = "inherit", target = function()
        io.write(io.read "a")
      end }:start():join()]], { input = "typed" })
    assert.equal("typed", out)
  end)
end)
