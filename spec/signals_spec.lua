-- Signals at bad moments, and hosts that use them for themselves.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local INT <const>, KILL <const>, USR1 <const>, USR2 <const> = 2, 9, 10, 12
local PIPE <const>, TERM <const> = 13, 15
local CHLD <const>, STOP <const> = 17, 19

local function for_ever() while true do billiard.sleep(3600) end end

-- 32 and 33 are libc's own: nobody can reset them, and whoever started us may
-- have ignored them.
local OURS <const> = ~(3 << 31)

local function parse_state(text)
   local found = {}
   for _, key in ipairs { "SigBlk", "SigIgn", "SigCgt" } do
      found[key] = tonumber(text:match(key .. ":%s*(%x+)"), 16) & OURS
   end
   return found
end

local function signal_state(pid)
   local file <close> = assert(io.open("/proc/" .. pid .. "/status"))
   return parse_state(file:read "a")
end

local function has_stopped(p)
   helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
end

describe("a storm of SIGTERM", function()
   helper.guard()
   kit.faults()

   it("S02: is one ordered shutdown", function()
      local over = helper.tmpname()
      os.remove(over)
      local owner <close> = kit.owner([[
         local over = "]] .. over .. [["
         local p = assert(Process{ ready = { fd = 3 },
            command = { "sh", "-c", "n=0; trap 'n=$((n+1))' TERM; echo >&3; " ..
               "while ! test -e " .. over .. "; do sleep 0.01; done; " ..
               "echo terms $n" } }:start())
         assert(p:wait_ready(20))
         billiard.at_exit(function() say "at_exit" end)]])
      owner:expect "^at_exit$"
      owner:sleeps()
      assert(os.execute(("for i in $(seq 100); do kill -TERM %d; done; : >%s")
         :format(owner.pid, over)))
      assert.equal(-TERM, owner:status())
      assert.same({}, owner:family())
      assert.same({ "pid " .. owner.pid, "at_exit", "terms 1" },
         owner:lines())
      os.remove(over)
   end)

   it("S02: ends a child that unwinds once", function()
      local p = assert(Process { stdout = "pipe", target = function()
         local _ <close> = setmetatable({}, { __close = function()
            io.write "x"
         end })
         billiard.at_exit(function() io.write "y" end)
         billiard.ready()
         for_ever()
      end }:start())
      assert(p:wait_ready(20))
      for _ = 1, 100 do
         assert.is_true(p:terminate_controlled(20))
      end
      assert.same({ true, "signal", TERM }, { p:join(20 * helper.scale) })
      assert.equal("xy", p.stdout:read "a")
      assert.is_true(p.controlled)
      p.stdout:close()
      p:close()
   end)
end)

describe("a stopped child", function()
   helper.guard()
   local faults = kit.faults()

   local function stopped()
      local p = assert(Process { target = function() for_ever() end }:start())
      assert.is_true(p:send_signal(STOP))
      has_stopped(p)
      return p
   end

   it("S03: is alive and does not end a join", function()
      local p <close> = stopped()
      assert.is_true(p:is_alive())
      assert.is_nil(p.exitcode)
      assert.same({ n = 3, nil, "timeout", "timeout" },
         table.pack(p:join(0.01)))
      assert.same({}, billiard.wait({ p }, 0))
      assert.is_true(p:kill())
      assert.same({ true, "signal", KILL }, { p:join() })
   end)

   it("S03: goes on after SIGCONT", function()
      local p <close> = stopped()
      assert.is_true(p:terminate())
      has_stopped(p)
      assert.is_true(p:send_signal "CONT")
      assert.same({ true, "signal", TERM }, { p:join() })
   end)

   it("S03: is woken by a ladder, to do what it is asked", function()
      local p = stopped()
      assert.same({ true, "signal", TERM },
         { p:stop { { "TERM", 20 }, { "KILL" } } })
      p:close()
   end)

   it("S03: is woken to unwind", function()
      local p = stopped()
      assert.is_true(p:terminate_controlled(20))
      assert.same({ true, "signal", TERM }, { p:join(20 * helper.scale) })
      p:close()
   end)

   it("S03: is killed after its grace, its owner stopped too", function()
      local owner <close> = kit.owner [[
         local p = assert(Process{ target = function()
            local _ <close> = setmetatable({}, { __close = function()
               while true do end -- its clean-up does not end
            end })
            billiard.ready()
            while true do end
         end }:start())
         assert(p:wait_ready(20))
         assert(p:terminate_controlled(0.3))
         say("child", p.pid)
         faults.kill(me(), 19)
         local _, how, n = p:join()
         say("joined", how, n, tostring(p.controlled))]]
      local pid = owner:expect "^child (%d+)$"
      helper.eventually(function()
         local state = helper.proc_state(pid)
         return state == "Z" or not state -- its zygote has reaped it
      end, 10)
      assert.equal("T", (helper.proc_state(owner.pid)))
      owner:kill "CONT"
      owner:expect "^joined signal 9 true$"
   end)

   it("S03: is killed by run at its timeout", function()
      local result, message, code = billiard.run { "sh", "-c",
         "kill -STOP $$", timeout = 0.2 }
      assert.is_nil(result)
      assert.equal("timeout", message)
      assert.equal("timeout", code)
      assert.is_truthy(faults)
   end)
end)

