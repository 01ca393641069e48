-- Wrong types, wrong order, wrong process: an error where the caller stands,
-- with the name of what is wrong and what would be right.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process
local raises = kit.raises
local NAN <const> = 0 / 0

local function nothing() end
local function for_ever() while true do billiard.sleep(3600) end end

-- Runs f in a child; what it raises is raised here.
local function in_child(f)
   local p = assert(Process { target = f, stderr = "null" }:start())
   local _, how, n = p:join()
   local message = p.error and tostring(p.error)
   p:close()
   assert.is_nil(message)
   assert.same({ "exit", 0 }, { how, n })
end

-- ---- options ----

local closed_file = io.tmpfile()
closed_file:close()

-- key, a wrong value, what the message says beside the key
local wrong = {
   { "target", 5, "function" }, { "target", "x", "function" },
   { "target", {}, "function" }, { "target", io.stdout, "function" },
   { "target", coroutine.create(nothing), "function" },
   { "args", 1, "table" }, { "kwargs", "x", "table" },
   { "fields", true, "table" },
   { "name", 5, "string" }, { "name", "a\0b", "null bytes" },
   { "daemon", 1, "boolean" }, { "daemon", "true", "boolean" },
   { "group", "g", "nil" }, { "group", false, "nil" },
   { "command", "ls", "table" }, { "command", {}, "empty" },
   { "command", { "ls", {} }, "string" },
   { "command", { "ls", true }, "string" },
   { "command", { "l\0s" }, "null bytes" },
   { "env", "A=B", "table" }, { "env", { "A=B" }, "names" },
   { "env", { ["A=B"] = "c" }, "names" }, { "env", { A = {} }, "string" },
   { "env", { A = "x\0y" }, "null bytes" }, { "env", { [""] = "x" }, "names" },
   { "cwd", 5, "string" }, { "cwd", "/\0", "null bytes" },
   { "stdin", "bogus", "inherit" }, { "stdin", {}, "pipe" },
   { "stdin", "stdout", "inherit" }, { "stdout", "stdout", "inherit" },
   { "stdout", -1, "fd" }, { "stdout", 1.5, "fd" }, { "stderr", 2^40, "fd" },
   { "stdout", closed_file, "open file" }, { "stderr", true, "stdout" },
   { "limits", 5, "table" }, { "limits", { bogus = 1 }, "nofile" },
   { "limits", { as = "x" }, "integer" }, { "limits", { as = -1 }, "integer" },
   { "limits", { cpu = 1.5 }, "integer" }, { "limits", { 5 }, "nofile" },
   { "nice", 1.5, "integer" }, { "nice", 99, "integer" },
   { "umask", 4096, "integer" }, { "umask", "022", "integer" },
   { "session", 1, "boolean" }, { "pgroup", "x", "boolean" },
   { "start_timeout", "1", "seconds" }, { "start_timeout", NAN, "seconds" },
   { "start_timeout", -1, "seconds" }, { "start_timeout", true, "seconds" },
   { "start_method", "vfork", "fork" }, { "start_method", 5, "string" },
   { "allow_threads", 1, "boolean" }, { "ready", 5, "table" },
   { "ready", {}, "fd" }, { "ready", { fd = 3 }, "command" },
   { "authkey", "", "bytes" }, { "authkey", 5, "AuthenticationString" },
   { "authkey", {}, "AuthenticationString" },
}

