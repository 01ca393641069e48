-- Start methods: how one is chosen, and that a child is the same by all.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local core = require "billiard.core"
local helper = require "spec.helper"
local lfs = require "lfs"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local all <const> = { "fork", "forkserver", "spawn" }
local remote <const> = { "forkserver", "spawn" }

helper.wants_zygote = true

local folder = helper.root .. "/spec/fixtures/start"

-- One test for each of the methods, which the body gets.
local function each(methods, name, body)
  for _, method in ipairs(methods) do
    it(name .. " by " .. method, function() body(method) end)
  end
end

-- What a target returns in a child of that method.
local function result(method, target, ...)
  local p <close> = assert(Process { target = target, args = { ... },
    start_method = method }:start())
  return assert(p:result(LONG))
end

-- The Error of a Process that must fail, told at once and not on stderr.
local function failure(spec)
  spec.stderr = "null"
  local p <close> = assert(Process(spec):start())
  assert(p:join(LONG))
  return assert(p.error)
end

local function with_path(f)
  local before = package.path
  package.path = folder .. "/?.lua;" .. before
  local ok, err = pcall(f)
  package.path = before
  if not ok then error(err, 0) end
end

describe("the start method", function()
  helper.guard()
  after_each(function() billiard.set_start_method(helper.method, true) end)

  it("is one of three, fork unless chosen", function()
    assert.same(all, billiard.get_all_start_methods())
    assert.equal("fork\n", (helper.run [[
      print(require "billiard".get_start_method())]]))
  end)

  it("is chosen once, or by force", function()
    assert.equal("spawn\nfalse\nspawn\nfork\n", (helper.run [[
      local billiard = require "billiard"
      billiard.set_start_method "spawn"
      print(billiard.get_start_method())
      print((pcall(billiard.set_start_method, "fork")))
      print(billiard.get_start_method())
      billiard.set_start_method("fork", true)
      print(billiard.get_start_method())]]))
  end)

  it("is that of a Process from when it is built", function()
    billiard.set_start_method("spawn", true)
    local p <close> = Process { target = function() end }
    billiard.set_start_method("fork", true)
    assert.equal("spawn", p.start_method)
    assert.equal("fork", Process {}.start_method)
    assert.equal("forkserver", Process { start_method = "forkserver" }.start_method)
    assert.is_nil(Process { command = { "true" } }.start_method)
  end)

  it("is no other name", function()
    for _, bad in ipairs { "Fork", "", 1, true, {} } do
      local ok, err = pcall(billiard.set_start_method, bad, true)
      assert.is_false(ok)
      assert.matches("fork.*forkserver.*spawn", err)
      assert.has_error(function() billiard.get_context(bad) end)
      assert.has_error(function() Process { start_method = bad } end)
    end
  end)

  each(remote, "goes on in the children", function(method)
    billiard.set_start_method(method, true)
    assert.same({ method, method }, result(method, function()
      return { billiard.get_start_method(), billiard.current_process().start_method }
    end))
  end)
end)

describe("a context", function()
  helper.guard()

  it("is the library, bound to a method", function()
    for _, method in ipairs(all) do
      local context = billiard.get_context(method)
      assert.equal(method, context.get_start_method())
      assert.equal(method, context.Process {}.start_method)
      assert.equal(billiard.sleep, context.sleep)
      assert.equal(context, billiard.get_context(method))
      assert.has_error(function() context.set_start_method "fork" end)
    end
  end)

  it("without a name has the default of now", function()
    assert.equal(billiard.get_start_method(), billiard.get_context().get_start_method())
  end)

  it("names its processes as ever, and gives its method to subclasses", function()
    local context = billiard.get_context "spawn"
    local W = context.Process:extend "W"
    assert.matches("^Process%-%d+$", context.Process {}.name)
    assert.matches("^W%-%d+$", W {}.name)
    assert.equal("spawn", W {}.start_method)
    assert.equal("fork", W { start_method = "fork" }.start_method)
    assert.matches("^<W%(W%-%d+, initial%)>$", tostring(W {}))
  end)

  it("travels as a context of the receiver's", function()
    local context = billiard.get_context "spawn"
    assert.same({ "spawn", true }, result("spawn", function()
      local billiard = require "billiard"
      return { context.get_start_method(), context == billiard.get_context "spawn" }
    end))
  end)
end)

