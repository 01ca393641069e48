-- Too many files, too many processes, too little memory, and limits that one
-- child was given.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process

-- Runs a script that says what it found; no error, and these lines.
local function says(wanted, text, opts)
   local out, err, status = kit.run(text, opts)
   assert.equal("", err)
   assert.equal(wanted, out)
   assert.equal(0, status)
end

-- Every way to start something, by name; each is tried with ever more room.
local starters = {
   target = "Process{ target = function() end }",
   ["daemonic target"] = "Process{ daemon = true, target = function() end }",
   ["target with pipes"] = [[Process{ target = function() end,
      stdin = "pipe", stdout = "pipe", stderr = "pipe" }]],
   ["target with limits"] = [[Process{ target = function() end, cwd = "/",
      limits = { core = 0 }, nice = 1, session = true }]],
   command = "Process{ command = { 'true' } }",
   ["daemonic command"] = [[Process{ daemon = true,
      command = { 'true' }, stdin = 'null' }]],
   ["command with pipes"] = [[Process{ command = { 'true' },
      stdin = "pipe", stdout = "pipe", stderr = "pipe",
      ready = { fd = 3 } }]],
}

-- No descriptor is free, then one, then two, ...: until it works, an error
-- each time and nothing left behind.
local sweep = [[
   local seen, limit = 0, 60
   faults.rlimit("nofile", limit)
   local function fill(free)
      local files = {}
      repeat
         local file = io.open "/dev/null"
         files[#files + 1] = file
      until not file
      for _ = 1, free do table.remove(files):close() end
      return files
   end
   local function empty(files)
      for _, file in ipairs(files) do file:close() end
   end
   local function try(make, undo)
      for free = 0, 30 do
         local files = fill(free)
         local ok, message, code = make()
         empty(files)
         if ok then return undo(ok) end
         assert(code == "EMFILE", code)
         assert(type(message) == "string" and message:find "too many open",
                message)
         seen = seen + 1
         assert(zombies() == 0, "a child is left")
         assert(#billiard.active_children() == 0)
      end
      error "never worked"
   end
]]

describe("too many open files", function()
   helper.guard()
   kit.faults()

   for name, spec in pairs(starters) do
      it("R01: give EMFILE at once and leave nothing: " .. name, function()
         says("done\n", sweep .. [[
            local function make() return ]] .. spec .. [[:start() end
            local function undo(p)
               assert(p:join())
               for _, s in ipairs{ "stdin", "stdout", "stderr" } do
                  if p[s] then p[s]:close() end
               end
               p:close()
            end
            undo(assert(make())) -- what is opened once, and kept
            collectgarbage() collectgarbage()
            local before = fds()
            try(make, undo)
            collectgarbage() collectgarbage()
            assert(seen > 0, "nothing failed")
            assert(fds() <= before, "descriptors: " .. before .. " " .. fds())
            say "done"]])
      end)
   end

   it("R01: give EMFILE at the first start of all, and later none", function()
      says("done\n", sweep .. [[
         for _, daemon in ipairs{ true, false } do
            try(function()
               return Process{ daemon = daemon,
                               target = function() end }:start()
            end, function(p) assert(p:join()) p:close() end)
         end
         assert(seen > 0, "nothing failed")
         say "done"]])
   end)

   it("R01: give EMFILE from run", function()
      says("done\n", sweep .. [[
         local function make() return billiard.run{ "echo", "x" } end
         assert(make())
         local before = fds()
         try(make, function(r) assert(r.stdout == "x\n") end)
         assert(seen > 0, "nothing failed")
         assert(fds() <= before)
         say "done"]])
   end)

   it("R01: do not keep what runs from being joined and stopped", function()
      says("done\n", sweep .. [[
         local list = {}
         for i = 1, 5 do
            list[i] = assert(Process{ target = function()
               billiard.sleep(3600) end, daemon = i > 1 }:start())
         end
         local files = fill(0)
         assert(list[1]:is_alive())
         assert(list[1]:terminate_controlled(20))
         assert(select(3, list[1]:join()) == 15)
         assert(list[2]:stop())
         list[3]:kill()
         assert(#billiard.wait({ list[3] }, 20) == 1)
         assert(list[3]:join())
         empty(files)
         say "done"]])
   end)

   it("R01: do not keep an owner from ending its children", function()
      local owner <close> = kit.owner(sweep .. [[
         for i = 1, 6 do
            assert(Process{ daemon = true, target = function()
               billiard.sleep(3600) end }:start())
         end
         fill(0)]])
      assert.equal(0, owner:status())
      assert.same({}, owner:family())
   end)
end)

describe("no more processes", function()
   helper.guard()
   kit.faults()

   local nobody = [[
      assert(faults.become(65534))
      local function full() assert(faults.rlimit("nproc", 1)) end
      local function room() assert(faults.rlimit("nproc", 90000)) end
   ]]

   for name, spec in pairs(starters) do
      it("R02: give EAGAIN at once and leave nothing: " .. name, function()
         says("done\n", nobody .. [[
            local function make() return ]] .. spec .. [[ end
            local p = make()
            assert(p:start()) assert(p:join())
            local before
            for i = 1, 5 do
               full()
               local q = make()
               local ok, message, code = q:start()
               assert(not ok and code == "EAGAIN", code)
               assert(message:find "%(start: %w+%)$", message)
               room()
               assert(zombies() == 0, "a child is left")
               q:close()
               collectgarbage() collectgarbage()
               before = before or fds()
               assert(fds() <= before, "descriptors")
            end
            local q = make()
            assert(q:start()) assert(q:join())
            say "done"]])
      end)
   end

   it("R02: give EAGAIN from run", function()
      says("done\n", nobody .. [[
         full()
         local r, message, code = billiard.run{ "true" }
         assert(r == nil and code == "EAGAIN", code)
         room()
         assert(zombies() == 0)
         assert(billiard.run{ "true" }.exitcode == 0)
         say "done"]])
   end)

   it("R03: leave the owner responsive, and pass", function()
      says("done\n", nobody .. [[
         local running = assert(Process{ target = function()
            billiard.sleep(3600) end }:start())
         local p = Process{ target = os.exit, args = { 5 } }
         full()
         local worst = 0
         for _ = 1, 100 do
            local began = billiard.now()
            local ok, _, code = p:start()
            worst = math.max(worst, billiard.now() - began)
            assert(not ok and code == "EAGAIN", code)
            assert(running:is_alive())
         end
         assert(worst < 5, worst)
         assert(running:stop())
         room()
         assert(p:start() == p)
         assert(select(3, p:join()) == 5)
         say "done"]])
   end)
end)

describe("too little memory", function()
   helper.guard()

   -- builds a list until there is no more memory
   local function devour()
      local list = {}
      repeat
         list[#list + 1] = ("x"):rep(100000) .. #list
      until #list == math.maxinteger
   end

   it("R04: ends a child with an error, and it alone", function()
      if helper.asan then
         pending "address space limits do not hold under ASan"
      end
      local other = assert(Process { target = function()
         io.read()
      end, stdin = "pipe" }:start())
      local p = assert(Process { target = devour, stderr = "null",
                                 limits = { as = 64 << 20 } }:start())
      assert.same({ true, "exit", 1 }, { p:join(60 * helper.scale) })
      assert.matches("not enough memory", p.error.message)
      assert.equal(p.pid, p.error.pid)
      assert.equal(1, p.error.exitcode)
      p:close()
      assert.is_true(other:is_alive())
      other.stdin:close()
      assert.same({ true, "exit", 0 }, { other:join() })
      other:close()
   end)

   it("R04: can be caught in the child", function()
      if helper.asan then
         pending "address space limits do not hold under ASan"
      end
      local p = assert(Process { limits = { as = 64 << 20 },
         target = function()
            local ok, message = pcall(devour)
            collectgarbage()
            os.exit(not ok and message == "not enough memory" and 9 or 1)
         end }:start())
      assert.same({ true, "exit", 9 }, { p:join(60 * helper.scale) })
      p:close()
   end)

   it("R04: a closed Process holds nothing", function()
      local seen = setmetatable({}, { __mode = "v" })
      local function come_and_go()
         local big = setmetatable({}, { __gc = function() end })
         local p = assert(Process { args = { big }, fields = { big = big },
                                    target = function() end }:start())
         assert(p:join())
         p:close()
         seen.big, seen.process = big, p
      end
      come_and_go()
      for _ = 1, 3 do collectgarbage() end
      assert.is_nil(seen.big)
      assert.is_nil(seen.process)
   end)
end)

describe("a limit of one child", function()
   helper.guard()

   local function ends(spec)
      local p = assert(Process(spec):start())
      local results = { p:join(60 * helper.scale) }
      local e = p.error
      p:close()
      return results, e
   end

   it("R09: cpu is named in its error", function()
      local got, e = ends { limits = { cpu = 1 },
                            target = function() while true do end end }
      assert.same({ true, "signal", 24 }, got)
      assert.equal("TimeLimitExceeded", e.code)
      assert.matches("limit cpu = 1", e.message)
      assert.equal(24, e.signal)
   end)

   it("R09: fsize is named in its error", function()
      local name = helper.tmpname()
      local got, e = ends { limits = { fsize = 1000 }, target = function()
         local file <close> = io.open(name, "w")
         file:write(("x"):rep(5000))
         file:flush()
      end }
      assert.same({ true, "signal", 25 }, got)
      assert.equal("EFBIG", e.code)
      assert.matches("limit fsize = 1000", e.message)
   end)

   it("R09: nofile makes opens fail in the child", function()
      local got = ends { limits = { nofile = 20 }, target = function()
         local files, code = {}, nil
         for i = 1, 100 do
            local _ files[i], _, code = io.open "/dev/null"
            if not files[i] then break end
         end
         os.exit(code == 24 and #files < 20 and 9 or 1)
      end }
      assert.same({ true, "exit", 9 }, got)
      assert(assert(io.open "/dev/null"):close()) -- none is used up here
   end)

   it("R09: holds for commands, and for nobody else", function()
      local text = "ulimit -c; ulimit -n; ulimit -t"
      local p = assert(Process { command = { "sh", "-c", text },
         limits = { core = 0, nofile = 33, cpu = 44 },
         stdout = "pipe" }:start())
      assert.equal("0\n33\n44\n", p.stdout:read "a")
      assert(p:join())
      p.stdout:close()
      p:close()
      assert.not_matches("\n33\n", billiard.run { "sh", "-c", text }.stdout)
   end)

   it("R09: nproc makes a start fail in the child", function()
      local out = kit.run [[
         assert(faults.become(65534))
         local p = assert(Process{ limits = { nproc = 1 },
            stdout = "inherit", target = function()
               local ok, _, code = Process{
                  target = function() end }:start()
               say(tostring(ok), code)
            end }:start())
         p:join()
         assert(Process{ target = function() end }:start():join())]]
      assert.equal("nil EAGAIN\n", out)
   end)

   it("R09: that cannot be set is refused at the start", function()
      local out, err = kit.run [[
         assert(faults.become(65534))
         for _, kind in ipairs{ "target", "command" } do
            local p = Process{ nice = -5,
               [kind] = kind == "command" and { "true" } or print }
            local ok, message, code = p:start()
            say(tostring(ok), code, tostring(message:find "nice" ~= nil))
            assert(zombies() == 0)
         end]]
      assert.equal("", err)
      assert.matches("^nil EA?[CP][CE][ER][SM] true\nnil E%u+ true\n$", out)
   end)
   kit.faults()
end)
