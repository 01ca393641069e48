-- The owner is killed: what it promised to end is gone within a second.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process

-- Runs f in a child; what it raises is raised here.
local function in_child(f)
   local p = assert(Process { target = f, stderr = "null",
                              start_method = "fork" }:start())
   p:join()
   local message = p.error and tostring(p.error)
   p:close()
   assert.is_nil(message)
end

-- Each defines start(), which returns once its daemon is in that state.
local victims = {
   idle = [[
      local function start()
         local p = assert(Process{ daemon = true, target = function()
            billiard.ready()
            while true do billiard.sleep(3600) end
         end }:start())
         assert(p:wait_ready(20))
      end]],
   ["in a busy loop"] = [[
      local function start()
         local p = assert(Process{ daemon = true, target = function()
            billiard.ready()
            while true do end
         end }:start())
         assert(p:wait_ready(20))
      end]],
   ["blocked in a read"] = [[
      local function start()
         local name = os.tmpname()
         os.remove(name)
         assert(os.execute("mkfifo " .. name))
         local p = assert(Process{ daemon = true, target = function()
            local file = assert(io.open(name, "r+"))
            os.remove(name)
            billiard.ready()
            file:read "a"
         end }:start())
         assert(p:wait_ready(20))
         eventually(function() return state_of(p.pid) == "S" end)
      end]],
   stopped = [[
      local function start()
         local p = assert(Process{ daemon = true, target = function()
            faults.kill(me(), 19)
         end }:start())
         eventually(function() return state_of(p.pid) == "T" end)
      end]],
   ["with all signals blocked"] = [[
      local function start()
         local p = assert(Process{ daemon = true, target = function()
            faults.mask(true)
            billiard.ready()
            while true do end
         end }:start())
         assert(p:wait_ready(20))
      end]],
   ["a command"] = [[
      local function start()
         assert(Process{ daemon = true,
                         command = { "sleep", "3600" } }:start())
      end]],
   ["a command that ignores signals"] = [[
      local function start()
         local p = assert(Process{ daemon = true, ready = { fd = 3 },
            command = { "sh", "-c", "trap '' TERM INT HUP QUIT; echo >&3;" ..
                        "while :; do sleep 3600; done" },
            pgroup = true }:start())
         assert(p:wait_ready(20))
      end]],
   ["a command in a session of its own"] = [[
      local function start()
         assert(Process{ daemon = true, session = true,
            command = { "sh", "-c", "sleep 3600 & sleep 3600" } }:start())
      end]],
}

local others = [[
   local function start_others()
      for _ = 1, 3 do
         assert(Process{ daemon = true, target = function()
            while true do billiard.sleep(3600) end
         end }:start())
      end
      assert(Process{ daemon = true, command = { "sleep", "3600" } }:start())
   end ]]

local orders = {
   first = "start() start_others() ",
   last = "start_others() start() ",
}

