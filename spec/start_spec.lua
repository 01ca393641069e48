-- What a child is started with: its environment, limits, group and luck.
-- Run once per start method.

local billiard = require "billiard"
local core = require "billiard.core"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local lfs = require "lfs"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local both = { "target", "command" }

-- What a shell line prints, run by a target or as the command.
local function shell(kind, line, spec)
  spec = spec or {}
  if kind == "command" then spec.command = { "sh", "-c", line }
  else spec.target = function() assert(os.execute(line)) end end
  return (child.run(spec):gsub("%s+$", ""))
end

local function field_of_stat(pid, n)
  local file <close> = assert(io.open("/proc/" .. pid .. "/stat"))
  local rest = file:read "a":match "^.*%) (.*)$"
  local i = 2
  for word in rest:gmatch "%S+" do
    i = i + 1
    if i == n then return math.tointeger(word) end
  end
end
local PGRP <const>, SESSION <const> = 5, 6

describe("a start", function()
  helper.guard()

  it("returns the Process, with a number that lives", function()
    local p <close> = Process { stdin = "pipe", target = io.read }
    assert.equal(p, p:start())
    local _, parent = helper.proc_state(p.pid)
    assert.equal(helper.method == "forkserver" and core.zygote() or helper.pid(), parent)
    p.stdin:close()
    assert(p:join(LONG))
  end)

  it("gives the child its own number in current_process", function()
    local p <close> = Process { stdout = "pipe", target = function()
      local me = billiard.current_process()
      io.write(me.pid, " ", me.ident, " ", tostring(me:is_alive()), " ",
        tostring(me.exitcode), " ", helper.pid())
    end }
    p:start()
    local stdout <close> = p.stdout
    assert.equal(("%d %d true nil %d"):format(p.pid, p.pid, p.pid),
      stdout:read("a", LONG))
    p:join()
  end)

  it("seeds math.random anew in each child", function()
    math.randomseed(42)
    local seen = {}
    for _ = 1, 3 do
      local word = child.words(function() io.write(math.random(0)) end)[1]
      assert.is_nil(seen[word])
      seen[word] = true
    end
  end)

  it("leaves a child with a small number of descriptors, siblings or not", function()
    local function count() io.write((helper.fds())) end
    local alone = (child.run { command = { "ls", "/proc/self/fd" } })
    local body = (child.run(count))
    local siblings = {}
    for i = 1, 5 do siblings[i] = child.sleeper { stdin = "pipe", stdout = "pipe" } end
    assert.equal(alone, (child.run { command = { "ls", "/proc/self/fd" } }))
    -- a forked child has what its parent had open: the siblings' handles
    assert.is_true(tonumber((child.run(count))) <= tonumber(body) + 5 * 3)
    for _, p in ipairs(siblings) do
      p.stdin:close()
      p.stdout:close()
      p:stop()
      p:close()
    end
  end)

  it("writes what was buffered once", function()
    local out, _, code = helper.run [[
      io.stdout:setvbuf "full"
      io.write "parent;"
      local p = require "billiard".Process { target = function() io.write "child;" end }
      p:start():join()]]
    assert.equal(0, code)
    assert.equal("parent;child;", out)
  end)

  it("needs no stdio in the parent", function()
    local name = helper.tmpname()
    local script = helper.tmpname()
    local file = assert(io.open(script, "w"))
    file:write(([[
      local p = require "billiard".Process { target = function() print "lost" end }
      p:start():join()
      local q = require "billiard".Process { command = { "true" } }
      q:start():join()
      local f <close> = assert(io.open(%q, "w"))
      f:write(p.exitcode, " ", q.exitcode)]]):format(name))
    file:close()
    helper.run("os.execute(arg[1])", { args = {
      helper.quote(helper.lua) .. " " .. script .. " 0<&- 1>&- 2>&-" } })
    local result <close> = assert(io.open(name))
    assert.equal("0 0", result:read "a")
  end)
end)

describe("the flag daemon", function()
  helper.guard()

  it("is false unless said, in the main process", function()
    local p <close> = Process {}
    assert.is_false(p.daemon)
    local q <close> = Process { daemon = true }
    assert.is_true(q.daemon)
  end)

  it("is the creator's unless said, in a child", function()
    for _, daemon in ipairs { true, false } do
      assert.same({ tostring(daemon), "false", "true" }, child.words {
        daemon = daemon,
        target = function()
          io.write(tostring(Process {}.daemon), " ",
            tostring(Process { daemon = false }.daemon), " ",
            tostring(Process { daemon = true }.daemon))
        end })
    end
  end)

  it("can be set until the start", function()
    local p <close> = Process { stdin = "pipe", stdout = "pipe", target = function()
      io.write(tostring(billiard.current_process().daemon), io.read "a")
    end }
    p.daemon = true
    p:start()
    assert.has_error(function() p.daemon = false end)
    p.stdin:close()
    local stdout <close> = p.stdout
    assert.equal("true", stdout:read("a", LONG))
    p:join()
  end)
end)

