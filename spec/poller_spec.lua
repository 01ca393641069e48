-- billiard.Poller: many things in one call.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local socket = require "socket"

local Process, Poller = billiard.Process, billiard.Poller
local LONG <const> = 20 * helper.scale
local cat, finish, until_told = child.cat, child.finish, child.until_told

-- An object on a descriptor; timeout may be changed.
local function object(fd, events)
  local o = { fd = fd }
  o.pollfd = function() return o.fd end
  o.events = function() return events or "r" end
  o.timeout = function() return o.seconds end
  return o
end

describe("billiard.Poller", function()
  helper.guard()

  it("returns the tags of the ready, and the objects themselves without", function()
    local poller <close> = assert(Poller())
    local a, b, c = cat(), cat(), cat()
    assert.is_true(poller:add(a.stdout, "a"))
    assert.is_true(poller:add(b.stdout))
    assert.is_true(poller:add(c.stdout, false))
    assert.same({}, poller:wait(0))
    a.stdin:write "x"
    assert.same({ "a" }, poller:wait(LONG))
    assert.equal("x", a.stdout:read(1))
    b.stdin:write "x"
    local ready = poller:wait(LONG)
    assert.same({ 1, b.stdout }, { #ready, ready[1] })
    assert.equal("x", b.stdout:read(1))
    c.stdin:write "x"
    assert.same({ false }, poller:wait(LONG))
    for _, p in ipairs { a, b, c } do finish(p) end
  end)

  it("returns an empty list when the time is over", function()
    local poller <close> = Poller()
    local began = billiard.now()
    assert.same({}, poller:wait(0))
    assert.same({}, poller:wait(-1))
    assert.same({}, poller:wait(0.05))
    assert.is_true(billiard.now() - began >= 0.05)
  end)

  it("says that something is ready until it is not, or is removed", function()
    local poller <close> = Poller()
    local p = cat()
    poller:add(p.stdout)
    p.stdin:write "xy"
    for _ = 1, 3 do assert.same({ p.stdout }, poller:wait(LONG)) end
    assert.equal("xy", p.stdout:read(2))
    assert.same({}, poller:wait(0))
    p.stdin:write "z"
    assert.same({ p.stdout }, poller:wait(LONG))
    assert.is_true(poller:remove(p.stdout))
    assert.same({}, poller:wait(0))
    assert.is_true(poller:add(p.stdout, "again"))
    assert.same({ "again" }, poller:wait(LONG))
    poller:remove(p.stdout)
    finish(p)
  end)

  it("keeps saying that a Process has ended", function()
    local poller <close> = Poller()
    local a, b = until_told(), until_told()
    poller:add(a, "a")
    poller:add(b, "b")
    assert.same({}, poller:wait(0))
    a.stdin:close()
    assert.same({ "a" }, poller:wait(LONG))
    assert.is_true(a:join(0)) -- it was true
    assert.same({ "a" }, poller:wait(0)) -- and still is, also when reaped
    poller:remove(a)
    assert.same({}, poller:wait(0))
    poller:add(a, "late")
    assert.same({ "late" }, poller:wait(0))
    poller:remove(a)
    poller:remove(b)
    a:close()
    finish(b)
  end)

  it("returns all that are ready, hundreds of them, once each", function()
    local poller <close> = Poller()
    local p = cat()
    local n = 500
    for i = 1, n do poller:add(object(p.stdin:fileno(), "w"), i) end
    local ready = poller:wait(LONG)
    table.sort(ready)
    assert.equal(n, #ready)
    for i = 1, n do assert.equal(i, ready[i]) end
    finish(p)
  end)

  it("tells two objects with one descriptor apart by their events", function()
    local poller <close> = Poller()
    local server <close> = setmetatable({ assert(socket.bind("127.0.0.1", 0)) },
      { __close = function(s) s[1]:close() end })
    local one = assert(socket.connect("127.0.0.1", (select(2, server[1]:getsockname()))))
    local other = server[1]:accept()
    local reads, writes = object(one:getfd(), "r"), object(one:getfd(), "w")
    poller:add(reads, "reads")
    poller:add(writes, "writes")
    poller:add(one, "socket")
    assert.same({ "writes" }, poller:wait(LONG))
    other:send "x"
    helper.eventually(function() return #poller:wait(LONG) == 3 end)
    poller:remove(writes)
    poller:remove(one)
    assert.same({ "reads" }, poller:wait(LONG))
    poller:remove(reads)
    assert.same({}, poller:wait(0))
    one:close()
    other:close()
  end)

  it("takes what is ready out and other things in between two waits", function()
    local poller <close> = Poller()
    local list = {}
    for i = 1, 8 do
      list[i] = cat()
      poller:add(list[i].stdout, i)
    end
    for i = 1, 4 do list[i].stdin:write "x" end
    local seen = 0
    while seen < 4 do
      for _, i in ipairs(poller:wait(LONG)) do
        seen = seen + 1
        poller:remove(list[i].stdout)
        poller:add(object(list[i].stdin:fileno(), "r"), i) -- never readable
      end
    end
    assert.same({}, poller:wait(0))
    assert.equal("<Poller(8 objects)>", tostring(poller))
    for _, p in ipairs(list) do finish(p) end
  end)

  it("calls a regular file always ready, as poll does", function()
    local poller <close> = Poller()
    local name = helper.tmpname()
    local file <close> = assert(io.open(name))
    local p = assert(Process { command = { "sleep", "600" }, stdin = file,
      stdout = "pipe" }:start())
    -- the descriptor of a file: the only number of ours that stands for name
    local _, fds = helper.fds()
    local fd
    for number, target in pairs(fds) do fd = target == name and number or fd end
    local reads, writes = object(fd, "r"), object(fd, "w")
    for _, thing in ipairs { fd, reads, writes, p.stdout } do poller:add(thing) end
    for _ = 1, 2 do assert.equal(3, #poller:wait(LONG)) end
    local outer <close> = Poller()
    outer:add(poller, "inner")
    assert.same({ "inner" }, outer:wait(0))
    for _, thing in ipairs { fd, reads, writes } do poller:remove(thing) end
    assert.same({}, poller:wait(0))
    assert.same({}, outer:wait(0))
    p.stdout:close()
    p:kill()
    p:join(LONG)
    p:close()
  end)

  it("keeps what is added alive", function()
    local poller <close> = Poller()
    local p = cat()
    local weak = setmetatable({ object(p.stdout:fileno()) }, { __mode = "v" })
    poller:add(weak[1], "it")
    collectgarbage()
    collectgarbage()
    p.stdin:write "x"
    assert.same({ "it" }, poller:wait(LONG))
    poller:remove(weak[1])
    collectgarbage()
    assert.is_nil(weak[1])
    finish(p)
  end)

  it("raises for a second add, a stranger's remove, and what has no descriptor", function()
    local poller <close> = Poller()
    local p = cat()
    poller:add(p.stdout)
    local function refuses(message, method, ...)
      local ok, err = pcall(poller[method], poller, ...)
      assert.is_false(ok)
      assert.matches(message, err)
    end
    refuses("in this Poller already", "add", p.stdout)
    refuses("not in this Poller", "remove", p.stdin)
    refuses("not in this Poller", "remove", nil)
    refuses("not a file descriptor", "add", -1)
    refuses("not a file descriptor", "add", 1.5)
    refuses("pollfd, getfd or fileno; got string", "add", "x")
    refuses("cannot be waited for", "add", nil)
    refuses("not started", "add", Process {})
    refuses("number", "wait", "soon")
    assert.equal("<Poller(1 objects)>", tostring(poller))
    finish(p)
  end)

  it("names the caller's line when it raises", function()
    local poller <close> = Poller()
    local ok, err = pcall(function() poller:remove(1) end)
    assert.is_false(ok)
    assert.matches("^[^:]*poller_spec.lua:%d+: ", err)
  end)

  it("reports a number that is no descriptor", function()
    local poller <close> = Poller()
    local none, err, code = poller:add(9999)
    assert.same({ nil, "bad file descriptor (add)", "EBADF" }, { none, err, code })
    assert.equal("<Poller(0 objects)>", tostring(poller))
  end)

  it("closes, again too, and raises afterwards", function()
    local poller = Poller()
    assert.equal("<Poller(0 objects)>", tostring(poller))
    poller:close()
    poller:close()
    assert.equal("<Poller(closed)>", tostring(poller))
    for _, method in ipairs { "add", "remove", "wait", "fileno", "pollfd", "events",
      "timeout", "getfd", "dirty" } do
      local ok, err = pcall(poller[method], poller, 1)
      assert.is_false(ok)
      assert.matches("Poller is closed", err)
    end
  end)
end)

describe("a descriptor that is closed while it is added", function()
  helper.guard()

  it("is not ready, can be removed, and its number added again", function()
    local poller <close> = Poller()
    local a = cat()
    local old = object(a.stdout:fileno())
    poller:add(old, "old")
    a.stdin:write "x"
    assert.same({ "old" }, poller:wait(LONG))
    finish(a)
    assert.same({}, poller:wait(0))
    local b = cat()
    assert.is_true(b.stdout:fileno() == old.fd or b.stdin:fileno() == old.fd)
    local new = object(old.fd, b.stdin:fileno() == old.fd and "w" or "r")
    poller:add(new, "new")
    b.stdin:write "x"
    assert.same({ "new" }, poller:wait(LONG))
    poller:remove(old)
    assert.same({ "new" }, poller:wait(LONG))
    poller:remove(new)
    finish(b)
  end)

  it("is not heard of when a child keeps the file open", function()
    local poller <close> = Poller()
    local server = assert(socket.bind("127.0.0.1", 0))
    local near = assert(socket.connect("127.0.0.1", (select(2, server:getsockname()))))
    local far = server:accept()
    local p = until_told() -- has a copy of near
    local fd = object(near:getfd())
    poller:add(fd, "gone")
    near:close()
    poller:remove(fd)
    far:send "x" -- epoll reports it, and it cannot be taken out by its number
    assert.same({}, poller:wait(0.05))
    poller:add(p, "p")
    p.stdin:close()
    assert.same({ "p" }, poller:wait(LONG))
    p:join(LONG)
    p:close()
    far:close()
    server:close()
  end)
end)

describe("the timeouts of what is in a Poller", function()
  helper.guard()

  it("has a kill carried out that is due, whenever it was asked for", function()
    local poller <close> = Poller()
    local p = Process { ready = { fd = 3 }, command = { "sh", "-c",
      "trap '' TERM; echo >&3; while :; do sleep 0.05; done" } }
    assert(p:start():wait_ready(LONG))
    poller:add(p)
    assert.is_nil(poller:timeout())
    p:terminate_controlled(0.1)
    local left = poller:timeout()
    assert.is_true(left > 0 and left <= 0.1)
    assert.same({ p }, poller:wait(LONG))
    assert.same({ true, "signal", 9 }, { p:join(0) })
    assert.is_nil(poller:timeout())
    poller:remove(p)
    p:close()
  end)

  it("makes an object ready that is due, and asks again after that", function()
    local poller <close> = Poller()
    local o = object(nil)
    o.seconds = 0.02
    poller:add(o)
    assert.is_true(poller:timeout() <= 0.02)
    assert.same({}, poller:wait(0))
    o.seconds = 0
    assert.same({ o }, poller:wait(LONG))
    assert.is_true(poller:dirty())
    o.seconds = nil
    assert.same({}, poller:wait(0))
    assert.is_nil(poller:timeout())
    assert.is_false(poller:dirty())
  end)

  it("reports an object once that is due and readable", function()
    local poller <close> = Poller()
    local p = cat()
    local o = object(p.stdin:fileno(), "w")
    o.seconds = 0
    poller:add(o)
    for _ = 1, 2 do assert.same({ o }, poller:wait(LONG)) end
    poller:remove(o)
    finish(p)
  end)

  it("passes on what an object's method raises", function()
    local poller <close> = Poller()
    local o = object(nil)
    o.seconds = 1
    poller:add(o)
    o.timeout = function() error "no idea" end
    local ok, err = pcall(poller.wait, poller, 0)
    assert.is_false(ok)
    assert.matches("no idea", err)
  end)
end)

describe("a Poller in a child", function()
  helper.guard()

  it("raises, leaves the parent's set alone, and the child makes its own", function()
    local poller <close> = Poller()
    local p = cat()
    poller:add(p.stdout, "stdout")
    local words = child.words { start_method = "fork", target = function()
      for _, method in ipairs { "add", "remove", "wait", "fileno", "close" } do
        local ok, err = pcall(poller[method], poller, 0)
        assert(not ok and err:find("belongs to process " .. billiard.parent_process().pid), err)
      end
      io.write(tostring(poller):match "Poller", " ")
      local own <close> = billiard.Poller()
      own:add(0, "stdin")
      io.write(own:wait(LONG)[1])
    end }
    assert.same({ "Poller", "stdin" }, words)
    p.stdin:write "x"
    assert.same({ "stdout" }, poller:wait(LONG))
    finish(p)
  end)

  it("is ended by controlled termination while it waits", function()
    local p = child.sleeper { target = function()
      local own <close> = billiard.Poller()
      own:add(billiard.parent_process())
      billiard.ready()
      own:wait()
    end }
    assert(p:wait_ready(LONG))
    assert(p:terminate_controlled(LONG))
    assert.same({ true, "signal", 15 }, { p:join(LONG) })
    p:close()
  end)
end)