describe("SIGCHLD", function()
   helper.guard()
   local faults = kit.faults()

   after_each(function()
      faults.on(CHLD, "default")
      faults.mask(false, CHLD)
   end)

   it("S04: may be blocked while ten children die", function()
      faults.mask(true, CHLD)
      local list = {}
      for i = 1, 10 do
         list[i] = assert(Process { target = os.exit, args = { i } }:start())
      end
      for i = 10, 1, -1 do
         assert.same({ true, "exit", i }, { list[i]:join() })
         list[i]:close()
      end
      assert.is_nil(next(helper.children()))
   end)

   -- The record, or "unknown" where the kernel keeps none.
   local function ended(p, how, n)
      local got = { p:join(20 * helper.scale) }
      if faults.keeps_exits() then
         assert.same({ true, how, n }, got)
         assert.equal(how == "exit" and n or -n, p.exitcode)
      elseif got[2] ~= how then
         assert.same({ true, "unknown" }, got)
         assert.is_false(p.exitcode)
         assert.matches("unknown", tostring(p))
      end
      assert.is_false(p:is_alive())
      assert.same(got, { p:join() })
      assert.same(got, { p:join(0) })
      assert.is_true(p:kill())
      p:close()
   end

   for _, way in ipairs { "ignore", "nowait" } do
      for _, kind in ipairs { "target", "command" } do
         local function start(n)
            local seven = kind == "command" and
               { "sh", "-c", "read x; exit 7" } or
               function() io.read() os.exit(n) end
            return assert(Process { [kind] = seven, stdin = "pipe" }:start())
         end

         local function finish(p)
            p.stdin:close()
            ended(p, "exit", 7)
         end

         it(("S05: may be set to %s before a %s starts"):format(way, kind),
            function()
               faults.on(CHLD, way)
               finish(start(7))
            end)

         it(("S05: may be set to %s while a %s runs"):format(way, kind),
            function()
               local p = start(7)
               faults.on(CHLD, way)
               finish(p)
            end)

         it(("S05: may be set to %s; a killed %s is known"):format(way, kind),
            function()
               faults.on(CHLD, way)
               local p = start(7)
               assert.is_true(p:kill())
               p.stdin:close()
               ended(p, "signal", KILL)
            end)
      end
   end

   it("S05: may be ignored during run", function()
      faults.on(CHLD, "ignore")
      local result = assert(billiard.run { "sh", "-c", "echo out; exit 3" })
      assert.equal("out\n", result.stdout)
      assert.is_true(result.exitcode == 3 or result.exitcode == false)
      assert.is_true(result.exitcode == 3 or not faults.keeps_exits())
   end)

   it("S05: is back to its default in a child of a host that ignores it",
      function()
         faults.on(CHLD, "ignore")
         local p = assert(Process { target = function()
            local ok, _, n = os.execute "exit 5"
            os.exit(ok == nil and n == 5 and 8 or 1)
         end }:start())
         ended(p, "exit", 8)
      end)

   for _, kind in ipairs { "target", "command" } do
      it(("S05: a stranger may reap a %s"):format(kind), function()
         local p = assert(Process { [kind] = kind == "command" and
            { "sh", "-c", "exit 6" } or function() os.exit(6) end,
            start_method = helper.own_method }:start())
         assert.equal(p.pid, faults.waitpid(p.pid))
         ended(p, "exit", 6)
      end)
   end

   it("S05: a stranger may reap while we wait", function()
      faults.on(CHLD, "reap")
      local p = assert(Process { target = function()
         billiard.sleep(0.05)
         os.exit(4)
      end }:start())
      ended(p, "exit", 4)
   end)
end)

