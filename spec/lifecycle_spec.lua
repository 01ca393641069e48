-- From a start that cannot be to an end that nobody waited for.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process

-- What a hang must stay under; what is timed takes milliseconds.
local AT_ONCE = 10 * helper.scale

local function at_once(f)
   local began = billiard.now()
   local results = table.pack(f())
   assert.is_true(billiard.now() - began < AT_ONCE)
   return table.unpack(results, 1, results.n)
end

local function write_file(name, text, mode)
   local file <close> = assert(io.open(name, "w"))
   file:write(text)
   file:close()
   assert(os.execute("chmod " .. mode .. " " .. helper.quote(name)))
   return name
end

-- A start that must fail, as a command and through run(), with no child then.
local function refused(code, spec)
   local p = Process(spec)
   local ok, message, got = at_once(function() return p:start() end)
   assert.is_nil(ok)
   assert.equal(code, got)
   assert.equal("string", type(message))
   assert.matches("%(start: %w+%)$", message)
   assert.matches(", initial", tostring(p), 1, true)
   assert.is_nil(p.pid)
   assert.is_nil(next(helper.children()))
   assert.same({}, billiard.active_children())
   p:close()
   return message
end

local function run_refused(code, spec)
   local ok, message, got = at_once(function() return billiard.run(spec) end)
   assert.is_nil(ok)
   assert.equal(code, got)
   assert.equal("string", type(message))
   assert.is_nil(next(helper.children()))
end