describe("the options of Process", function()
   helper.guard()

   it("U01: of a wrong type raise, and say what would be right", function()
      for _, row in ipairs(wrong) do
         local key, value, right = table.unpack(row)
         raises(function() Process { [key] = value } end, "Process", key,
            right)
      end
   end)

   it("U01: that hide a method or a property raise", function()
      raises(function() Process { fields = { start = 1 } } end, "start",
         "method")
      raises(function() Process { fields = { pid = 1 } } end, "pid",
         "property")
   end)

   it("U01: inside others raise", function()
      raises(function() Process { ready = { fd = 1 } } end, "fd", "3")
      raises(function() Process { ready = { bogus = 1 } } end, "bogus", "fd")
   end)

   it("U01: that are unknown raise, and the known ones are listed", function()
      raises(function() Process { targt = nothing } end, "targt",
         "unknown option", "target", "args", "command", "daemon")
      raises(function() Process { nothing } end, "1", "target")
      raises(function() Process { [{}] = 1 } end, "unknown option")
      raises(function() Process { [NAN == 1] = 1 } end, "unknown option")
   end)

   it("U01: in no table raise", function()
      for _, value in ipairs { 1, "x", true, nothing } do
         raises(function() Process(value) end, "table", type(value))
      end
   end)

   it("U01: that do not go together raise", function()
      local command = { "true" }
      raises(function() Process { command = command, target = nothing } end,
         "target", "command")
      raises(function() Process { command = command, args = {} } end,
         "args", "command")
      raises(function() Process { command = command, kwargs = {} } end,
         "kwargs", "command")
   end)

   it("U01: take the next number only when they are right", function()
      local function number()
         local p = Process {}
         p:close()
         return tonumber(tostring(p):match "Process%-(%d+)")
      end
      local before = number()
      pcall(Process, { bogus = 1 })
      assert.equal(before + 1, number())
   end)
end)

describe("the options of run", function()
   helper.guard()

   it("U01: raise where they are wrong", function()
      raises(function() billiard.run() end, "run", "table")
      raises(function() billiard.run "ls" end, "run", "table")
      raises(function() billiard.run { "ls", bogus = 1 } end, "bogus",
         "timeout")
      raises(function() billiard.run { "ls", timeout = "1" } end, "timeout",
         "number")
      raises(function() billiard.run { "ls", timeout = NAN } end, "timeout",
         "NaN")
      raises(function() billiard.run { "ls", input = 5 } end, "input",
         "string")
      raises(function() billiard.run { "ls", cwd = 5 } end, "cwd", "string")
      raises(function() billiard.run { "ls", env = "A" } end, "env", "table")
   end)

   it("U01: raise for a command that is none", function()
      raises(function() billiard.run {} end, "run", "empty")
      raises(function() billiard.run { "ls", {} } end, "run", "string")
      raises(function() billiard.run { "l\0s" } end, "run", "null bytes")
      raises(function() billiard.run { "ls", env = { 5 } } end, "run", "env")
   end)
end)

-- ---- functions ----

