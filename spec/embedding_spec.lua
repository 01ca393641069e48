-- Hosts: with threads, without memory, with handlers, daemons, process 1.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local CHLD <const> = 17
local nothing = function() end

local function embed(mode, what)
   local why = kit.unembeddable()
   if why then
      pending(why)
   end
   return kit.embed(mode, what)
end

describe("a start beside other threads", function()
   helper.guard()
   local faults = kit.faults()

   it("U01: is refused with advice, unless threads are allowed", function()
      assert(faults.thread_start())
      local p = Process { target = nothing }
      local ok, message, code = p:start()
      local q = assert(Process { target = nothing,
                                 allow_threads = true }:start())
      local ended = table.pack(q:join())
      local result = billiard.run { "true" }
      assert(faults.thread_stop())
      q:close()
      assert.is_nil(ok)
      assert.equal("refused", code)
      assert.matches("thread.*command.*allow_threads = true", message)
      assert.same({ true, "exit", 0, n = 3 }, ended)
      assert.equal(0, result.exitcode)
      assert.equal(p, p:start())
      assert.is_true((p:join()))
      p:close()
   end)
end)

describe("a program with two interpreters in two threads", function()
   helper.guard()
   kit.faults()

   it("H01: has two libraries that know nothing of each other", function()
      local out, err, status = embed("threads", kit.script [[
         local billiard = require "billiard"
         local Process = billiard.Process
         local list = {}
         for i = 1, 40 do
            local n = index * 100 + i
            local p = i % 2 == 0 and Process{ command = {
               "sh", "-c", "exit " .. n % 256 }, name = "N" .. n }
               or Process{ target = os.exit, args = { n }, name = "N" .. n,
                           allow_threads = true, daemon = i % 3 == 0 }
            list[i] = { assert(p:start()), n % 256 }
            local r = billiard.run{ "echo", tostring(n) }
            assert(r.stdout == n .. "\n", r.stdout)
            assert(#billiard.active_children() <= i)
         end
         for i, row in ipairs(list) do
            local ended, how, code = row[1]:join(60)
            assert(ended and how == "exit" and code == row[2], code)
            assert(row[1].name == "N" .. index * 100 + i)
            row[1]:close()
         end
         assert(#billiard.active_children() == 0)]])
      assert.equal("", err)
      assert.equal("children none\n", out)
      assert.equal(0, status)
   end)

   it("H01: ends in each interpreter the children of that one", function()
      local out, err, status = embed("threads", kit.script [[
         local billiard = require "billiard"
         for i = 1, 5 do
            assert(billiard.Process{ daemon = true,
               command = { "sleep", "3600" } }:start())
            assert(billiard.Process{ command = { "true" } }:start())
         end]])
      assert.equal("", err)
      assert.equal("children none\n", out)
      assert.equal(0, status)
   end)
end)

describe("a program whose interpreters come and go", function()
   helper.guard()
   kit.faults()

   for kind, spec in pairs { target = "target = os.exit",
                             command = "command = { 'true' }" } do
      it("H01: loses no descriptor, with a " .. kind, function()
         local out, err, status = embed("again", kit.script([[
            local billiard = require "billiard"
            local p = billiard.Process{ ]] .. spec .. [[ }
            assert(p:start() and p:join())
            p:close()]]))
         assert.equal("", err)
         assert.equal(0, status)
         local before, after = out:match "before ([^\n]*)\nafter ([^\n]*)\n"
         assert.is_string(before)
         assert.equal(before, after)
      end)
   end
end)

describe("a module that is loaded and unloaded", function()
   helper.guard()
   kit.faults()

   for _, mode in ipairs { "unused", "opened" } do
      it(("H02: and %s leaves nothing in its host"):format(mode), function()
         local out, err, status = embed(mode, tostring(kit.core()))
         assert.equal("", err)
         assert.equal(0, status)
         local before, after = out:match "before ([^\n]*)\nafter ([^\n]*)\n"
         assert.equal(before, after)
         assert.matches("child 5\n$", out)
      end)
   end
end)

describe("a host that forks by itself", function()
   helper.guard()
   local faults = kit.faults()

   it("H04: has handles that are foreign there, and new ones work", function()
      local p <close> = assert(Process { target = function()
         while true do billiard.sleep(3600) end
      end, daemon = true }:start())
      local owner = tostring(helper.pid())
      local pid = faults.fork()
      if pid == 0 then
         local ok = pcall(function()
            kit.raises(function() p:join(0) end, "belongs to process", owner)
            assert(#billiard.active_children() == 0)
            local q = assert(Process { target = os.exit,
                                       args = { 6 } }:start())
            assert(select(3, q:join()) == 6)
            q:close()
            assert(billiard.current_process().pid == helper.pid())
            assert(billiard.run({ "true" }).exitcode == 0)
         end)
         faults.exit(ok and 0 or 1)
      end
      local q = assert(Process { target = nothing }:start())
      assert.is_true((q:join()))
      q:close()
      assert.same({ pid, 0 }, { faults.waitpid(pid) })
      assert.is_true(p:is_alive())
   end)

   it("H04: daemonises after init, and has daemons then", function()
      local owner <close> = kit.owner [[
         local p = assert(Process{ target = function()
            billiard.sleep(3600) end, daemon = true }:start())
         local first = faults.fork()
         if first > 0 then
            faults.waitpid(first)
            os.exit(0)
         end
         if faults.fork() > 0 then faults.exit(0) end
         local ok, message = pcall(p.is_alive, p)
         say(tostring(ok), tostring(message:find "belongs to process" ~= nil))
         local q = assert(Process{ daemon = true, target = function()
            billiard.ready()
            while true do end
         end }:start())
         assert(q:wait_ready(20))
         say("daemon", me(), q.pid)
         while true do billiard.sleep(3600) end]]
      local daemon, child = owner:expect "^daemon (%d+) (%d+)$"
      owner:expect "^false true$"
      assert.equal(0, owner:status())
      local left = owner:family()
      table.sort(left)
      local wanted = { tonumber(daemon), tonumber(child) }
      table.sort(wanted)
      assert.same(wanted, left)
      assert(faults.kill(tonumber(daemon), 9))
      owner:all_gone()
   end)
end)

describe("a host that is process 1", function()
   helper.guard()

   it("H05: reaps what falls to it", function()
      local script = kit.script [[
         local billiard = require "billiard"
         local function zombies()
            local p = io.popen "cat /proc/[0-9]*/stat 2>/dev/null"
            local text = p:read "a"
            p:close()
            return select(2, text:gsub("%) Z ", ""))
         end
         for _ = 1, 20 do
            billiard.run{ "sh", "-c", "(sleep 0.01; exit 3) & exit 4" }
         end
         local p = billiard.Process{ target = os.exit, args = { 6 } }:start()
         billiard.sleep(0.1)
         assert(select(3, p:join()) == 6)
         local deadline = billiard.now() + 20
         while zombies() > 0 do
            assert(billiard.now() < deadline, "zombies: " .. zombies())
            billiard.sleep(0.01)
         end
         print "clean"]]
      local result = assert(billiard.run { "unshare", "-pf", "--mount-proc",
         helper.host, script, timeout = 120 * helper.scale })
      if result.stderr:find "^unshare: " then
         pending(result.stderr)
      end
      assert.equal("", result.stderr)
      assert.equal("clean\n", result.stdout)
   end)
end)

describe("a host that changes itself", function()
   helper.guard()
   kit.faults()

   it("H07: has children as they were described", function()
      local out, err = kit.run [[
         local lfs = require "lfs"
         local here = lfs.currentdir()
         local p = Process{ cwd = "/", umask = 63, stdout = "pipe",
            env = { A = "b", PATH = os.getenv "PATH" },
            command = { "sh", "-c", "pwd; umask; echo $A$C" } }
         assert(lfs.chdir "/tmp")
         assert(os.setlocale "C")
         assert(faults.rlimit("nofile", 100))
         assert(p:start())
         io.write(p.stdout:read "a")
         p:join()
         assert(lfs.currentdir() == "/tmp")
         io.write(billiard.run{ "sh", "-c", "pwd; umask" }.stdout)
         io.write(billiard.run{ "sh", "-c", "ulimit -n" }.stdout)]]
      assert.equal("", err)
      local umask = billiard.run({ "sh", "-c", "umask" }).stdout
      assert.equal("/\n0077\nb\n/tmp\n" .. umask .. "100\n", out)
   end)
end)

describe("a host that leaves by exit()", function()
   helper.guard()
   kit.faults()

   local text = [[
      for _ = 1, 3 do
         assert(Process{ daemon = true,
                         command = { "sleep", "3600" } }:start())
      end
      local p = assert(Process{ daemon = true, target = function()
         while true do end end }:start())
      %s
      say "waiting"
      p:join()
      say "joined"]]

   it("H08: in a thread during our wait comes to its end", function()
      local owner <close> = kit.owner(text:format "faults.exit_in_thread()")
      assert.equal(7, owner:status())
      owner:all_gone()
   end)

   it("H08: in a signal handler during our wait comes to its end", function()
      local owner <close> = kit.owner(text:format "faults.on(15, 'exit')")
      owner:expect "^waiting$"
      owner:sleeps()
      owner:kill "TERM"
      assert.equal(7, owner:status())
      owner:all_gone()
   end)
end)

describe("a host without memory", function()
   helper.guard()
   kit.faults()

   it("H12: loses no descriptor and no child", function()
      local out, err, status = embed("starve", kit.script [[
         local billiard = require "billiard"
         return function()
            local p = billiard.Process{ command = { "cat" }, daemon = true,
               stdin = "pipe", stdout = "pipe", env = { A = "b" } }
            local q = billiard.Process{ target = string.rep,
               args = { "x", 10 }, name = "N", stderr = "null" }
            assert(p:start())
            assert(q:start())
            p.stdin:close()
            local r = billiard.run{ "echo", "x", input = "y" }
            p.stdout:read "a"
            assert(q:join() and p:join())
            p.stdout:close()
            p:close() q:close()
         end]])
      assert.equal("", err)
      assert.matches("^enough at %d+\n$", out)
      assert.equal(0, status)
   end)

   it("H12: loses no buffer of a message", function()
      local out, err, status = embed("starve", kit.script [[
         local billiard = require "billiard"
         local pack, unpack = billiard.pack, billiard.unpack
         local mt = billiard.register{ __name = "T",
            __pack = function(o) return pack(o[1]) end,
            __unpack = function(s) return { unpack(s) } end }
         local large, list = ("x"):rep(70000), {}
         for i = 1, 100 do list[i] = { i, list, string.format } end
         return function()
            local n = 0
            local function f() n = n + 1 return n, f end
            local value = { large, list, f, setmetatable({ large }, mt) }
            local bytes = pack(value, "down")
            assert(unpack(bytes, "down"))
            assert(not pcall(pack, { large, io.stdout }))
         end]])
      assert.equal("", err)
      assert.matches("^enough at %d+\n$", out)
      assert.equal(0, status)
   end)
end)

describe("a host that owns SIGCHLD", function()
   helper.guard()
   local faults = kit.faults()

   after_each(function() faults.on(CHLD, "default") end)

   it("H09: may reap in its handler; all ends are seen", function()
      faults.on(CHLD, "reap")
      local list = {}
      for i = 1, 30 do
         list[i] = assert(Process { target = os.exit, args = { i } }:start())
      end
      for i, p in ipairs(list) do
         local ended, how, n = p:join(20 * helper.scale)
         assert.is_true(ended)
         assert.is_true(how == "unknown" or how == "exit" and n == i)
         p:close()
      end
   end)

   it("H09: is luv: its processes and ours both end", function()
      local out, err = kit.run [[
         local uv = require "luv"
         local handle
         handle = uv.spawn("sh", { args = { "-c", "exit 5" } }, function(n)
            say("theirs", n)
            handle:close()
         end)
         local p = assert(Process{ target = os.exit, args = { 6 } }:start())
         uv.run()
         say("ours", select(2, p:join()))]]
      assert.equal("", err)
      assert.equal("theirs 5\nours exit 6\n", out)
   end)
end)
