-- The fork server on bad days: killed, stopped, flooded, orphaned.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local core = require "billiard.core"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local TERM <const>, KILL <const>, STOP <const>, CONT <const> = 15, 9, 19, 18

helper.wants_zygote = true

local function forked(spec)
   spec.start_method = "forkserver"
   return Process(spec)
end

-- Ends when it is told, with status 7.
local function until_told()
   return assert(forked { stdin = "pipe", target = function()
      io.read()
      os.exit(7)
   end }:start())
end

local function works()
   local p <close> = assert(forked { target = function() return 42 end }:start())
   assert.equal(42, assert(p:result(LONG)))
   assert.same({ true, "exit", 0 }, { p:join(LONG) })
end

describe("a zygote", function()
   helper.guard()
   local faults = kit.faults()

   it("is the parent of its children, and told by its name", function()
      local p <close> = until_told()
      local _, parent = helper.proc_state(p.pid)
      assert.equal(core.zygote(), parent)
      local function name_of(pid)
         local file <close> = assert(io.open(("/proc/%d/comm"):format(pid)))
         return file:read "l"
      end
      assert.equal("billiard-zygote", name_of(parent))
      helper.eventually(function() return name_of(p.pid) ~= "billiard-zygote" end)
   end)

   it("serves all starts, and leaves no zombie of a child nobody joins", function()
      local before, pids = core.zygote(), {}
      for i = 1, 20 do
         pids[i] = assert(forked { target = function() end }:start()).pid
      end
      for _, pid in ipairs(pids) do
         helper.eventually(function() return not helper.proc_state(pid) end)
      end
      assert.same({}, billiard.active_children())
      assert.equal(before, core.zygote())
   end)

   it("tells each status to whom it belongs, also late and many at once", function()
      local list = {}
      for i = 1, 400 do
         list[i] = assert(forked { target = os.exit, args = { i % 256 } }:start())
      end
      for i = #list, 1, -1 do
         assert.same({ true, "exit", i % 256 }, { list[i]:join(LONG) })
         list[i]:close()
      end
   end)

   it("tells what its children have used", function()
      local p <close> = assert(forked { target = function()
         local t = {}
         for i = 1, 300000 do t[i] = {} end
         return #t
      end }:start())
      p:join(LONG)
      assert.is_true(p.rusage.utime + p.rusage.stime > 0)
      assert.is_true(p.rusage.maxrss > 10000)
   end)

   for _, signo in ipairs { 1, 2, 3, TERM } do
      it("does not mind signal " .. signo .. ", which its children do", function()
         local before = core.zygote()
         local p <close> = until_told()
         local q <close> = child.sleeper { start_method = "forkserver" }
         assert(faults.kill(before, signo))
         assert(q:send_signal(signo))
         assert.same({ true, "signal", signo }, { q:join(LONG) })
         p.stdin:write "\n"
         assert.same({ true, "exit", 7 }, { p:join(LONG) })
         works()
         assert.equal(before, core.zygote())
      end)
   end

   it("L13: killed leaves its children running, and the next start makes another", function()
      local before = core.zygote()
      local p <close> = until_told()
      assert(faults.kill(before, KILL))
      works() -- within the same start
      assert.not_equal(before, core.zygote())
      assert.is_true(p:is_alive())
      assert.is_nil(helper.proc_state(before))
      p.stdin:write "\n"
      local ended, how, n = p:join(LONG)
      assert.is_true(ended)
      -- the kernel may have kept it, or somebody have looked before it did
      assert.is_true(how == "unknown" or how == "exit" and n == 7)
      assert.is_false(p:is_alive())
   end)

   it("L13: killed is no reason for a join to wait longer than its time", function()
      local p <close> = until_told()
      assert(faults.kill(core.zygote(), KILL))
      local before = billiard.now()
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(p:join(0.05)))
      assert.is_true(billiard.now() - before < 2 * helper.scale)
      assert(p:kill())
      assert.is_true((p:join(LONG)))
   end)

   it("killed takes nothing of what its children can be told", function()
      local p <close> = assert(forked { pgroup = true, target = function()
         billiard.ready "here"
         billiard.sleep(3600)
      end }:start())
      local q <close> = child.sleeper { start_method = "forkserver" }
      assert(faults.kill(core.zygote(), KILL))
      assert.same({ true, "here" }, { p:wait_ready(LONG) })
      assert(p:terminate_controlled(LONG))
      assert(q:terminate())
      assert.is_true((p:join(LONG)))
      assert.is_true((q:join(LONG)))
      assert.same({ p, q }, billiard.wait({ p, q }, 0))
   end)

   it("stopped fails a start at its deadline, and the next one makes another", function()
      local before = core.zygote()
      local p <close> = until_told()
      assert(faults.kill(before, STOP))
      local ok, err, code = forked { target = function() end, start_timeout = 0.2 }:start()
      assert.is_nil(ok)
      assert.equal("timeout", code)
      assert.equal("timeout", err)
      works()
      assert.is_nil(helper.proc_state(before))
      p.stdin:write "\n"
      assert.is_true((p:join(LONG)))
   end)

   it("stopped is no reason for a join to wait longer than its time", function()
      local p <close> = until_told()
      local server = core.zygote()
      assert(faults.kill(server, STOP))
      p.stdin:write "\n"
      local got = table.pack(p:join(0.2))
      assert(faults.kill(server, CONT))
      assert.same({ nil, "timeout", "timeout", n = 3 }, got)
      assert.same({ true, "exit", 7 }, { p:join(LONG) })
      works()
   end)

   it("killed at any time of a start fails it at most, and loses no child", function()
      for i = 1, 40 do
         local killer = assert(Process { start_method = "fork", target = function(pid, delay)
            billiard.sleep(delay)
            faults.kill(pid, KILL)
         end, args = { core.zygote(), i * 0.0001 } }:start())
         for _ = 1, 4 do
            local p <close> = forked { target = function() return 1 end }
            assert(p:start())
            local value = p:result(LONG)
            assert.is_true(value == 1 or p:join(LONG))
         end
         killer:join()
         killer:close()
         works()
      end
   end)

   it("that other modules are to be loaded in gives way, and still tells of its children",
      function()
         local before = core.zygote()
         local p <close> = until_told()
         billiard.set_forkserver_preload { "lfs" }
         works()
         assert.not_equal(before, core.zygote())
         assert.equal("S", (helper.proc_state(before)))
         p.stdin:write "\n"
         assert.same({ true, "exit", 7 }, { p:join(LONG) })
         assert.is_nil(helper.proc_state(before))
         billiard.set_forkserver_preload {}
      end)

   it("with threads refuses to fork, and says so", function()
      billiard.set_forkserver_preload { "spec.fixtures.start.threads" }
      local ok, _, code = forked { target = function() end }:start()
      local p <close> = forked { target = function() return 1 end, allow_threads = true }
      assert(p:start())
      local value = p:result(LONG)
      billiard.set_forkserver_preload {}
      works()
      assert.is_nil(ok)
      assert.equal("refused", code)
      assert.equal(1, value)
   end)

   it("tells which step of a start failed, with no child left", function()
      local ok, err, code = forked { target = print, cwd = "/nonexistent" }:start()
      assert.is_nil(ok)
      assert.equal("no such file or directory (start: cwd)", err)
      assert.equal("ENOENT", code)
      works()
   end)

   it("gives a child the standard files that its owner has then", function()
      local name = helper.tmpname()
      local out, err, code = kit.run(([[
         local one = Process{ start_method = "forkserver", target = print, args = { 1 } }
         assert(one:start())
         one:join()
         local out = assert(faults.open(%q))
         assert(faults.dup2(out, 1))
         local two = Process{ start_method = "forkserver", target = print, args = { 2 } }
         assert(two:start())
         two:join()]]):format(name))
      assert.equal("", err)
      assert.equal(0, code)
      assert.equal("1\n", out)
      local file <close> = assert(io.open(name))
      assert.equal("2\n", file:read "a")
   end)
