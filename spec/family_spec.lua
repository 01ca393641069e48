-- A process and its relatives: children, parents, and the end of a family.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local Process = billiard.Process
local KILL <const> = 9
local LONG <const> = 20 * helper.scale

local function is_gone(pid) return (helper.proc_state(pid) or "Z") == "Z" end

describe("active_children", function()
  helper.guard()

  it("lists what was started and has not ended", function()
    assert.same({}, billiard.active_children())
    local a <close> = Process { stdin = "pipe", target = io.read }
    assert.same({}, billiard.active_children())
    a:start()
    local b <close> = child.sleeper { daemon = true }
    local found = {}
    for _, p in ipairs(billiard.active_children()) do found[p] = true end
    assert.is_true(found[a] and found[b])
    a.stdin:close()
    a:join(LONG)
    assert.equal(1, #billiard.active_children())
    assert.equal(b, billiard.active_children()[1])
    b:kill()
    b:join(LONG)
    assert.same({}, billiard.active_children())
  end)

  it("reaps the ended, and frees what they held", function()
    local n = helper.fds()
    local list = {}
    for i = 1, 30 do list[i] = Process { stdin = "pipe", target = io.read }:start() end
    for _, p in ipairs(list) do p.stdin:close() end
    for _, p in ipairs(list) do
      helper.eventually(function() return is_gone(p.pid) end)
    end
    assert.same({}, billiard.active_children())
    assert.is_nil(next(helper.children()))
    assert.equal(n, (helper.fds()))
    for _, p in ipairs(list) do
      assert.equal(0, p.exitcode)
      p:close()
    end
  end)

  it("is empty in a child, whatever its parent has", function()
    local p <close> = child.sleeper {}
    assert.same({ "0" }, child.words(function() io.write(#billiard.active_children()) end))
    p:kill()
    p:join(LONG)
  end)
end)

describe("many processes", function()
  helper.guard()

  it("all end with 0 when there are 100 short ones", function()
    local list = {}
    for i = 1, 100 do list[i] = Process { target = function() end }:start() end
    for _, p in ipairs(list) do
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      p:close()
    end
  end)

  it("are numbered depth first in a tree", function()
    local function node(path, depth)
      io.write(path, " ")
      io.stdout:flush()
      if depth == 2 then return end
      for i = 1, 2 do
        Process { target = node, args = { path .. i, depth + 1 } }:start():join()
      end
    end
    assert.same({ "r", "r1", "r11", "r12", "r2", "r21", "r22" },
      child.words { target = node, args = { "r", 0 } })
  end)
end)

describe("parent_process", function()
  helper.guard()

  it("is nil in the main process", function()
    assert.is_nil(billiard.parent_process())
  end)

  it("has the number and the name of the parent", function()
    local me = billiard.current_process()
    assert.same({ tostring(me.pid), "MainProcess", "true", "false" }, child.words(function()
      local parent = billiard.parent_process()
      io.write(parent.pid, " ", parent.name, " ", tostring(parent:is_alive()), " ",
        tostring(parent:join(0) or false))
    end))
    assert.same({ "middle" }, child.words { name = "middle", target = function()
      io.write((child.run(function() io.write(billiard.parent_process().name) end)))
    end })
  end)

  it("is alive until it is killed, then not, and join returns", function()
    local p <close> = Process { stdout = "pipe", target = function()
      local q = Process { daemon = false, target = function()
        local parent = billiard.parent_process()
        print(tostring(parent:is_alive()))
        io.stdout:flush()
        assert(parent:join(LONG))
        print(tostring(parent:is_alive()))
      end }
      q:start():join()
    end }
    p:start()
    local stdout <close> = p.stdout
    assert.equal("true", stdout:read("l", LONG))
    p:kill()
    assert.equal("false", stdout:read("l", LONG))
    assert.same({ true, "signal", KILL }, { p:join(LONG) })
  end)
end)

-- A script that has a daemonic and another child, which both write their
-- number; `finish` is how it ends. Returns the numbers, what was written
-- else, stderr and the status.
local function family(finish)
  local out, err, code = helper.run([[
    local billiard = require "billiard"
    local function say(...) io.write(...) io.flush() end
    local d = billiard.Process { daemon = true, target = function()
      say("daemon ", billiard.current_process().pid, "\n")
      billiard.ready()
      while true do billiard.sleep(3600) end
    end }
    assert(d:start():wait_ready(20))
    local d_pid = d.pid
    -- daemons go first: this one ends when it is alone
    local p = billiard.Process { target = function()
      local stat
      repeat
        billiard.sleep(0.005)
        local file <close> = io.open("/proc/" .. d_pid .. "/stat")
        stat = file and file:read "a"
      until not stat or stat:find "%) Z"
      say("joined ", billiard.current_process().pid, "\n")
    end }
    p:start()
    ]] .. finish, { timeout = 30 })
  return math.tointeger(out:match "daemon (%d+)"), math.tointeger(out:match "joined (%d+)"),
    err, code
end

describe("the end of the main process", function()
  helper.guard()

  local ways = {
    ["by return"] = { "", 0 },
    ["by os.exit"] = { "os.exit(3)", 3 },
    ["by os.exit with a closed state"] = { "os.exit(3, true)", 3 },
    ["by an os.exit captured as a local"] = { "local exit = os.exit; exit(3)", 3 },
    ["by billiard.exit"] = { "billiard.exit(3)", 3 },
    ["by an error"] = { "error 'over'", 1, "over" },
  }
  for name, row in pairs(ways) do
    it("ends daemons and joins the others: " .. name, function()
      local finish, status, message = table.unpack(row)
      local daemon, other, err, code = family(finish)
      assert.equal(status, code)
      assert.is_true(is_gone(daemon))
      assert.equal("integer", math.type(other)) -- it came to its end
      assert.is_true(is_gone(other))
      if message then assert.matches(message, err) else assert.equal("", err) end
    end)
  end

  it("does not wait for the detached", function()
    local out, _, code = helper.run [[
      local p = require "billiard".Process { command = { "sleep", "3600" }, stdout = "null" }
      p:start():detach()
      print(p.pid)]]
    assert.equal(0, code)
    local pid = math.tointeger(out)
    assert.is_false(is_gone(pid))
    assert(os.execute("kill -9 " .. pid))
  end)
end)

describe("the end of a process with pipes to its children", function()
  helper.guard()

  for what, text in pairs {
    ["reads until its stdin ends"] =
      [[stdin = "pipe", target = function() io.read "a" end]],
    ["writes more than anybody reads"] =
      [[stdout = "pipe", target = function() io.write(("x"):rep(1 << 20)) end]],
  } do
    for leave, call in pairs { ["os.exit"] = "os.exit(0)", ["its end"] = "" } do
      it(("is not held up by a child that %s, by %s"):format(what, leave), function()
        local _, err, code = helper.run(([[
          local billiard = require "billiard"
          local p = billiard.Process { %s }
          assert(p:start())
          %s]]):format(text, call))
        assert.equal("", err)
        assert.equal(0, code)
      end)
    end
  end
end)

describe("the end of a child", function()
  helper.guard()

  it("ends its daemons and joins its others", function()
    local words = child.words(function()
      local d = child.sleeper { daemon = true }
      io.write(d.pid, " ")
      io.flush()
      local pid = d.pid
      Process { target = function()
        helper.eventually(function() return is_gone(pid) end)
        io.write "joined"
      end }:start()
    end)
    assert.is_true(is_gone(words[1]))
    assert.equal("joined", words[2])
  end)

  it("leaves no daemon also when it is killed", function()
    local p <close> = Process { stdout = "pipe", target = function()
      local d = child.sleeper { daemon = true, stdout = "null" }
      print(d.pid)
      io.flush()
      billiard.sleep(3600)
    end }
    p:start()
    local stdout <close> = p.stdout
    local pid = stdout:read("l", LONG)
    p:kill()
    p:join(LONG)
    helper.eventually(function() return is_gone(pid) end)
  end)
end)