describe("a target", function()
  helper.guard()

  each(all, "shares what its upvalues share", function(method)
    local n, t = 0, { name = "t" }
    t.self = t
    local function count() n = n + 1 end
    assert.same({ 2, true, true }, result(method, function(same)
      count()
      count()
      return { n, t.self == t, rawequal(same, t) }
    end, t))
    assert.equal(0, n)
  end)

  each(all, "may close over a table with a connection, a function and itself", function(method)
    local here <close>, there = billiard.Pipe()
    local t = { connection = there, n = 1 }
    t.self = t
    function t.add(x)
      t.n = t.n + x
      t.connection:send { t.n, t.self == t, t.self.add == t.add }
      return t.connection:recv(LONG)
    end
    local p <close> = assert(Process { start_method = method, target = function()
      return t.add(41)
    end }:start())
    there:close()
    assert.same({ 42, true, true }, assert(here:recv(LONG)))
    assert(here:send "and back")
    assert.equal("and back", assert(p:result(LONG)))
    assert.equal(1, t.n)
  end)

  each(all, "U06: is a closure, a method, a callable, a C function by its name", function(method)
    local got = {}
    local Counter = { __name = "spec.Counter" .. method }
    Counter.__index = Counter
    Counter.__call = function(self, x) return self.n + x end
    billiard.register(Counter)
    local counter = setmetatable({ n = 5 }, Counter)
    function Counter:add(x) return self.n + x end
    got[1] = result(method, counter.add, counter, 1)
    got[2] = result(method, counter, 2)
    got[3] = result(method, math.max, 3, 8)
    got[4] = result(method, string.rep, "x", 9)
    assert.same({ 6, 7, 8, "xxxxxxxxx" }, got)
  end)

  each(remote, "U06: that cannot travel is refused with its path", function(method)
    local n = helper.fds()
    for _, row in ipairs {
      { "args[2].x: userdata", { target = print, args = { 1, { x = io.stdout } } } },
      { "kwargs.co: thread", { target = print, kwargs = { co = coroutine.create(print) } } },
      { "fields.f: ", { target = print, fields = { f = io.stdout } } },
      { "target<upvalue n>", { target = (function()
        local n = io.stderr
        return function() return n end
      end)() } },
      { "target: C function", { target = coroutine.wrap(print) } } } do
      row[2].start_method = method
      local p = Process(row[2])
      local ok, err = pcall(function() p:start() end)
      assert.is_false(ok)
      assert.equal("unsendable", err.code)
      assert.matches(row[1], tostring(err), 1, true)
      assert.matches("startmethod_spec.lua:%d+: ", tostring(err))
      assert.matches("initial", tostring(p), 1, true)
      p:close()
    end
    assert.equal(n, (helper.fds()))
  end)

  each(remote, "meets an error where it reads a global that only its parent has", function(method)
    rawset(_G, "only_the_parents", 1)
    local err = failure { start_method = method, target = load [[
      absent = absent and 1
      return only_the_parents]] }
    local value = result(method, load [[only_the_parents = 7; return only_the_parents]])
    rawset(_G, "only_the_parents", nil)
    assert.matches("global 'only_the_parents' exists only in the process that started", err.message)
    assert.equal(7, value)
  end)

  it("may be a function of the main script, in the host and in plain Lua", function()
    local script = [[
      local billiard = require "billiard"
      local function double(x) return 2 * x end
      local function main_function(x) return double(x) + #arg end
      for _, method in ipairs { "spawn", "forkserver" } do
        local p = billiard.Process { target = main_function, args = { 20 }, start_method = method }
        print(p:start():result())
        p:join()
      end]]
    for _, interpreter in ipairs { "host", "lua" } do
      local out, err, code = helper.run(script, { interpreter = interpreter, args = { "a", "b" } })
      assert.equal("", err)
      assert.equal(0, code)
      assert.equal("42\n42\n", out)
    end
  end)

  each(all, "U11: that recurses for ever or takes all memory fails, and no other", function(method)
    local function deeper(x) return 1 + deeper(x) end
    local err = failure { start_method = method, target = deeper, args = { 1 } }
    assert.matches("stack overflow", err.message)
    if helper.asan then return end
    err = failure { start_method = method, limits = { as = 300 << 20 }, target = function()
      local s = "x"
      while true do s = s .. s end
    end }
    assert.matches("not enough memory", err.message)
  end)
end)

describe("a module", function()
  helper.guard()

  each(remote, "held in an upvalue is the child's own", function(method)
    with_path(function()
      local tally = require "tally"
      tally.count = 10
      assert.same({ 1, true }, result(method, function()
        tally.add()
        return { tally.count, tally == require "tally" }
      end))
      assert.equal(10, tally.count)
      package.loaded.tally = nil
    end)
  end)

  each(remote, "U07: missing in the child is told with the child's message, at once", function(method)
    local ghost = { f = function() end }
    package.loaded["spec.ghost"] = ghost
    local err = failure { start_method = method, target = function() ghost.f() end }
    package.loaded["spec.ghost"] = nil
    assert.equal("load_failed", err.code)
    assert.matches("module 'spec.ghost' not found", err.message)
  end)

  each(remote, "U07: that fails in the child is told with its error", function(method)
    with_path(function()
      local moody = require "moody"
      local err = failure { start_method = method, env = { MOODY = "1" },
        target = function() return moody end }
      package.loaded.moody = nil
      assert.equal("load_failed", err.code)
      assert.matches("moody.lua:%d+: not today", err.message)
    end)
  end)

  each(remote, "that starts a process as it is loaded is an error, and no bomb", function(method)
    with_path(function()
      local before = require "billiard".get_start_method()
      billiard.set_start_method(method, true)
      local bomb = require "bomb" -- its own child has gone by now
      local err = failure { target = function() return bomb end }
      billiard.set_start_method(before, true)
      package.loaded.bomb = nil
      assert.equal("load_failed", err.code)
      assert.matches("bomb.lua:%d+: start: a module that is loaded for a child", err.message)
    end)
  end)
end)