describe("a wrong argument", function()
   helper.guard()

   it("U01: of a function raises", function()
      for _, value in ipairs { "1", true, {}, nothing, NAN } do
         raises(function() billiard.sleep(value) end, "#1")
         raises(function() billiard.wait({}, value) end, "#2")
      end
      raises(function() billiard.sleep() end, "#1", "number")
      for _, value in ipairs { 5, "x", true, {} } do
         raises(function() billiard.at_exit(value) end, "#1", "function")
      end
      raises(function() billiard.at_exit() end, "#1", "function")
      raises(function() billiard.wait() end, "#1", "table")
      raises(function() billiard.wait { true } end, "wait", "item 1")
      raises(function() billiard.wait { 0, "x" } end, "wait", "item 2")
      raises(function() billiard.wait { -1 } end, "wait", "item 1")
      raises(function() billiard.wait { {} } end, "wait", "item 1")
      raises(function() billiard.wait { { fileno = tostring } } end, "string")
   end)

   it("U01: of AuthenticationString raises", function()
      local Key = billiard.AuthenticationString
      for _, value in ipairs { 5, true, {}, "" } do
         raises(function() Key(value) end)
      end
      raises(function() Key() end, "string")
      raises(function() Key.random(0) end, "#1")
      raises(function() Key.random "x" end, "#1")
      raises(function() Key.read() end, "#1", "string")
      raises(function() Key("secret"):equals(5) end, "#1", "string")
      raises(function() Key("secretsecret"):sub(1, 12) end, "8 bytes")
      raises(function() Key("secret").sub({}, 1, 2) end, "#1")
      assert.equal("ENOENT", (select(3, Key.read "/no/such/file")))
   end)

   it("U01: of the logger raises", function()
      raises(function() billiard.log_to_stderr "INFO" end, "level", "number")
      raises(function() billiard.set_logger {} end, "set_logger", "debug")
      raises(function() billiard.get_logger():setLevel "x" end, "number")
      local logger = billiard.log_to_stderr()
      raises(function() logger:info("%d", "x") end, "info", "number")
      raises(function() logger:info({}, "x") end, "info", "string")
      billiard.set_logger(nil)
   end)

   it("U01: that is no logger raises", function()
      raises(function() billiard.set_logger(5) end, "set_logger")
      raises(function() billiard.set_logger(true) end, "set_logger")
   end)

   it("U01: of extend raises", function()
      raises(function() Process:extend() end, "extend", "name")
      raises(function() Process:extend(5) end, "extend", "name")
      raises(function() Process:extend "" end, "extend", "name")
   end)

   it("U01: that is a timeout raises, and no other is refused", function()
      local p <close> = assert(Process { target = for_ever }:start())
      for _, value in ipairs { "1", true, {}, NAN } do
         raises(function() p:join(value) end, "#1")
         raises(function() p:wait_ready(value) end, "#1")
         raises(function() p:terminate_controlled(value) end, "#1")
      end
      for _, value in ipairs { 0, -1, -math.huge, math.mininteger, 1e-12 } do
         assert.equal("timeout", (select(2, p:join(value))))
      end
      assert(p:kill())
      assert.is_true((p:join(math.huge)))
   end)

   it("U01: of a method that is too many is ignored", function()
      local p = assert(Process { target = nothing }:start(1, 2, 3))
      assert.is_true((p:join(nil, "x", {})))
      assert.is_false(p:is_alive(5))
      p:close("x")
   end)

   it("U01: of a ladder raises", function()
      local p <close> = assert(Process { target = for_ever }:start())
      raises(function() p:stop(5) end, "stop", "ladder", "table")
      raises(function() p:stop { 5 } end, "stop", "step 1")
      raises(function() p:stop { { "TERM", 1 }, { 1.5, 1 } } end, "step 2")
      raises(function() p:stop { { "TERM" } } end, "step 1", "seconds")
      raises(function() p:stop { TERM = 5 } end, "ladder", "TERM")
      raises(function() p:stop { { "TERM", 1 }, nil, { "KILL" } } end, "ladder")
      raises(function() billiard.policy.stop.graceful "x" end, "graceful")
      raises(function() billiard.policy.stop.drain(-1) end, "drain")
      raises(function() p:stop { { "TERM", -1 } } end, "step 1", "seconds")
      raises(function() p:stop { { "TERM", NAN } } end, "step 1", "seconds")
      raises(function() p:stop { { "TERM", "1" } } end, "step 1", "seconds")
      assert.is_true(p:is_alive())
   end)
end)

-- ---- the wrong moment ----

local needs_start = { "join", "terminate", "kill", "interrupt", "stop",
                      "terminate_controlled", "wait_ready", "detach",
                      "fileno", "pollfd", "getfd", "timeout", "dirty" }
local all_methods = { "start", "is_alive", "send_signal", "events",
                      table.unpack(needs_start) }
local argument = { send_signal = "TERM" }
local properties = { "name", "daemon", "pid", "ident", "exitcode", "authkey",
                     "sentinel", "controlled", "start_method", "error",
                     "rusage", "started_at", "ended_at", "stdin", "stdout",
                     "stderr", "a_field" }

