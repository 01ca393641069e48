-- Process before and around its start: options, names, fields, subclasses,
-- what a handle tells, and how it is let go of.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local Process = billiard.Process
local KILL <const>, TERM <const> = 9, 15
local LONG <const> = 20 * helper.scale

local function nothing() end

-- Builds a process that is closed again; what f returns of it.
local function built(spec, f)
  local p <close> = Process(spec)
  return f(p)
end

local function number_of(p) return math.tointeger(p.name:match "^%u%l+%-(%d+)$") end

describe("billiard.Process", function()
  helper.guard()

  it("can be built of nothing, and then does nothing", function()
    local p <close> = Process {}
    assert.equal(p, p:start())
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
  end)

  it("calls the target with args, nils among them, and kwargs last", function()
    local function target(...)
      local args = table.pack(...)
      io.write(args.n, " ", args[1], " ", tostring(args[2]), " ", args[3], " ",
        args[4].colour)
    end
    assert.same({ "4", "a", "nil", "1.5", "red" }, child.words {
      target = target,
      args = { "a", nil, 1.5, n = 3 },
      kwargs = { colour = "red" },
    })
    assert.same({ "0" }, child.words(function(...) io.write(select("#", ...)) end))
    assert.same({ "1" }, child.words {
      target = function(...) io.write(select("#", ...)) end, kwargs = {},
    })
  end)

  it("copies args and kwargs when it is built", function()
    local args, kwargs = { "before" }, { key = "before" }
    local spec = { args = args, kwargs = kwargs, stdout = "pipe",
      target = function(a, k) io.write(a, " ", k.key) end }
    local p <close> = Process(spec)
    args[1], kwargs.key, spec.target = "after", "after", error
    assert(p:start())
    local stdout <close> = p.stdout
    assert.equal("before before", stdout:read("a", LONG))
    p:join()
  end)

  it("takes the next number when it is built, not when it is started", function()
    local a <close> = Process {}
    local b <close> = Process {}
    local n = number_of(a)
    assert.equal(n + 1, number_of(b))
    assert(b:start():join(LONG))
    assert.equal(n + 2, built({}, number_of))
  end)

  it("takes a number also when it is given a name", function()
    local n = built({}, number_of)
    assert.equal("worker", built({ name = "worker" }, function(p) return p.name end))
    assert.equal(n + 2, built({}, number_of))
  end)

  it("numbers the children of a child below its own number", function()
    local p <close> = Process { stdout = "pipe", target = function()
      local me = billiard.current_process()
      local first, second = Process { name = "other" }, Process {}
      io.write(me.name, " ", second.name, " ", (child.run(function()
        io.write(billiard.current_process().name, " ", Process {}.name)
      end)))
      first:close()
    end }
    local name = p.name
    p:start()
    local stdout <close> = p.stdout
    assert.equal(("%s %s:2 %s:3 %s:3:1"):format(name, name, name, name),
      stdout:read("a", LONG))
    p:join()
  end)

  it("is called MainProcess in the process that was not started by it", function()
    local main = billiard.current_process()
    assert.equal("MainProcess", main.name)
    assert.equal(helper.pid(), main.pid)
    assert.equal(main.pid, main.ident)
    assert.is_true(main:is_alive())
    assert.is_false(main.daemon)
    assert.is_nil(main.exitcode)
    assert.is_nil(billiard.parent_process())
    assert.equal("<Process(MainProcess, started)>", tostring(main))
    assert.equal(main, billiard.current_process())
  end)

  it("can be renamed at any time; the child keeps its own copy", function()
    local p <close> = Process { name = "a", stdin = "pipe", stdout = "pipe",
      target = function()
        io.read()
        local me = billiard.current_process()
        io.write(me.name, " ")
        me.name = "c"
        io.write(me.name)
      end }
    p:start()
    p.name = "b"
    p.stdin:close()
    local stdout <close> = p.stdout
    assert.equal("a c", stdout:read("a", LONG))
    p:join()
    assert.equal("b", p.name)
  end)

  it("holds what it was started with until then, and no longer", function()
    local weak = setmetatable({}, { __mode = "k" })
    local function heavy()
      local args, kwargs = { {} }, { {} }
      local target = function() return args end
      weak[target], weak[args[1]], weak[kwargs[1]] = true, true, true
      return Process { target = target, args = args, kwargs = kwargs }
    end
    local p <close> = heavy()
    collectgarbage()
    assert.is_not_nil(next(weak))
    p:start()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("fields of a Process", function()
  helper.guard()

  it("reach the child, given or assigned before the start", function()
    local Worker = Process:extend "Worker"
    function Worker:run() io.write(self.colour, " ", self.list[2], " ", self.size) end
    local p <close> = Worker { stdout = "pipe", fields = { colour = "red", size = 1 } }
    p.list = { 1, "two" }
    p.size = 3
    assert.equal("red", p.colour)
    p:start()
    p.colour = "blue"
    local stdout <close> = p.stdout
    assert.equal("red two 3", stdout:read("a", LONG))
    p:join()
    assert.equal("blue", p.colour)
  end)

  it("are nil where they were never set, and may be of any type", function()
    local p <close> = Process {}
    assert.is_nil(p.nothing)
    assert.is_nil(p[1])
    p[1], p[nothing] = "one", "f"
    assert.equal("one", p[1])
    assert.equal("f", p[nothing])
  end)

  it("belong to one process, not to its class", function()
    local a <close> = Process {}
    local b <close> = Process {}
    a.colour = "red"
    assert.is_nil(b.colour)
  end)
end)

describe("a subclass of Process", function()
  helper.guard()

  it("has its name in the default name and in tostring", function()
    local Worker = Process:extend "Worker"
    local p <close> = Worker {}
    local name = p.name
    assert.matches("^Worker%-%d+$", name)
    assert.equal(("<Worker(%s, initial)>"):format(name), tostring(p))
  end)

  it("overrides run, and reaches the one above by super", function()
    local Worker = Process:extend "Worker"
    function Worker:run()
      io.write("before ")
      Worker.super.run(self)
      io.write(" after")
    end
    assert.equal(Process, Worker.super)
    assert.equal("before red after", (child.run({
      target = io.write, args = { "red" } }, Worker)))
  end)

  it("takes its methods along, and those of the classes above", function()
    local Worker = Process:extend "Worker"
    function Worker:greet() return "hello " .. self:whom() end
    function Worker.whom() return "you" end
    local Polite = Worker:extend "Polite"
    function Polite.whom() return "madam" end
    function Polite:run() io.write(self:greet(), ", ", tostring(self)) end
    local text = child.run({ name = "p" }, Polite)
    assert.equal("hello madam, <Polite(p, started)>", text)
    assert.equal(Worker, Polite.super)
  end)

  it("is what current_process returns in the child", function()
    local Worker = Process:extend "Worker"
    function Worker:run() io.write(tostring(self == billiard.current_process())) end
    assert.equal("true", (child.run({}, Worker)))
  end)

  it("may run in the process that calls it, as any method", function()
    local Worker = Process:extend "Worker"
    local ran
    function Worker:run() ran = self end
    local p <close> = Worker {}
    p:run()
    assert.equal(p, ran)
    assert.matches("initial", tostring(p), 1, true)
  end)

  it("leaves Process and its other subclasses as they were", function()
    local Worker, Other = Process:extend "Worker", Process:extend "Other"
    function Worker.greet() end
    assert.is_nil(Process.greet)
    assert.is_nil(Other.greet)
    assert.matches("^Process%-", built({}, function(p) return p.name end))
  end)
end)

describe("what a Process tells", function()
  helper.guard()

  it("goes from initial to started to stopped", function()
    local p <close> = Process { name = "p", stdin = "pipe", target = io.read }
    assert.equal("<Process(p, initial)>", tostring(p))
    assert.is_false(p:is_alive())
    assert.same({}, { p.pid, p.ident, p.exitcode, p.started_at, p.ended_at, p.rusage })
    p:start()
    assert.equal("<Process(p, started)>", tostring(p))
    assert.is_true(p:is_alive())
    assert.equal("integer", math.type(p.pid))
    assert.equal(p.pid, p.ident)
    assert.same({}, { p.exitcode, p.ended_at, p.rusage })
    p.stdin:close()
    assert.same({ true, "exit", 0 }, { p:join(LONG) })
    assert.equal("<Process(p, stopped)>", tostring(p))
    assert.is_false(p:is_alive())
    assert.equal(0, p.exitcode)
  end)

  it("is the status, the signal, and that it is a daemon", function()
    local p <close> = Process { name = "p", target = os.exit, args = { 3 } }
    p:start():join(LONG)
    assert.equal("<Process(p, stopped[3])>", tostring(p))
    local q <close> = child.sleeper { name = "q", daemon = true }
    assert.equal("<Process(q, started daemon)>", tostring(q))
    q:kill()
    q:join(LONG)
    assert.equal("<Process(q, stopped[SIGKILL] daemon)>", tostring(q))
    assert.equal(-KILL, q.exitcode)
  end)

  it("is closed after close, and unknown in another process", function()
    local p = child.sleeper { name = "p" }
    assert.equal("<Process(p, unknown)>", (child.run { start_method = "fork",
      target = function() io.write(tostring(p)) end }))
    p:kill()
    p:join(LONG)
    p:close()
    assert.equal("<Process(p, closed)>", tostring(p))
  end)

  it("is how it was started, and whether it was told to unwind", function()
    local p <close> = Process {}
    local q <close> = Process { command = { "true" } }
    assert.equal(helper.method, p.start_method)
    assert.is_nil(q.start_method)
    assert.is_false(p.controlled)
    p:start():join(LONG)
    assert.is_false(p.controlled)
  end)

  it("is when it began and ended, and what it used", function()
    local before = billiard.now()
    local p <close> = Process { target = function()
      local s <const> = os.clock()
      while os.clock() - s < 0.05 do end -- busy: rusage shows it
    end }
    p:start():join(LONG)
    assert.is_true(before <= p.started_at and p.started_at < p.ended_at)
    assert.is_true(p.ended_at <= billiard.now())
    local usage = p.rusage
    assert.is_true(usage.utime + usage.stime >= 0.04)
    assert.is_true(usage.utime + usage.stime < p.ended_at - p.started_at + 0.1)
    assert.equal("integer", math.type(usage.maxrss))
    assert.is_true(usage.maxrss > 100)
  end)

  it("cannot be assigned, but for name, daemon and authkey", function()
    local p <close> = Process {}
    for _, key in ipairs { "pid", "ident", "exitcode", "sentinel", "controlled",
      "start_method", "error", "rusage", "started_at", "ended_at", "stdin",
      "stdout", "stderr" } do
      assert.has_error(function() p[key] = 1 end)
    end
    p.daemon = true
    assert.is_true(p.daemon)
  end)
end)

describe("letting a Process go", function()
  helper.guard()

  it("is done by close, once it has ended; again it does nothing", function()
    local n = helper.fds()
    local p = child.sleeper {}
    assert.has_error(function() p:close() end)
    p:terminate()
    p:join(LONG)
    p:close()
    assert.has_no_error(function() p:close() end)
    for _, name in ipairs { "join", "is_alive", "terminate", "kill", "start" } do
      assert.has_error(function() p[name](p) end)
    end
    assert.has_error(function() return p.exitcode end)
    assert.equal(n, (helper.fds()))
  end)

  it("is done by <close>, with the stop ladder for what still runs", function()
    local pid
    do
      local p <close> = child.sleeper {}
      pid = p.pid
    end
    assert.is_nil(helper.proc_state(pid))
    do
      local p <close> = Process {}
      assert.equal("initial", tostring(p):match "%l+%)>$":sub(1, -3))
    end
  end)

  it("is done by <close> also when an error passes", function()
    local p
    local ok, err = pcall(function()
      local q <close> = child.sleeper {}
      p = q
      error "passing"
    end)
    assert.is_false(ok)
    assert.matches("passing", err)
    assert.matches("closed", tostring(p), 1, true)
  end)

  it("changes nothing for the child when the variable goes", function()
    local pid
    do
      local p = Process { command = { "sleep", "3600" } }
      p:start()
      pid = p.pid
    end
    collectgarbage()
    collectgarbage()
    assert.equal(1, #billiard.active_children())
    local p <close> = billiard.active_children()[1]
    assert.equal(pid, p.pid)
    p:terminate()
    assert.same({ true, "signal", TERM }, { p:join(LONG) })
  end)
end)