describe("types", function()
  helper.guard()

  each(remote, "that the main script registered are there in its children", function(method)
    local Vec = { __name = "spec.Vec." .. method }
    Vec.__index = Vec
    function Vec:len() return #self end
    billiard.register(Vec)
    local got = result(method, function(v)
      return setmetatable({ v:len(), getmetatable(v) == Vec, v.inner:len() }, Vec)
    end, setmetatable({ 1, 2, 3, inner = setmetatable({ 1 }, Vec) }, Vec))
    assert.equal(Vec, getmetatable(got))
    assert.same({ 3, true, 1 }, { got[1], got[2], got[3] })
  end)

  each(remote, "that a module registers are the module's in the child", function(method)
    with_path(function()
      local point = require "point"
      assert.same({ 7, true }, result(method, function(p)
        local point = require "point"
        return { point.new(3, 4):sum(), getmetatable(p):is_module() }
      end, point.new(1, 2)))
    end)
  end)
end)

describe("a child", function()
  helper.guard()

  each(all, "has its name, number, key and daemon flag, and its children number on", function(method)
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
      local lfs, kinds = require "lfs", {}
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
      local lfs, pipes = require "lfs", 0
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
    assert(lfs.chdir(folder))
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
end)

describe("set_executable", function()
  helper.guard()
  local settings = require "billiard.context".settings
  after_each(function() settings.executable = nil end)

  it("names what runs the children: a host or a Lua interpreter", function()
    for _, method in ipairs(remote) do
      for _, program in ipairs { helper.host, "lua5.4" } do
        billiard.set_executable(program)
        local exe = result(method, function()
          return require "lfs".symlinkattributes("/proc/self/exe", "target")
        end)
        assert.equal(program:match "[^/]*$", exe:match "[^/]*$")
      end
    end
  end)

  it("makes a start fail where it names no such program", function()
    billiard.set_executable "/nonexistent"
    for _, method in ipairs(remote) do
      local ok, err, code = Process { target = print, start_method = method }:start()
      assert.is_nil(ok)
      assert.equal("ENOENT", code)
      assert.matches("(start: exec)", err, 1, true)
    end
    billiard.set_executable "/bin/true"
    assert.equal("StartError", failure { target = print, start_method = "spawn" }.code)
    assert.equal("StartError",
      (select(3, Process { target = print, start_method = "forkserver" }:start())))
  end)

  it("takes a path and nothing else", function()
    for _, bad in ipairs { "", 1, false, "a\0b" } do
      assert.has_error(function() billiard.set_executable(bad) end)
    end
  end)

  it("may name a program of one's own that calls bl_child_main", function()
    if helper.asan then return pending "the program is not built with ASan" end
    local kit = require "spec.fixtures.faults.kit"
    local program <close> = kit.program(folder .. "/main.c")
    local out, err, code = helper.run([[
      local billiard = require "billiard"
      billiard.set_executable "/proc/self/exe"
      for _, method in ipairs { "spawn", "forkserver" } do
        local p = billiard.Process { start_method = method, args = { 20 }, target = function(x)
          return x + 22 + #arg
        end }
        print(assert(p:start()):result())
        p:join()
      end]], { interpreter = program.path, env = kit.env() })
    assert.equal("", err)
    assert.equal("42\n42\n", out)
    assert.equal(0, code)
  end)
end)

describe("set_forkserver_preload", function()
  helper.guard()
  after_each(function() billiard.set_forkserver_preload {} end)

  it("loads modules once, for all children", function()
    with_path(function()
      billiard.set_forkserver_preload { "tally" }
      local pids = {}
      for i = 1, 3 do
        pids[i] = result("forkserver", function()
          return { require "tally".pid, billiard.current_process().pid }
        end)
      end
      assert.equal(core.zygote(), pids[1][1])
      for i = 1, 3 do
        assert.equal(pids[1][1], pids[i][1])
        assert.not_equal(pids[i][1], pids[i][2])
      end
    end)
  end)

  it("makes starts fail with what a module says, until there is another list", function()
    with_path(function()
      billiard.set_forkserver_preload { "tally", "broken" }
      for _ = 1, 2 do
        local ok, err, code = Process { target = print, start_method = "forkserver" }:start()
        assert.is_nil(ok)
        assert.equal("load_failed", code)
        assert.matches("module 'broken' cannot be preloaded: .*broken.lua:%d+: on purpose", err)
        assert.matches("(start: preload)", err, 1, true)
      end
      billiard.set_forkserver_preload { "tally" }
      assert.is_true(result("forkserver", function()
        return package.loaded.tally ~= nil
      end))
    end)
  end)

  it("takes a list of names and nothing else", function()
    for _, bad in ipairs { "tally", 1, { 1 }, { {} } } do
      assert.has_error(function() billiard.set_forkserver_preload(bad) end)
    end
  end)
end)
