-- Many at once, in random order, and children that run wild. The seed is
-- printed; BILLIARD_SEED repeats a run.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local INT <const>, ABRT <const>, KILL <const>, USR1 <const> = 2, 6, 9, 10
local SEGV <const>, ALRM <const>, TERM <const> = 11, 14, 15

local seed = tonumber(os.getenv "BILLIARD_SEED") or os.time()
math.randomseed(seed)
print("chaos seed " .. seed)

local function for_ever() while true do billiard.sleep(3600) end end

local function catches(pid, signal)
   local file <close> = assert(io.open("/proc/" .. pid .. "/status"))
   local mask = tonumber(file:read "a":match "SigCgt:%s*(%x+)", 16)
   return mask & 1 << signal - 1 ~= 0
end

local function shuffle(list)
   for i = #list, 2, -1 do
      local j = math.random(i)
      list[i], list[j] = list[j], list[i]
   end
   return list
end

-- Many children: what to expect of each stands beside it.
local function start_many(n)
   local list, pids = {}, {}
   for i = 1, n do
      local leaves = i % 4 == 0
      local p = assert(Process { name = "N" .. i, daemon = i % 3 == 0,
         target = leaves and os.exit or for_ever, args = { i } }:start())
      assert.is_nil(pids[p.pid])
      pids[p.pid] = true
      list[i] = { p = p, pid = p.pid, name = "N" .. i,
                  code = leaves and i % 256 or nil }
   end
   return list
end

local function check_end(one)
   local wanted = one.signal and -one.signal or one.code
   assert.same({ true, wanted < 0 and "signal" or "exit", math.abs(wanted) },
      { one.p:join(60 * helper.scale) })
   assert.equal(wanted, one.p.exitcode)
   assert.equal(one.pid, one.p.pid)
   assert.equal(one.name, one.p.name)
   one.p:close()
end

