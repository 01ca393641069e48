-- wait over processes, descriptors and foreign objects; a Process in the loops
-- of other libraries.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local cqueues = require "cqueues"
local helper = require "spec.helper"
local socket = require "socket"
local uv = require "luv"

local Process = billiard.Process
local wait = billiard.wait
local LONG <const> = 20 * helper.scale

-- A target or command that ends when its stdin does.
local function until_told(command)
  return assert(Process { stdin = "pipe", target = not command and io.read or nil,
    command = command and { "cat" } or nil, stdout = command and "null" or nil }:start())
end

local function tell(p)
  p.stdin:close()
end

local function finish(p)
  tell(p)
  assert(p:join(LONG))
  p:close()
end

describe("billiard.wait", function()
  helper.guard()

  it("returns the ready in the order of the list", function()
    local a, b, c = until_told(), until_told(true), until_told()
    assert.same({}, wait({ a, b, c }, 0))
    tell(c)
    tell(a)
    assert(a:join(LONG) and c:join(LONG))
    local ready = wait({ a, b, c }, LONG)
    assert.equal(2, #ready)
    assert.equal(a, ready[1])
    assert.equal(c, ready[2])
    for _, p in ipairs { a, b, c } do finish(p) end
  end)

  it("wakes when the first one ends", function()
    local a, b = until_told(), until_told()
    tell(b)
    local ready = wait({ a, b }, LONG)
    assert.equal(1, #ready)
    assert.equal(b, ready[1])
    finish(a)
    finish(b)
  end)

  it("returns an empty list when the time is over, at once for 0 and less", function()
    local p = until_told()
    for _, seconds in ipairs { 0, -1 } do assert.same({}, wait({ p }, seconds)) end
    local began = billiard.now()
    assert.same({}, wait({ p }, 0.05))
    assert.is_true(billiard.now() - began >= 0.05)
    assert.same({}, wait({}, 0))
    finish(p)
  end)

  it("takes Streams, descriptors and sentinels", function()
    local p = assert(Process { command = { "cat" }, stdin = "pipe", stdout = "pipe" }:start())
    local things = { p.stdout, p.stdout:fileno(), p.sentinel }
    assert.same({}, wait(things, 0))
    p.stdin:write "x"
    assert.same({ p.stdout, things[2] }, wait(things, LONG))
    assert.equal("x", p.stdout:read(1))
    p.stdin:close()
    p:join(LONG)
    assert.same(things, wait(things, LONG)) -- the end of a stream is ready too
    p.stdout:close()
    p:close()
  end)

  it("waits until a child's stdin can be written, its stdout be read", function()
    local p = assert(Process { command = { "cat" }, stdin = "pipe", stdout = "pipe" }:start())
    assert.same({ p.stdin }, wait({ p.stdin, p.stdout }, LONG))
    assert.same({ "w", "r" }, { p.stdin:events(), p.stdout:events() })
    assert.same({ p.stdin:fileno(), p.stdout:fileno() }, { p.stdin:pollfd(), p.stdout:pollfd() })
    p.stdin:write "x"
    assert.same({ p.stdin, p.stdout }, helper.eventually(function()
      local ready = wait({ p.stdin, p.stdout }, LONG)
      return ready[2] and ready
    end))
    p.stdout:close()
    finish(p)
  end)

  it("takes whatever has pollfd, getfd or fileno, and heeds its events", function()
    local p = assert(Process { command = { "cat" }, stdin = "pipe", stdout = "pipe" }:start())
    local reader, writer = p.stdout:fileno(), p.stdin:fileno()
    local by_pollfd = { pollfd = function() return writer end, events = function() return "w" end }
    local by_getfd = { getfd = function() return reader end }
    local by_fileno = { fileno = function() return reader end }
    assert.same({ by_pollfd }, wait({ by_pollfd, by_getfd, by_fileno }, LONG))
    p.stdin:write "x"
    assert.same({ by_getfd }, wait({ by_getfd }, LONG))
    assert.same({ by_fileno }, wait({ by_fileno }, LONG))
    p.stdout:close()
    finish(p)
  end)

  it("takes sockets of LuaSocket", function()
    local server <close> = setmetatable({ assert(socket.bind("127.0.0.1", 0)) },
      { __close = function(s) s[1]:close() end })
    assert.same({}, wait({ server[1] }, 0))
    local client = assert(socket.connect("127.0.0.1", (select(2, server[1]:getsockname()))))
    assert.same({ server[1] }, wait({ server[1] }, LONG))
    client:close()
  end)

  it("reports a descriptor that is none", function()
    local none, err, code = wait({ 0, 9999 }, 0)
    assert.same({ nil, "EBADF" }, { none, code })
    assert.matches("item 2", err, 1, true)
  end)
end)

describe("the sentinel of a Process", function()
  helper.guard()

  it("raises before the start, and is readable from the end on", function()
    local p = Process { stdin = "pipe", target = io.read }
    assert.has_error(function() return p.sentinel end)
    p:start()
    local fd = p.sentinel
    assert.equal(fd, p.sentinel)
    assert.same({}, wait({ fd }, 0))
    tell(p)
    assert.same({ fd }, wait({ fd }, LONG))
    assert.is_true(p:join(LONG))
    -- not closed under the reader
    assert.equal(fd, p.sentinel)
    assert.same({ fd }, wait({ fd }, 0))
    p:close()
  end)

  it("is readable also when it is asked for after the end", function()
    local p <close> = Process {}
    p:start():join(LONG)
    assert.same({ p.sentinel }, wait({ p.sentinel }, 0))
  end)

  it("is not kept silent by a grandchild", function()
    local p <close> = child.sleeper { target = function()
      local q = Process { command = { "sleep", "3600" }, daemon = false }
      q:start()
      q:detach()
      billiard.ready(tostring(q.pid))
    end }
    local _, pid = p:wait_ready(LONG)
    assert.same({ p.sentinel }, wait({ p.sentinel }, LONG))
    assert(os.execute("kill -9 " .. pid))
    p:join(LONG)
  end)
end)

describe("a Process in another loop", function()
  helper.guard()

  it("is polled by cqueues", function()
    local p, ended = until_told(), nil
    do
      local loop = cqueues.new()
      loop:wrap(function()
        assert.is_nil(p:timeout())
        ended = p
        assert.equal(p, cqueues.poll(p, LONG))
        ended = table.pack(p:join(0))
      end)
      loop:wrap(function()
        while ended ~= p do cqueues.sleep(0) end
        tell(p) -- the other one waits
      end)
      assert(loop:loop(LONG))
      assert.same({ n = 3, true, "exit", 0 }, ended)
    end
    collectgarbage()
    p:close()
  end)

  it("is killed on time in cqueues, which heeds its timeout", function()
    local p = Process { ready = { fd = 3 }, command = { "sh", "-c",
      "trap '' TERM; echo >&3; while :; do sleep 0.05; done" } }
    assert(p:start():wait_ready(LONG))
    p:terminate_controlled(0.1)
    local left = p:timeout()
    assert.is_true(left >= 0 and left <= 0.1)
    do
      local loop = cqueues.new()
      loop:wrap(function()
        while p:is_alive() do cqueues.poll(p, LONG) end
      end)
      assert(loop:loop(LONG))
    end
    collectgarbage()
    assert.same({ true, "signal", 9 }, { p:join(0) })
    p:close()
  end)

  it("is selected by LuaSocket", function()
    local p, q = until_told(), until_told()
    local ready, _, err = socket.select({ p, q }, nil, 0)
    assert.same({ 0, "timeout" }, { #ready, err })
    tell(q)
    ready = socket.select({ p, q }, nil, LONG)
    assert.equal(1, #ready)
    assert.equal(q, ready[1])
    assert.is_true(ready[q] ~= nil)
    assert.same({ true, "exit", 0 }, { q:join(0) })
    -- dirty: it has ended, so select need not ask the kernel
    ready = socket.select({ p, q }, nil, 0)
    assert.equal(q, ready[1])
    finish(p)
    finish(q)
  end)

  it("is polled by luv, through its sentinel", function()
    local p, seen = until_told(), nil
    local poll = assert(uv.new_poll(p.sentinel))
    local limit = assert(uv.new_timer())
    assert(poll:start("r", function()
      seen = table.pack(p:join(0))
      poll:close()
      limit:close()
    end))
    limit:start(math.floor(LONG * 1000), 0, function()
      poll:close()
      limit:close()
    end)
    tell(p)
    uv.run()
    assert.same({ n = 3, true, "exit", 0 }, seen)
    uv.loop_close()
    p:close()
  end)
end)