describe("a write to somebody who is gone", function()
   helper.guard()
   local faults = kit.faults()

   after_each(function() faults.on(PIPE, "default") end)

   for _, way in ipairs { "default", "ignore" } do
      it(("S08: gives closed, SIGPIPE is %s"):format(way), function()
         faults.on(PIPE, way)
         local before = signal_state "self"
         local p = assert(Process { stdin = "pipe",
            command = { "true" } }:start())
         assert.same({ true, "exit", 0 }, { p:join() })
         local ok, message, code = p.stdin:write(("x"):rep(100000), 10)
         assert.is_nil(ok)
         assert.equal("closed", message)
         assert.equal("closed", code)
         assert.same(before, signal_state "self")
         p.stdin:close()
         p:close()
      end)

      it(("S08: does not harm run, SIGPIPE is %s"):format(way), function()
         faults.on(PIPE, way)
         local result = assert(billiard.run { "true",
            input = ("x"):rep(1000000), timeout = 60 })
         assert.equal(0, result.exitcode)
      end)
   end

   it("S08: SIGPIPE ends a child, whatever its parent ignores", function()
      faults.on(PIPE, "ignore")
      local result = assert(billiard.run { "sh", "-c", "kill -PIPE $$" })
      assert.equal(PIPE, result.signal)
      local p = assert(Process { target = function()
         os.execute("kill -PIPE " .. billiard.current_process().pid)
      end }:start())
      assert.same({ true, "signal", PIPE }, { p:join() })
      p:close()
   end)
end)

describe("a signal of no known number", function()
   helper.guard()

   it("S12: is an argument error", function()
      local p <close> = assert(Process { target = for_ever }:start())
      local texts = { "NOPE", "", "SIG", "sigterm?", "9x" }
      for _, name in ipairs(texts) do
         kit.raises(function() p:send_signal(name) end, "#1", "signal")
      end
      for _, n in ipairs { -1, -9, 65, 1000, 2 ^ 31, math.maxinteger, 1.5 } do
         kit.raises(function() p:send_signal(n) end, "#1", "signal")
      end
      for _, value in ipairs { true, {}, print } do
         kit.raises(function() p:send_signal(value) end, "#1", "signal")
      end
      kit.raises(function() p:send_signal() end, "#1", "signal")
      kit.raises(function() p:send_signal(0 / 0) end, "#1", "signal")
      assert.is_true(p:is_alive())
   end)

   it("S12: is an argument error in a ladder too", function()
      local p <close> = assert(Process { target = for_ever }:start())
      kit.raises(function() p:stop { { "NOPE", 1 } } end, "stop", "NOPE")
      kit.raises(function() p:stop { { "TERM", 0 }, { 99, 1 } } end, "stop",
         "step 2")
      assert.is_true(p:is_alive())
   end)
end)

describe("a host with handlers of its own", function()
   helper.guard()
   local faults = kit.faults()

   it("S13: keeps them, and its mask", function()
      faults.on(USR1, "count")
      faults.on(USR2, "ignore")
      faults.mask(true, INT)
      local before = signal_state "self"
      local p = assert(Process { target = for_ever, daemon = true }:start())
      assert.same(before, signal_state "self")
      assert(billiard.run { "true" })
      assert(p:terminate_controlled(20))
      assert(p:join())
      p:close()
      assert.same(before, signal_state "self")
      local counted = faults.counted()
      faults.kill(helper.pid(), USR1)
      assert.equal(counted + 1, faults.counted())
      faults.on(USR1, "default")
      faults.on(USR2, "default")
      faults.mask(false, INT)
   end)

   it("S13: has children with default dispositions and an empty mask",
      function()
         faults.on(USR1, "count")
         faults.on(USR2, "ignore")
         faults.mask(true, TERM)
         local result = assert(billiard.run { "cat", "/proc/self/status" })
         local p = assert(Process { target = function()
            billiard.ready()
            for_ever()
         end }:start())
         assert(p:wait_ready(20))
         local state = signal_state(p.pid)
         faults.on(USR1, "default")
         faults.on(USR2, "default")
         faults.mask(false, TERM)
         assert.equal(0, state.SigBlk)
         assert.equal(0, state.SigIgn)
         -- a real-time signal may be caught, for limits; ASan catches three
         local caught = state.SigCgt & 0x7fffffff
         assert.equal(0, helper.asan and caught & ~0x4c0 or caught)
         assert.same({ SigBlk = 0, SigIgn = 0, SigCgt = 0 },
            parse_state(result.stdout))
         assert.is_true(p:send_signal "USR1")
         assert.same({ true, "signal", USR1 }, { p:join() })
         p:close()
      end)
end)