describe("a Process", function()
   helper.guard()

   for _, name in ipairs(needs_start) do
      it(("U01: that is not started raises at %s"):format(name), function()
         local p = Process { target = nothing }
         raises(function() p[name](p) end, name, "not started", "start()")
      end)

      it(("U01: that is this very one raises at %s"):format(name), function()
         local p = billiard.current_process()
         raises(function() p[name](p) end, name)
      end)
   end

   for _, name in ipairs(all_methods) do
      it(("U01: of another type raises at %s"):format(name), function()
         for _, value in ipairs { 5, "x", {}, io.stdout } do
            raises(function() Process[name](value, "TERM") end)
         end
         raises(function() Process[name]() end)
      end)

      it(("U12: that is closed raises at %s"):format(name), function()
         local p = assert(Process { target = nothing }:start())
         assert(p:join())
         p:close()
         raises(function() p[name](p, argument[name]) end, name, "closed")
         assert.matches(", closed", tostring(p), 1, true)
      end)
   end

   it("U01: raises at each step that comes too early or too late", function()
      local p <close> = Process { target = for_ever }
      raises(function() return p.sentinel end, "sentinel", "started")
      raises(function() billiard.wait { p } end, "wait", "not started")
      raises(function() p:send_signal "TERM" end, "send_signal", "start()")
      assert.is_false(p:is_alive())
      assert.is_nil(p.exitcode)
      assert(p:start())
      raises(function() p:start() end, "start", "twice")
      raises(function() p.daemon = true end, "daemon", "before start")
      raises(function() p.authkey = "x" end, "authkey", "before start")
      raises(function() p:close() end, "close", "join", "stop")
      raises(function() p.pid = 5 end, "pid", "read-only")
      raises(function() p.exitcode = 5 end, "exitcode", "read-only")
      raises(function() p.name = 5 end, "name", "string", "number")
      raises(function() p.start = nothing end, "start", "method")
      assert.is_true(p:is_alive())
   end)

   it("U01: raises where a daemon would be detached", function()
      local p <close> = assert(Process { target = for_ever,
                                         daemon = true }:start())
      raises(function() p:detach() end, "detach", "daemon")
      raises(function() Process { daemon = 0 } end, "daemon", "boolean")
      local q = Process { command = { "true" } }
      assert(q:start())
      raises(function() q:wait_ready(0) end, "wait_ready", "ready = { fd")
      assert(q:join())
      q:close()
   end)

   it("U12: may be closed twice, and used no more", function()
      local p = assert(Process { target = nothing, stdout = "pipe" }:start())
      local out = p.stdout
      assert(p:join())
      p:close()
      p:close()
      for _, name in ipairs(properties) do
         raises(function() return p[name] end, "closed")
      end
      raises(function() p.a_field = 1 end, "closed")
      raises(function() p.name = "x" end, "closed")
      raises(function() billiard.wait { p } end, "wait", "closed")
      assert.same({}, billiard.active_children())
      assert.equal("", out:read "a")
      out:close()
      for _, name in ipairs { "read", "lines", "write", "fileno" } do
         raises(function() out[name](out, "a") end, name, "closed")
      end
      raises(function() billiard.wait { out } end, "wait", "closed")
      out:close()
   end)
end)

describe("a handle in another process", function()
   helper.guard()
   local mine = "belongs to process " .. helper.pid()

   it("U01: raises at every method, with its owner's number", function()
      local p <close> = assert(Process { target = for_ever }:start())
      local q = Process { target = nothing }
      in_child(function()
         for _, name in ipairs(all_methods) do
            raises(function() p[name](p, argument[name]) end, name, mine)
            raises(function() q[name](q, argument[name]) end, name, mine)
         end
         raises(function() p:close() end, "close", mine)
         raises(function() billiard.wait { p } end, "wait", mine)
      end)
      assert.is_true(p:is_alive())
   end)

   it("U01: raises at every property, but shows its name", function()
      local p <close> = assert(Process { target = for_ever }:start())
      in_child(function()
         for _, name in ipairs(properties) do
            raises(function() return p[name] end, mine)
         end
         raises(function() p.a_field = 1 end, mine)
         raises(function() p.name = "x" end, mine)
         assert(tostring(p):find("^<Process%(Process"))
      end)
   end)

   it("U01: is not ended by a child's <close> or collector", function()
      local p <close> = assert(Process { target = for_ever }:start())
      in_child(function()
         do
            local q <close> = p -- luacheck: ignore
         end
         collectgarbage()
         collectgarbage()
      end)
      assert.is_true(p:is_alive())
   end)

   it("U01: that is the parent raises in a grandchild", function()
      in_child(function()
         local parent = billiard.parent_process()
         assert(parent:is_alive())
         in_child(function()
            raises(function() parent:is_alive() end, "belongs to process")
            raises(function() parent:join(0) end, "belongs to process")
         end)
      end)
   end)
end)