describe("kill -9 of the owner of a daemon", function()
   helper.guard()
   kit.faults()

   for state, text in pairs(victims) do
      for order, calls in pairs(orders) do
         it(("L10: %s, started %s, leaves nothing"):format(state, order), function()
            local owner <close> = kit.owner(text .. others .. calls ..
               "say 'ready' while true do billiard.sleep(3600) end")
            owner:expect "^ready$"
            -- and what a shell among them has started
            helper.eventually(function() return #owner:family() >= 6 end)
            owner:kill()
            owner:all_gone()
         end)
      end
   end

   it("L10: ends daemons stopped the moment they were started", function()
      local owner <close> = kit.owner [[
         for _ = 1, 8 do
            local p = assert(Process{ daemon = true,
               target = function() billiard.sleep(3600) end }:start())
            assert(p:send_signal "STOP")
            assert(Process{ daemon = true, target = function()
               billiard.sleep(3600) end }:start())
         end
         say "ready"
         while true do billiard.sleep(3600) end]]
      owner:expect "^ready$"
      owner:has(17)
      owner:kill()
      owner:all_gone()
   end)

   it("L10: ends daemons of a stopped owner", function()
      local owner <close> = kit.owner [[
         for _ = 1, 4 do
            assert(Process{ daemon = true,
               target = function() while true do end end }:start())
         end
         say "ready"
         while true do billiard.sleep(3600) end]]
      owner:expect "^ready$"
      owner:kill "STOP"
      owner:has(5)
      owner:kill()
      owner:all_gone()
   end)
end)

describe("kill -9 of an owner whose descriptors others share", function()
   helper.guard()
   kit.faults()

   it("L10: ends the daemons while a stray fork lives on", function()
      local owner <close> = kit.owner [[
         local function daemon()
            assert(Process{ daemon = true, target = function()
               while true do billiard.sleep(3600) end end }:start())
         end
         daemon()
         local stray = faults.fork()
         if stray == 0 then while true do billiard.sleep(3600) end end
         daemon()
         assert(Process{ daemon = true,
                         command = { "sleep", "3600" } }:start())
         say("ready", stray)
         while true do billiard.sleep(3600) end]]
      local stray = tonumber((owner:expect "^ready (%d+)$"))
      owner:has(5)
      owner:kill()
      owner:all_gone { [stray] = true }
      assert.same({ stray }, owner:family())
   end)

   it("L10: ends the daemons while siblings and their children live on", function()
      local owner <close> = kit.owner [[
         local function daemon()
            assert(Process{ daemon = true, target = function()
               while true do end end }:start())
         end
         daemon()
         local sibling = assert(Process{ target = function()
            local grandchild = faults.fork()
            if grandchild > 0 then billiard.ready(tostring(grandchild)) end
            while true do billiard.sleep(3600) end
         end }:start())
         daemon()
         local program = assert(Process{
            command = { "sleep", "3600" } }:start())
         daemon()
         local _, grandchild = assert(sibling:wait_ready(20))
         say("ready", sibling.pid, grandchild, program.pid)
         while true do billiard.sleep(3600) end]]
      local a, b, c = owner:expect "^ready (%d+) (%d+) (%d+)$"
      local spared = { [tonumber(a)] = true, [tonumber(b)] = true,
                       [tonumber(c)] = true }
      owner:has(7)
      owner:kill()
      owner:all_gone(spared)
      owner:has(3)
   end)

   it("L10: ends a daemon's daemons", function()
      local owner <close> = kit.owner [[
         local p = assert(Process{ daemon = true, target = function()
            for _ = 1, 3 do
               assert(Process{ target = function()
                  while true do end end }:start())
            end
            billiard.ready()
            while true do billiard.sleep(3600) end
         end }:start())
         assert(p:wait_ready(20))
         say "ready"
         while true do billiard.sleep(3600) end]]
      owner:expect "^ready$"
      owner:has(5)
      owner:kill()
      owner:all_gone()
   end)
end)

describe("a daemon's lifeline", function()
   helper.guard()
   kit.faults()

   it("L10: holds more than 64 daemons", function()
      local owner <close> = kit.owner [[
         for _ = 1, 150 do
            assert(Process{ daemon = true,
               target = function() billiard.sleep(3600) end }:start())
         end
         say "ready"
         while true do billiard.sleep(3600) end]]
      owner:expect("^ready$", 40)
      owner:has(151)
      owner:kill()
      owner:all_gone()
   end)

   it("H07: holds in a host that gave up root", function()
      if not kit.is_open_to_all() then pending "others may not enter this folder" end
      local owner <close> = kit.owner [[
         assert(faults.become(65534))
         for _ = 1, 3 do
            local p = assert(Process{ daemon = true, target = function()
               billiard.ready() while true do end end }:start())
            assert(p:wait_ready(20))
            assert(Process{ daemon = true,
                            command = { "sleep", "3600" } }:start())
         end
         say "ready"
         while true do billiard.sleep(3600) end]]
      owner:expect "^ready$"
      owner:has(7)
      owner:kill()
      owner:all_gone()
   end)

   it("L10: spares those that are not daemons", function()
      local owner <close> = kit.owner [[
         local p = assert(Process{ command = { "sleep", "3600" } }:start())
         assert(Process{ daemon = true,
                         command = { "sleep", "3600" } }:start())
         say("ready", p.pid)
         while true do billiard.sleep(3600) end]]
      local pid = tonumber((owner:expect "^ready (%d+)$"))
      owner:kill()
      owner:all_gone { [pid] = true }
      assert.same({ pid }, owner:family())
   end)
end)

describe("an owner killed between fork and gate", function()
   helper.guard()
   kit.faults()

   for _, daemon in ipairs { "true", "false" } do
      helper.only(it, "fork")("L11: leaves no child with daemon = " .. daemon, function()
         local owner <close> = kit.owner([[
            assert(Process{ daemon = true, target = function()
               while true do billiard.sleep(3600) end end }:start())
            faults.die_after_fork()
            Process{ daemon = ]] .. daemon .. [[, target = function()
               say "ran"
               while true do end
            end }:start()
            say "survived"]])
         owner:all_gone()
         assert.same({ "pid " .. owner.pid }, owner:lines())
      end)
   end
end)

describe("lua_close with live children", function()
   helper.guard()
   kit.faults()

   -- finalizers that use what may be gone already
   local text = [[
      local made = {}
      local function use(p)
         return setmetatable({}, { __gc = function()
            pcall(p.is_alive, p)
            pcall(p.join, p, 0)
            pcall(p.kill, p)
            pcall(p.close, p)
            pcall(tostring, p)
            pcall(billiard.active_children)
            pcall(billiard.current_process)
            pcall(billiard.wait, { p }, 0)
            pcall(function() return p.stdout:read(0, 0) end)
         end })
      end
      for i = 1, 12 do
         local kind = i %% 2 == 0 and "command" or "target"
         local p = Process{ daemon = i %% 3 ~= 0, stdout = "pipe",
            [kind] = kind == "command" and { "sleep",
               i %% 3 == 0 and "0" or "3600" }
               or function()
                  if i %% 3 ~= 0 then
                     while true do billiard.sleep(3600) end
                  end
               end }
         made[i] = { use(p), assert(p:start()), use(p) }
      end
      billiard.at_exit(function() say "at_exit" end)
      made = nil
      %s]]

   for _, leave in ipairs { "", "os.exit(0, true)", "os.exit(0)",
                            "collectgarbage() os.exit(0, true)" } do
      it("U03: is finite and leaves nothing: " .. leave, function()
         local owner <close> = kit.owner(text:format(leave))
         assert.equal(0, owner:status())
         assert.same({}, owner:family())
         assert.same({ "pid " .. owner.pid, "at_exit" }, owner:lines())
         assert.equal("", owner:errors())
      end)
   end
end)

describe("a Stream in another process", function()
   helper.guard()
   local mine = "belongs to process " .. helper.pid()
   local raises = kit.raises

   it("U01: that is a Stream raises", function()
      local p <close> = assert(Process { command = { "cat" }, stdin = "pipe",
                                         stdout = "pipe" }:start())
      local input, output = p.stdin, p.stdout
      in_child(function()
         raises(function() input:write "x" end, mine)
         raises(function() output:read(1) end, mine)
         raises(function() output:lines() end, mine)
         raises(function() output:fileno() end, mine)
      end)
      assert(input:write "still here")
      input:close()
      assert.equal("still here", output:read "a")
      output:close()
   end)

   it("U01: that is a Stream raises in wait", function()
      local p <close> = assert(Process { command = { "cat" }, stdin = "pipe",
                                         stdout = "pipe" }:start())
      local input <close> = p.stdin
      local output <close> = p.stdout
      in_child(function()
         raises(function() billiard.wait { output } end, mine)
         raises(function() billiard.wait { input } end, mine)
      end)
   end)
end)