end)

describe("the owner of a zygote", function()
   helper.guard()
   kit.faults()

   local preamble = [[
      local function sleeper(daemon)
         return assert(Process{ start_method = "forkserver", daemon = daemon,
            target = function() billiard.sleep(3600) end }:start()).pid
      end
   ]]

   it("killed leaves neither it nor a daemon", function()
      local owner <close> = kit.owner(preamble .. [[
         sleeper(true)
         sleeper(true)
         say "ready"
         billiard.sleep(3600)]])
      owner:expect "ready"
      owner:has(3)
      owner:kill()
      owner:all_gone()
   end)

   it("killed leaves what was no daemon running, and nothing else", function()
      local owner <close> = kit.owner(preamble .. [[
         say("ready", sleeper(false))
         billiard.sleep(3600)]])
      local pid = tonumber((owner:expect "^ready (%d+)$"))
      owner:kill()
      owner:all_gone { [pid] = true }
      assert.same({ pid }, owner:family())
   end)

   it("killed while modules are loaded leaves nothing", function()
      local owner <close> = kit.owner [[
         package.path = package.path .. ";./?.lua"
         billiard.set_forkserver_preload{ "spec.fixtures.start.endless" }
         say "ready"
         Process{ start_method = "forkserver", target = print }:start()]]
      owner:expect "ready"
      helper.eventually(function() return #owner:family(true) == 2 end)
      owner:kill()
      owner:all_gone()
   end)

   it("at its end leaves nothing, however it ends", function()
      for _, text in ipairs { "", "os.exit(0)", "os.exit(0, true)", "error 'boo'" } do
         local owner <close> = kit.owner(preamble .. "sleeper(true) say 'ready' " .. text)
         owner:expect "ready"
         owner:status()
         owner:all_gone()
      end
   end)

   it("may have forked children, which keep no zygote of it alive", function()
      local owner <close> = kit.owner(preamble .. [[
         sleeper(true)
         local p = assert(Process{ start_method = "fork", target = function()
            local q = assert(Process{ start_method = "forkserver",
               target = function() return me() end }:start())
            assert(q:result() == q.pid)
            q:join()
            billiard.ready()
            billiard.sleep(3600)
         end }:start())
         assert(p:wait_ready())
         say("ready", p.pid)
         billiard.sleep(3600)]])
      local pid = tonumber((owner:expect "^ready (%d+)$"))
      owner:kill()
      helper.eventually(function()
         local left = owner:family(true)
         return #left == 2 -- the forked one, and its own zygote
      end, 1)
      assert.same({ pid }, owner:family())
   end)

   it("gets no signal of the terminal's less: its children are of its group", function()
      local owner <close> = kit.owner(preamble .. [[
         local pid = sleeper(false)
         local file = io.open("/proc/" .. pid .. "/stat")
         local group = file:read "a":match "^.*%) %a %d+ (%d+)"
         file = io.open "/proc/self/stat"
         say("ready", tostring(group == file:read "a":match "^.*%) %a %d+ (%d+)"))
         faults.kill(pid, 9)]])
      owner:expect "^ready true$"
   end)
end)

describe("containment of a zygote's child", function()
   helper.guard()
   local faults = kit.faults()

   -- A leader of a group that has a member besides; the member's number.
   local function leader()
      local p = assert(forked { pgroup = true, stdin = "pipe", target = function()
         local q = assert(Process { command = { "sleep", "3600" } }:start())
         q:detach()
         billiard.ready(tostring(q.pid))
         io.read()
      end }:start())
      local _, pid = assert(p:wait_ready(LONG))
      core.contain(p)
      return p, tonumber(pid)
   end

   local function gone(pid)
      return helper.eventually(function() return not helper.proc_state(pid) end)
   end

   it("ends its group with it", function()
      local p <close>, member = leader()
      p.stdin:write "\n"
      assert.same({ true, "exit", 0 }, { p:join(LONG) })
      assert.is_true(gone(member))
   end)

   it("ends its group also when the zygote was killed", function()
      local p <close>, member = leader()
      assert(faults.kill(core.zygote(), KILL))
      p.stdin:write "\n"
      assert.is_true((p:join(LONG)))
      assert.is_true(gone(member))
   end)
end)