describe("the authkey", function()
  helper.guard()

  it("is 32 random bytes in the main process, and its children's", function()
    local mine = billiard.current_process().authkey
    assert.equal(32, #mine)
    local p <close> = Process {}
    assert.equal(mine, p.authkey)
    local out = helper.run [[print(require "billiard".current_process().authkey:sub(1, 8))]]
    assert.not_equal(mine:sub(1, 8), out:sub(1, 8))
    assert.equal("true true", (child.run { args = { mine }, target = function(key)
      io.write(tostring(billiard.current_process().authkey == key), " ",
        tostring(Process {}.authkey == key))
    end }))
  end)

  it("of a process of its own reaches the child, and its children", function()
    local spec = { authkey = "sesame, open", target = function()
      io.write(billiard.current_process().authkey:sub(1, 6), " ", Process {}.authkey:sub(1, 6))
    end }
    assert.equal("sesame sesame", (child.run(spec)))
    local p <close> = Process { stdout = "pipe", target = spec.target }
    p.authkey = "barley, open"
    p:start()
    local stdout <close> = p.stdout
    assert.equal("barley barley", stdout:read("a", LONG))
    p:join()
    assert.has_error(function() p.authkey = "too late" end)
    assert.is_false(billiard.current_process().authkey == p.authkey)
  end)
end)

for _, kind in ipairs(both) do
  describe("the surroundings of a " .. kind, function()
    helper.guard()

    it("are its parent's unless said", function()
      assert.equal(lfs.currentdir(), shell(kind, "pwd"))
      assert.equal(os.getenv "PATH", shell(kind, "printenv PATH"))
    end)

    it("are the working directory it is given", function()
      assert.equal("/", shell(kind, "pwd", { cwd = "/" }))
    end)

    it("are the environment it is given, and no other", function()
      local env = { PATH = os.getenv "PATH", COLOUR = "red = green", N = 5 }
      assert.equal("red = green 5 none", shell(kind,
        "echo $COLOUR $N ${HOME:-none}", { env = env }))
    end)

    it("are the umask it is given", function()
      assert.equal("0027", shell(kind, "umask", { umask = tonumber("27", 8) }))
      assert.equal("0000", shell(kind, "umask", { umask = 0 }))
    end)

    it("are the niceness it is given, added to its parent's", function()
      local mine = tonumber(shell("command", "nice"))
      assert.equal(math.min(19, mine + 3), tonumber(shell(kind, "nice", { nice = 3 })))
    end)

    it("are the limits it is given", function()
      local spec = { limits = { nofile = 64, core = 0, fsize = 512 * 1000, cpu = 7 } }
      assert.equal("64 64 0 1000 7 8", shell(kind, "echo $(ulimit -n) $(ulimit -H -n) "
        .. "$(ulimit -c) $(ulimit -f) $(ulimit -S -t) $(ulimit -H -t)", spec))
      local as = 1 << 33
      if not helper.asan then
        assert.equal(tostring(as // 1024), shell(kind, "ulimit -v", { limits = { as = as } }))
      end
    end)
  end)

  describe("the group of a " .. kind, function()
    helper.guard()

    local function waiting(spec)
      spec.stdin = "pipe"
      if kind == "command" then spec.command = { "cat" }
      else spec.target = io.read end
      return assert(Process(spec):start())
    end

    local function finish(p)
      p.stdin:close()
      assert(p:join(LONG))
    end

    it("is its parent's unless said", function()
      local p <close> = waiting {}
      assert.equal(field_of_stat("self", PGRP), field_of_stat(p.pid, PGRP))
      assert.equal(field_of_stat("self", SESSION), field_of_stat(p.pid, SESSION))
      finish(p)
    end)

    it("is one of its own with pgroup", function()
      local p <close> = waiting { pgroup = true }
      assert.equal(p.pid, field_of_stat(p.pid, PGRP))
      assert.equal(field_of_stat("self", SESSION), field_of_stat(p.pid, SESSION))
      finish(p)
    end)

    it("is one of its own in a session of its own with session", function()
      local p <close> = waiting { session = true }
      assert.equal(p.pid, field_of_stat(p.pid, PGRP))
      assert.equal(p.pid, field_of_stat(p.pid, SESSION))
      finish(p)
    end)
  end)
end

describe("a command", function()
  helper.guard()

  it("gets its arguments as they are, numbers as text", function()
    assert.equal("a b|*|$HOME||7|", (child.run {
      command = { "printf", "%s|", "a b", "*", "$HOME", "", 7 } }))
  end)

  it("copies its arguments when it is built", function()
    local command = { "echo", "before" }
    local p <close> = Process { command = command, stdout = "pipe" }
    command[2] = "after"
    p:start()
    local stdout <close> = p.stdout
    assert.equal("before\n", stdout:read("a", LONG))
    p:join()
  end)

  it("is looked for in the PATH of the one that starts it", function()
    assert.equal("empty", (child.run { command = { "sh", "-c", "printf ${PATH-none}" },
      env = { PATH = "empty" } }))
  end)

  it("ends with its own status or signal, and has no error", function()
    local _, code, err = child.run { command = { "sh", "-c", "exit 9" } }
    assert.equal(9, code)
    assert.is_nil(err)
    _, code, err = child.run { command = { "sh", "-c", "kill -9 $$" } }
    assert.equal(-9, code)
    assert.is_nil(err)
  end)

  it("starts with its stdio, and no other descriptor", function()
    -- 3: ls reads the folder
    assert.equal("0 1 2 3 ", (child.run { command = { "ls", "/proc/self/fd" } }
      :gsub("%s+", " ")))
  end)
end)
