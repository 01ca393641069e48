-- How a start method is chosen, and what runs the children.

local billiard = require "billiard"
local core = require "billiard.core"
local helper = require "spec.helper"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local all <const>, remote <const> = starts.all, starts.remote
local each = starts.each(it)
local result, with_path, failure = starts.result, starts.with_path, starts.failure

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
      assert.equal(billiard.now, context.now)
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
      return { context.get_start_method(), context == billiard.get_context "spawn" }
    end))
  end)
end)

describe("what runs the children, unless chosen,", function()
  helper.guard()

  -- What a script says that runs in a copy of plain Lua under that name, with a
  -- copy of the module that stands beside no host.
  local function alone(name, method)
    local folder <close> = helper.tmpdir()
    os.execute(("cp $(command -v lua5.4) %s/%s && mkdir %s/billiard && cp %s %s/billiard")
      :format(folder.path, name, folder.path, helper.quote(helper.core), folder.path))
    return helper.run(([[
      local billiard = require "billiard"
      local p = billiard.Process { start_method = %q, target = function()
        return require "lfs".symlinkattributes("/proc/self/exe", "target")
      end }
      local ok, err, code = p:start()
      if not ok then return print(code, err) end
      print((p:result()))
      p:join()]]):format(method), { interpreter = folder.path .. "/" .. name,
      env = { LUA_CPATH = folder.path .. "/?.so;;" } })
  end

  it("is the host, where the module was built beside one, else the interpreter", function()
    if helper.asan then return pending "plain Lua cannot load a module built with ASan" end
    for _, method in ipairs(remote) do
      assert.matches("/lua5%.4\n$", (alone("lua5.4", method)))
      assert.equal(helper.host, result(method, function()
        return require "lfs".symlinkattributes("/proc/self/exe", "target")
      end))
    end
  end)

  it("is told, where it cannot be known", function()
    if helper.asan then return pending "plain Lua cannot load a module built with ASan" end
    for _, method in ipairs(remote) do
      local out, err = alone("frob", method)
      assert.equal("", err)
      assert.matches("^StartError\t.*set_executable%(path%)", out)
    end
  end)
end)

describe("set_executable", function()
  helper.guard()
  local settings = require "billiard.context".settings
  after_each(function() settings.executable = nil end)

  it("names what runs the children: a host or a Lua interpreter", function()
    for _, method in ipairs(remote) do
      for _, program in ipairs(helper.asan and { helper.host } or { helper.host, "lua5.4" }) do
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
    local program <close> = kit.program(starts.folder .. "/main.c")
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

  it("is not needed for this library", function()
    assert.is_true(result("forkserver", function()
      return package.loaded["billiard"] ~= nil
    end))
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