describe("a thousand children", function()
   helper.guard()

   it("L17: die in random order, and nothing is left or mixed up", function()
      local before = helper.fds()
      local signals = { KILL, TERM, INT, USR1, ALRM }
      local list = shuffle(start_many(helper.scale > 1 and 200 or 1000))
      local waiting = {}
      for _, one in ipairs(list) do
         if not one.code then
            one.signal = signals[math.random(#signals)]
            assert.is_true(one.p:send_signal(one.signal))
         end
         waiting[#waiting + 1] = one
         if math.random(3) == 1 then
            check_end(table.remove(waiting, math.random(#waiting)))
         end
      end
      for _, one in ipairs(shuffle(waiting)) do
         check_end(one)
      end
      assert.same({}, billiard.active_children())
      assert.is_nil(next(helper.children()))
      assert.is_true(helper.fds() <= before)
   end)

   it("L17: are found by wait in the order they die", function()
      local list = {}
      for i = 1, 200 do
         list[i] = assert(Process { target = for_ever }:start())
      end
      local left = { table.unpack(list) }
      for _, p in ipairs(shuffle(list)) do
         assert.is_true(p:kill())
         local ready = billiard.wait(left, 60 * helper.scale)
         assert.same({ p }, ready)
         for i, q in ipairs(left) do
            if q == p then table.remove(left, i) break end
         end
         assert.same({ true, "signal", KILL }, { p:join() })
         p:close()
      end
   end)

   it("L17: are reaped when nobody keeps them", function()
      for _ = 1, 300 do
         assert(Process { target = function() end }:start())
      end
      helper.eventually(function()
         return #billiard.active_children() == 0
      end, 60)
      assert.is_nil(next(helper.children()))
   end)
end)

-- ---- random calls ----

local actions = {
   function(one) assert.is_true(one.p:send_signal "STOP") end,
   function(one) assert.is_true(one.p:send_signal "CONT") end,
   function(one) assert.is_true(one.p:terminate()) one.doomed = true end,
   function(one) assert.is_true(one.p:kill()) one.doomed = true end,
   function(one)
      assert.is_true(one.p:terminate_controlled(math.random() / 100))
      one.doomed = true
   end,
   function(one) one.ended = one.p:join(0) end,
   function(one) one.ended = one.p:join(math.random() / 1000) end,
   function(one) one.ended = not one.p:is_alive() end,
   function(one) one.ended = #billiard.wait({ one.p }, 0) == 1 end,
   function(one) one.ended = one.p.exitcode ~= nil end,
   function(one) assert.equal("number", type(one.p.sentinel)) end,
   function(one) assert.matches("^<Process", tostring(one.p)) end,
   function(one) one.p:stop { { "TERM", 0.001 } } one.ended = true end,
   function() billiard.active_children() end,
   function() collectgarbage() end,
}

local function start_one()
   if math.random(3) == 1 then
      return assert(Process { command = { "sleep", "3600" },
         daemon = math.random(2) == 1 }:start())
   end
   return assert(Process { target = for_ever,
      daemon = math.random(2) == 1 }:start())
end

describe("random calls", function()
   helper.guard()

   it("L17: leave no child, no descriptor and no wrong end", function()
      local list, seen = {}, 0
      for _ = 1, 3000 // helper.scale do
         if #list < 20 and math.random(4) == 1 then
            list[#list + 1] = { p = start_one() }
         elseif #list > 0 then
            local i = math.random(#list)
            local one = list[i]
            actions[math.random(#actions)](one)
            if one.ended then
               assert.is_true(one.doomed or one.p.exitcode < 0)
               one.p:close()
               table.remove(list, i)
               seen = seen + 1
            end
         end
      end
      for _, one in ipairs(list) do
         assert.is_true((one.p:stop { { "KILL" } }))
         one.p:close()
      end
      assert.is_true(seen > 0)
      assert.same({}, billiard.active_children())
   end)
end)

-- ---- random deaths of an owner ----

describe("an owner killed at a random moment", function()
   helper.guard()
   kit.faults()

   local text = [[
      math.randomseed(%d)
      local list = {}
      say "ready"
      while true do
         if #list < 30 then
            local command = math.random(2) == 1 and { "sleep", "3600" } or nil
            list[#list + 1] = assert(Process{ daemon = true, command = command,
               target = not command and function()
                  while true do billiard.sleep(3600) end end or nil }:start())
         else
            local p = table.remove(list, math.random(#list))
            p:kill() p:join() p:close()
         end
      end]]

   it("L10: L11: leaves nothing", function()
      for round = 1, 15 do
         local owner <close> = kit.owner(text:format(seed + round))
         owner:expect "^ready$"
         billiard.sleep(math.random() / 10) -- busy: any moment will do
         owner:kill()
         owner:all_gone()
      end
   end)
end)

describe("a target", function()
   helper.guard()

   -- How a child with this target ended, and its error's message.
   local function run(target, ...)
      local p = assert(Process { target = target, args = { ... },
                                 stderr = "null" }:start())
      local ended, how, n = p:join(60 * helper.scale)
      assert.is_true(ended)
      local message = p.error and p.error.message
      p:close()
      return how .. " " .. n, message
   end

   it("U06: may be anything that can be called", function()
      local kept = 7
      local callable = setmetatable({}, { __call = function(_, n)
         os.exit(n + 1)
      end })
      local object = { leave = function(self, n) os.exit(self.base + n) end,
                       base = 4 }
      assert.equal("exit 7", (run(function() os.exit(kept) end)))
      assert.equal("exit 8", (run(callable, kept)))
      assert.equal("exit 7", (run(object.leave, object, 3)))
      assert.equal("exit 7", (run(os.exit, kept)))
      assert.equal("exit 0", (run(string.rep, "x", 2)))
   end)

   it("U07: that misses a module or has a broken one fails at once",
      function()
         local how, message = run(require, "no.such.module")
         assert.equal("exit 1", how)
         assert.matches("module 'no.such.module' not found", message)
         package.preload.broken = function() error "is broken" end
         how, message = run(require, "broken")
         package.preload.broken = nil
         assert.equal("exit 1", how)
         assert.matches("is broken", message)
      end)

   it("U11: that recurses too deep fails, and it alone", function()
      local other <close> = assert(Process { target = for_ever }:start())
      local function deeper(n) return 1 + deeper(n + 1) end
      local how, message = run(deeper, 1)
      assert.equal("exit 1", how)
      assert.matches("stack overflow", message)
      local text = ("("):rep(1000) .. "1" .. (")"):rep(1000)
      assert.equal("exit 1", (run(function() assert(load("x=" .. text)) end)))
      local looping = setmetatable({}, {})
      getmetatable(looping).__index = function(t, k) return t[k] end
      assert.equal("exit 1", (run(function() return looping.x end)))
      assert.equal("exit 1", (run(string.rep, "x", math.maxinteger)))
      assert.is_true(other:is_alive())
   end)

   it("U04: that yields fails; what it yields across works", function()
      local how, message = run(coroutine.yield, 1)
      assert.equal("exit 1", how)
      assert.matches("yield", message)
      assert.equal("exit 6", (run(function()
         local co = coroutine.wrap(function()
            billiard.sleep(0)
            coroutine.yield(1)
            local p <close> = assert(Process { target = os.exit,
                                               args = { 5 } }:start())
            coroutine.yield(2)
            os.exit(1 + select(3, p:join()))
         end)
         for _ = 1, 3 do co() end
      end)))
      assert.equal("exit 0", (run(billiard.at_exit, coroutine.yield)))
   end)

   it("U11: that raises what cannot be shown fails all the same", function()
      local rude = setmetatable({}, { __tostring = function() error "no" end })
      for _, value in ipairs { rude, {}, true, print, 5, "a\0b",
                               ("x"):rep(1 << 20) } do
         assert.equal("exit 1", (run(error, value)))
      end
      assert.equal("exit 1", (run(error)))
   end)
end)

describe("a fatal signal in a child", function()
   helper.guard()
   local faults = kit.faults()

   it("S14: ends it, and it alone", function()
      local other <close> = assert(Process { target = for_ever }:start())
      for signal, f in pairs { [ABRT] = faults.abort,
         [SEGV] = function() faults.kill(helper.pid(), SEGV) end } do
         local p = assert(Process { target = f }:start())
         assert.same({ true, "signal", signal }, { p:join() })
         assert.equal(-signal, p.exitcode)
         p:close()
      end
      assert.is_true(other:is_alive())
   end)

   it("S14: that comes again and again ends at the grace", function()
      local p = assert(Process { target = function()
         billiard.ready() -- the handlers of the parent are gone
         faults.fault_for_ever()
      end }:start())
      assert(p:wait_ready(20))
      helper.eventually(function() return catches(p.pid, SEGV) end)
      assert.is_true(p:is_alive())
      assert.is_true(p:terminate_controlled(0.1))
      assert.same({ true, "signal", KILL }, { p:join(20 * helper.scale) })
      p:close()
   end)
end)

-- ---- descriptors that are somebody else's by now ----

describe("a host that closes every descriptor", function()
   helper.guard()
   kit.faults()

   -- After it, no call may crash or hang.
   local text = [[
      local p = assert(Process{ daemon = %s, stdout = "pipe",
         target = function() billiard.sleep(3600) end }:start())
      local fd, out = p.sentinel, p.stdout:fileno()
      faults.close_from(3)
      %s
      local ok, message, code = p:join(1)
      say("join", tostring(ok), tostring(code))
      local sent, _, why = p:kill()
      say("kill", tostring(sent), tostring(why))
      pcall(p.is_alive, p)
      pcall(billiard.wait, { p }, 0)
      local q = Process{ target = os.exit, args = { 4 }, daemon = %s }
      local started, _, reason = q:start()
      say("next", started and select(3, q:join(20)) or reason)
      faults.kill(p.pid, 9)
      say "done" ]]
   local again = [[
      local mine = {}
      for n = 3, 60 do mine[n] = faults.open "/dev/zero" end ]]

   for name, how in pairs { ["and leaves it so"] = "",
                            ["and uses the numbers again"] = again } do
      for _, daemon in ipairs { "false", "true" } do
         it(("H06: %s is told EBADF, daemon = %s"):format(name, daemon),
            function()
               local out, err = kit.run(text:format(daemon, how, daemon))
               assert.matches("join nil EBADF\nkill nil EBADF\n", out)
               assert.matches("next [4E][B]?[A]?[D]?[F]?\ndone\n$", out)
               assert.equal("", err)
            end)
      end
   end

   -- One number of p's now belongs to a file of the host's. It must be open
   -- and empty at the end, here and in a child.
   local function keeps(which, calls)
      local out, err = kit.run([[
         local p = assert(Process{ stdin = "pipe", stdout = "pipe",
            command = { "sleep", "3600" } }:start())
         local input, output = p.stdin, p.stdout
         local number = ]] .. which .. [[

         local name = os.tmpname()
         assert(faults.dup2(assert(faults.open(name)), number))
         ]] .. calls .. [[

         faults.kill(p.pid, 9)
         say(faults.dup2(number, number) and "open" or "closed")
         say(io.open(name):read "a" == "" and "untouched" or "written to")
         os.remove(name)
         local seen = faults.fork()
         if seen == 0 then
            faults.exit(faults.dup2(number, number) and 5 or 6)
         end
         local _, status = faults.waitpid(seen)
         say("in a child", status >> 8)
         faults.exit(0)]])
      assert.equal("", err)
      assert.equal("open\nuntouched\nin a child 5\n", out)
   end

   it("H06: keeps what now has a sentinel's number", function()
      keeps("p.sentinel", "p:join(0) p:kill() pcall(p.close, p)")
   end)

   it("H06: keeps what now has a written Stream's number", function()
      keeps("input:fileno()", "input:write('x', 0) input:close()")
   end)

   it("H06: keeps what now has a read Stream's number", function()
      keeps("output:fileno()", "output:read(1, 0) output:close()")
   end)
end)
