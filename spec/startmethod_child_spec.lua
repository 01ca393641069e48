-- That a child is the same by each start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local lfs = require "lfs"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local all <const>, remote <const> = starts.all, starts.remote
local each = starts.each(it)
local result = starts.result

describe("a child", function()
  helper.guard()

  each(all, "has its name, number, key and daemon flag, its children number on", function(method)
    local p <close> = Process { start_method = method, daemon = true, authkey = "sesame, open",
      target = function()
        local me = billiard.current_process()
        return { me.name, me.daemon, me.authkey:equals "sesame, open", Process {}.name,
          Process {}.daemon, billiard.parent_process().name }
      end }
    p.daemon = false
    assert(p:start())
    assert.same({ p.name, false, true, p.name .. ":1", false, "MainProcess" },
      assert(p:result(LONG)))
  end)

  each(all, "runs the run of its class, with what that derives from", function(method)
    local Base = Process:extend "Base"
    function Base:greet() return "I am " .. self.name end
    function Base:run() return self:greet() .. self.mark end
    local Derived = Base:extend "Derived"
    function Derived:run()
      assert(getmetatable(Derived).__call and Derived.super == Base)
      return Derived.super.run(self) .. "!"
    end
    local p <close> = Derived { name = "D", start_method = method, fields = { mark = "?" } }
    assert(p:start())
    assert.equal("I am D?!", assert(p:result(LONG)))
  end)

  each(all, "knows its parent, and whether that lives", function(method)
    -- the child is killed while the grandchild looks at it
    local out, _, code = helper.run(([[
      local billiard = require "billiard"
      local method = %q
      local p = billiard.Process { start_method = method, target = function()
        local q = billiard.Process { start_method = method, stdout = "inherit", target = function()
          local parent = billiard.parent_process()
          io.write(tostring(parent.is_alive(parent)), " ", parent.name, " ", parent.pid, "\n")
          io.stdout:flush()
          billiard.ready()
          parent:join()
          io.write(tostring(parent:is_alive()), "\n")
        end }
        q:start()
        q:wait_ready()
        billiard.ready(tostring(q.pid))
        billiard.sleep(3600)
      end }
      p:start()
      local _, pid = assert(p:wait_ready(20))
      p:kill()
      p:join()
      print(p.pid)
      while io.open("/proc/" .. pid) do billiard.sleep(0.01) end]]):format(method))
    assert.equal(0, code)
    local pid, told, last = out:match "^true Process%-1 (%d+)\n(.-)(%d+)\n"
    if not last then pid, last = out:match "^true Process%-1 (%d+)\n(%d+)\n" end
    assert.equal(pid, last)
    assert.matches("false\n", told ~= "" and told or out, 1, true)
  end)

  each(remote, "has only the descriptors that it was given", function(method)
    local file <close> = assert(io.open "/dev/null") -- not close-on-exec
    local sibling <close> = child.sleeper { start_method = method }
    local kinds = result(method, function()
      local kinds = {}
      for name in lfs.dir "/proc/self/fd" do
        local target = tonumber(name) and tonumber(name) > 2
          and lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
        if target and not target:find "^/proc/%d+/fd$" then
          kinds[#kinds + 1] = target:match "pidfd" or target:match "eventfd"
            or target:match "billiard%-board" or target
        end
      end
      table.sort(kinds)
      return kinds
    end)
    assert.is_truthy(file and sibling)
    -- who owns it, what it rings when it is ready, where it leaves its result
    assert.same({ "billiard-board", "eventfd", "pidfd" }, kinds)
  end)

  each(remote, "has its lifeline besides, and no other, as a daemon", function(method)
    local p <close> = assert(Process { start_method = method, daemon = true, target = function()
      local pipes = 0
      for name in lfs.dir "/proc/self/fd" do
        local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target") or ""
        pipes = pipes + (tonumber(name) and tonumber(name) > 2 and target:find "^pipe:" and 1 or 0)
      end
      return pipes
    end }:start())
    assert.equal(1, assert(p:result(LONG)))
  end)

  each(remote, "starts in the directory that its owner is in then", function(method)
    local before = lfs.currentdir()
    assert(lfs.chdir "/tmp")
    local there = result(method, function() return require "lfs".currentdir() end)
    assert(lfs.chdir "/")
    local p <close> = assert(Process { start_method = method, cwd = "proc/self/..",
      target = function() return require "lfs".currentdir() end }:start())
    local relative = assert(p:result(LONG))
    assert(lfs.chdir(before))
    assert.equal("/tmp", there)
    assert.equal("/proc", relative)
  end)

  each(remote, "finds modules by its owner's path, also where it is elsewhere", function(method)
    local before, path = lfs.currentdir(), package.path
    assert(lfs.chdir(starts.folder))
    package.path = "./?.lua;" .. path
    local p = Process { start_method = method, cwd = "/", target = function()
      return require "tally".name
    end }
    local ok, err = p:start()
    package.path = path
    assert(lfs.chdir(before))
    assert(ok, err)
    assert.equal("tally", assert(p:result(LONG)))
    p:join()
    p:close()
  end)

  each(remote, "shows neither its key nor its body to those who list processes", function(method)
    local p <close> = child.sleeper { start_method = method, authkey = "sesame, open",
      args = { "a word of the body" } }
    for _, name in ipairs { "cmdline", "environ" } do
      local file <close> = assert(io.open(("/proc/%d/%s"):format(p.pid, name)))
      local text = file:read "a"
      assert.is_nil(text:find("sesame", 1, true))
      assert.is_nil(text:find("a word of", 1, true))
    end
  end)

  each(all, "has random numbers of its own", function(method)
    local seen = {}
    for _ = 1, 8 do
      local n = result(method, math.random, 0)
      assert.is_nil(seen[n])
      seen[n] = true
    end
  end)

  each(all, "starts children by any method", function(method)
    for _, other in ipairs(all) do
      assert.equal(method .. " " .. other, result(method, function()
        local q <close> = Process { start_method = other, target = function()
          return billiard.current_process().start_method
        end }
        return billiard.current_process().start_method .. " " .. assert(q:start():result(LONG))
      end))
    end
  end)

  each(all, "is supervised, and started again", function(method)
    local out, err = helper.run(([=[
      local billiard = require "billiard"
      local topology = billiard.topology
      local here, there = billiard.Pipe()
      local site = topology.supervisor { name = "s", intensity = 50,
        topology.group { name = "w", n = 2, start_method = %q, target = function(i)
          there:send { i, billiard.current_process().start_method }
          os.exit(1)
        end } }
      assert(site:start())
      local seen = { 0, 0 }
      while seen[1] < 2 or seen[2] < 2 do
        site:wait(0)
        local message = here:recv(0.01)
        if message then
          assert(message[2] == %q)
          seen[message[1]] = seen[message[1]] + 1
        end
      end
      site:stop()
      print "twice"]=]):format(method, method))
    assert.equal("", err)
    assert.equal("twice\n", out)
  end)

  each(all, "runs its at_exit functions and reports what it raises", function(method)
    local out, err = helper.run(([[
      local billiard = require "billiard"
      local p = billiard.Process { start_method = %q, target = function()
        billiard.at_exit(function() print "first" end)
        billiard.at_exit(function() print "last" end)
        error "boo"
      end }
      print(p:start():join())]]):format(method))
    assert.equal("last\nfirst\ntrue\texit\t1\n", out)
    assert.matches("^Process Process%-1:\n[^\n]*: boo\nstack traceback:\n", err)
  end)

  each(remote, "loads what only a supervisor needs when it asks for that", function(method)
    local function loaded() return package.loaded["billiard.supervisor"] ~= nil end
    assert.same({ false, true, "table" }, result(method, function()
      local before, listed = loaded(), { billiard.now() }
      for name, value in pairs(billiard) do listed[name] = value end
      return { before, loaded(), type(listed.topology) }
    end))
  end)
end)