describe("a start that cannot be", function()
   helper.guard()

   for _, daemon in ipairs { false, true } do
      for _, stdio in ipairs { "inherit", "pipe" } do
         local function spec(...)
            return { command = { ... }, daemon = daemon, stdin = stdio,
                     stdout = stdio, stderr = stdio }
         end
         local how = (" (daemon = %s, %s)"):format(daemon, stdio)

         it("L01: reports a missing program at once" .. how, function()
            refused("ENOENT", spec "/no/such/program")
            refused("ENOENT", spec "no-such-program-in-the-path")
         end)

         it("L01: reports a directory at once" .. how, function()
            refused("EACCES", spec "/tmp")
         end)

         it("L01: reports a file without permission at once" .. how, function()
            local name = write_file(helper.tmpname(), "#!/bin/sh\n", "0644")
            refused("EACCES", spec(name))
         end)

         it("L01: reports a missing interpreter at once" .. how, function()
            local name = write_file(helper.tmpname(), "#!/no/such\n", "0755")
            refused("ENOENT", spec(name))
         end)
      end
   end

   it("L01: reports the same through run", function()
      run_refused("ENOENT", { "/no/such/program" })
      run_refused("EACCES", { "/tmp", input = "x", timeout = 60 })
      run_refused("ENOENT", { "true", cwd = "/no/such/folder" })
      run_refused("ENOTDIR", { "true", cwd = "/dev/null" })
   end)

   it("L01: names the step that failed", function()
      assert.matches("no such file or directory %(start: exec%)",
         refused("ENOENT", { command = { "/no/such/program" } }))
   end)

   it("L01: reports a missing working directory, target or command", function()
      local spec = { cwd = "/no/such/folder", target = function() end }
      refused("ENOENT", spec)
      refused("ENOENT", { cwd = "/no/such/folder", command = { "true" } })
   end)

   it("L01: reports a descriptor that is not open", function()
      refused("EBADF", { command = { "true" }, stdout = 9999 })
      refused("EBADF", { target = function() end, stdin = 9999 })
   end)

   it("L01: can be tried again", function()
      local name = helper.tmpname()
      os.remove(name)
      local p = Process { command = { name } }
      assert.is_nil(p:start())
      write_file(name, "#!/bin/sh\nexit 3\n", "0755")
      assert.equal(p, p:start())
      assert.same({ true, "exit", 3 }, { p:join() })
      p:close()
   end)

   it("L20: reports an argument that is too long", function()
      refused("E2BIG", { command = { "true", ("x"):rep(200 * 1024) } })
      run_refused("E2BIG", { "true", ("x"):rep(200 * 1024) })
      refused("E2BIG", { command = { "true" },
                         env = { LONG = ("x"):rep(200 * 1024) } })
   end)

   it("L20: takes 200 KB in an argument of a target", function()
      local long = ("x"):rep(200 * 1024)
      local p = assert(Process { args = { long }, target = function(s)
         os.exit(#s == 200 * 1024 and 9 or 1)
      end }:start())
      assert.same({ true, "exit", 9 }, { p:join() })
      p:close()
   end)
end)

describe("waiting for a child to be ready", function()
   helper.guard()

   local function ended_first(p, how, n)
      local ok, message, code = at_once(function()
         return p:wait_ready(3600)
      end)
      assert.is_nil(ok)
      assert.equal("StartError", code)
      assert.equal("StartError", message.code or code)
      assert.same({ true, how, n }, { p:join() })
      p:close()
   end

   it("L02: ends at once when a target exits before", function()
      ended_first(assert(Process { target = function() end }:start()),
         "exit", 0)
   end)

   it("L02: ends at once when a target dies before", function()
      local p = assert(Process { target = function()
         billiard.sleep(3600)
      end }:start())
      assert(p:kill())
      ended_first(p, "signal", 9)
   end)

   it("L02: ends at once when a command exits before", function()
      ended_first(assert(Process { command = { "true" },
                                   ready = { fd = 3 } }:start()), "exit", 0)
   end)

   it("L03: is over at the deadline, and the child can be ended", function()
      for _, spec in ipairs { { target = function() billiard.sleep(3600) end },
                              { command = { "sleep", "3600" },
                                ready = { fd = 3 } } } do
         local p <close> = assert(Process(spec):start())
         assert.same({ n = 3, nil, "timeout", "timeout" },
            table.pack(p:wait_ready(0.05)))
         assert.is_true(p:is_alive())
      end
      assert.same({}, billiard.active_children())
   end)

   it("L04: ends at once when a command closes its ready fd and lives on",
      function()
         local p = assert(Process { ready = { fd = 3 },
            command = { "sh", "-c", "exec 3>&-; exec sleep 3600" } }:start())
         local ok, _, code = at_once(function() return p:wait_ready(3600) end)
         assert.is_nil(ok)
         assert.is_true(code == "closed" or code == "StartError")
         assert.is_true(p:is_alive())
         assert.same({ true, "signal", 15 }, { p:stop() })
         p:close()
      end)

   it("L04: does not keep a child that closed everything from ending",
      function()
         local p = assert(Process { daemon = true,
            command = { "sh", "-c",
               "for i in 0 1 2 3 4 5 6 7 8 9; do eval \"exec $i>&-\"; done;" ..
               "exec sleep 3600" } }:start())
         assert.is_true(p:is_alive())
         assert.same({ true, "signal", 15 }, { p:stop() })
         p:close()
      end)
end)

describe("a number that is somebody else's by now", function()
   helper.guard()
   local faults = kit.faults()

   -- An innocent child of this process with the number of the ended p.
   local function innocent(p)
      local pid, message = faults.recycle(p.pid)
      if not pid then
         pending("cannot have a number again: " .. tostring(message))
      end
      assert.equal(p.pid, pid)
      return pid
   end

   local function use_all(p)
      assert.is_true(p:kill())
      assert.is_true(p:terminate())
      assert.is_true(p:interrupt())
      assert.is_true(p:send_signal "KILL")
      assert.is_true(p:terminate_controlled(0))
      assert.is_true((p:stop { { "KILL" } }))
   end

   local function spared(pid)
      assert.matches("^[SR]$", (helper.proc_state(pid)))
      assert(faults.kill(pid, 9))
      assert.equal(pid, faults.waitpid(pid))
   end

   it("L07: gets no signal after the join", function()
      local p = assert(Process { target = function() end }:start())
      assert.same({ true, "exit", 0 }, { p:join() })
      local pid = innocent(p)
      use_all(p)
      spared(pid)
      assert.same({ true, "exit", 0 }, { p:join() })
      p:close()
   end)

   for _, kind in ipairs { "target", "command" } do
      it("L07: gets no signal after a stranger reaped a " .. kind, function()
         local p = assert(Process { [kind] = kind == "command" and { "true" }
            or function() end, start_method = helper.own_method }:start())
         assert.equal(p.pid, faults.waitpid(p.pid))
         local pid = innocent(p)
         use_all(p)
         spared(pid)
         assert.is_true((p:join(0)))
         p:close()
      end)
   end
end)

describe("an exit status", function()
   helper.guard()

   local function status_of(f, ...)
      local p = assert(Process { target = f, args = { ... } }:start())
      local ended, how, n = p:join()
      assert.is_true(ended)
      assert.equal("exit", how)
      assert.equal(n, p.exitcode)
      p:close()
      return n
   end

   it("L08: is modulo 256 for os.exit, as in Lua", function()
      for given, wanted in pairs { [0] = 0, [1] = 1, [255] = 255, [256] = 0,
                                   [300] = 44, [-1] = 255, [-256] = 0 } do
         assert.equal(wanted, status_of(os.exit, given))
      end
      assert.equal(0, status_of(os.exit, true))
      assert.equal(1, status_of(os.exit, false))
      assert.equal(0, status_of(os.exit))
   end)

   it("L08: is 0 to 255 for billiard.exit, which raises for others", function()
      for _, n in ipairs { 0, 1, 255 } do
         assert.equal(n, status_of(billiard.exit, n))
      end
      for _, n in ipairs { 256, -1, 1.5, math.huge, 2 ^ 53 } do
         kit.raises(function() billiard.exit(n) end)
      end
      kit.raises(function() billiard.exit(256) end, "0 to 255")
      kit.raises(function() billiard.exit {} end, "exit")
   end)
end)

describe("a process that does not die", function()
   helper.guard()
   local faults = kit.faults()

   it("L16: is reported as unkillable, and others are stopped", function()
      local function start()
         return assert(Process { command = { "sleep", "3600" } }:start())
      end
      local held, other = start(), start()
      local tracer, message = faults.hold_when_dead(held.pid)
      if not tracer then
         held:stop()
         other:stop()
         pending("cannot trace here: " .. tostring(message))
      end
      local began = billiard.now()
      local ok, text, code = held:stop { { "WAIT", 0.01 }, { "KILL" } }
      assert.is_true(billiard.now() - began < 60 * helper.scale)
      assert.same({ true, "signal", 15 }, { other:stop() })
      assert(faults.kill(tracer, 9))
      assert.equal(tracer, faults.waitpid(tracer))
      assert.same({ true, "signal", 9 }, { held:join() })
      assert.is_nil(ok)
      assert.equal("string", type(text))
      assert.equal("unkillable", code)
      held:close()
      other:close()
   end)
end)

-- Says "at_exit" when the owner's end begins.
local family = [[
   local name = os.tmpname()
   billiard.at_exit(function() say "at_exit" os.remove(name) end)
   for _ = 1, 3 do
      assert(Process{ daemon = true, target = function()
         while true do billiard.sleep(3600) end end }:start())
      assert(Process{ daemon = true, command = { "sleep", "3600" } }:start())
   end
   assert(Process{ target = function()
      eventually(function() return not io.open(name) end)
      billiard.sleep(0.1)
      say "joined"
   end }:start()) ]]

describe("an owner that ends without a join", function()
   helper.guard()
   kit.faults()

   for text, status in pairs { [""] = 0, ["os.exit(3)"] = 3,
                               ["os.exit(3, true)"] = 3,
                               ["error 'no'"] = 1, ["billiard.exit(3)"] = 3,
                               ["coroutine.wrap(os.exit)(3)"] = 3 } do
      it("L19: ends daemons and joins the others: " .. text, function()
         local owner <close> = kit.owner(family .. text)
         assert.equal(status, owner:status())
         assert.same({}, owner:family())
         assert.same({ "pid " .. owner.pid, "at_exit", "joined" },
            owner:lines())
      end)
   end

   it("L19: ends daemons by TERM, and by KILL those that stay", function()
      local owner <close> = kit.owner [[
         local function daemon(what)
            local p = assert(Process{ daemon = true, ready = { fd = 3 },
               command = { "sh", "-c", "trap '" .. what .. "' TERM; " ..
                  "echo >&3; while :; do sleep 0.01; done" } }:start())
            assert(p:wait_ready(20))
         end
         daemon "echo asked; exit"
         daemon "echo deaf"]]
      assert.equal(0, owner:status())
      owner:all_gone() -- the shells' own children too
      local lines = owner:lines()
      table.sort(lines)
      assert.same({ "asked", "deaf", "pid " .. owner.pid }, lines)
   end)

   for signal, number in pairs { INT = 2, TERM = 15 } do
      it(("L19: is ended by SIG%s while it joins, and so are its children")
         :format(signal), function()
         local owner <close> = kit.owner [[
            assert(Process{ target = function()
               while true do billiard.sleep(3600) end end }:start())
            assert(Process{ command = { "sleep", "3600" } }:start())
            billiard.at_exit(function() say "at_exit" end)]]
         owner:expect "^at_exit$"
         owner:sleeps()
         owner:has(3)
         owner:kill(signal)
         assert.equal(-number, owner:status())
         assert.same({}, owner:family())
      end)
   end
end)
