-- Queues on bad days: who uses them is killed or stopped; there is no memory,
-- no room, no descriptor. spec/native/queue_points.c and queue_kills.c go
-- through the critical sections. Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"
local lfs = require "lfs"
local queues = require "spec.fixtures.queues"

local Queue, JoinableQueue = billiard.Queue, billiard.JoinableQueue
local LONG <const> = queues.LONG

-- Puts its name, a number and a text that tells both, for ever.
local function produce(q, name, size)
  return function(there)
    there()
    for i = 1, math.huge do
      q:put { name, i, (name .. i):rep(size) }
    end
  end
end

-- Is it what one of these has put, and not before what it had put before?
local function check(item, size, last)
  local name, i, text = table.unpack(item)
  assert.equal((name .. i):rep(size), text)
  assert.is_true(i > (last[name] or 0))
  last[name] = i
end

describe("a Queue whose users are killed", function()
  helper.guard()

  it("F02: goes on with the other producers, and has whole values only", function()
    local SIZE <const> = 20000
    local q <close> = assert(Queue(4))
    local other = queues.child(produce(q, "other", SIZE))
    local last = {}
    for round = 1, 20 do
      local victim = queues.child(produce(q, "victim" .. round, SIZE))
      for _ = 1, 3 do check(assert(q:get(LONG)), SIZE, last) end
      queues.kill(victim)
    end
    local before = last.other or 0
    while (last.other or 0) < before + 20 do check(assert(q:get(LONG)), SIZE, last) end
    queues.kill(other)
    while not q:empty() do check(assert(q:get(LONG)), SIZE, last) end
  end)

  it("loses with a consumer the one value that it was getting", function()
    local q <close> = assert(Queue())
    local back <close> = assert(Queue())
    local function consume(there)
      there()
      while true do back:put(q:get()) end
    end
    local n <const>, kills <const> = 3000, 15
    local seen, lost = {}, n
    local consumer = queues.child(consume)
    for i = 1, n do
      q:put(i)
      if i % (n // kills) == 0 then
        queues.kill(consumer)
        consumer = queues.child(consume)
      end
    end
    helper.eventually(function() return q:empty() end, 20)
    helper.eventually(function() return helper.proc_state(consumer.pid) == "S" end)
    for i in function() return back:get(0) end do
      assert.is_nil(seen[i])
      seen[i], lost = true, lost - 1
    end
    assert.is_true(lost <= kills)
    queues.kill(consumer)
  end)

  it("wakes those that sleep beside one that is killed asleep", function()
    local q <close> = assert(Queue())
    local back <close> = assert(Queue())
    local function consume(there)
      there()
      back:put(q:get())
    end
    for i = 1, 10 do
      local victim, other = queues.child(consume), queues.child(consume)
      helper.eventually(function()
        return helper.proc_state(victim.pid) == "S" and helper.proc_state(other.pid) == "S"
      end)
      queues.kill(victim)
      q:put(i)
      assert.equal(i, back:get(LONG))
      queues.kill(other)
    end
  end)

  it("is whole after many deaths, and done with what they put", function()
    local SIZE <const> = 100
    local q <close> = assert(JoinableQueue(3))
    local kills = tonumber(os.getenv "BILLIARD_SPEC_KILLS") or 60
    local consumer = queues.child(function(there)
      there()
      while true do
        if q:get() then q:task_done() end
      end
    end)
    local victims, last = {}, {}
    for i = 1, kills do
      local slot = i % 3 + 1
      if victims[slot] then queues.kill(victims[slot]) end
      victims[slot] = queues.child(produce(q, "v" .. i, SIZE))
      check(assert(q:get(LONG)), SIZE, last)
      q:task_done()
    end
    queues.kill(table.unpack(victims))
    assert.is_true(q:join(LONG))
    queues.kill(consumer)
    assert.same({ 0, true, 1 }, { q:qsize(), q:put(1), q:get(0) })
  end)
end)

describe("a Queue whose users are stopped", function()
  helper.guard()

  -- What the queue's memory takes, in bytes, and the threads of this process.
  local function cost()
    local held, threads = 0, -2 -- . and ..
    for _ in lfs.dir "/proc/self/task" do threads = threads + 1 end
    local _, all = helper.fds()
    for fd, target in pairs(all) do
      if target:find "memfd:billiard%-queue" then
        held = held + lfs.attributes("/proc/self/fd/" .. fd, "blocks") * 512
      end
    end
    return { held, threads }
  end

  it("R11: says full in time when its consumer is stuck, and holds no more than its bound",
    function()
    local q <close> = assert(Queue(5))
    local p = queues.child(function(there)
      there()
      while true do q:get() end
    end)
    assert(p:send_signal "STOP")
    helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
    repeat local ok, err = q:put(("x"):rep(1000), 0.1) until not ok and err == "full"
    local began = billiard.now()
    assert.same({ n = 3, nil, "full", "full" }, table.pack(q:put("more", 0.2)))
    local took = billiard.now() - began
    assert.is_true(took >= 0.2 and took < 5 * helper.scale)
    assert.equal(5, q:qsize())
    local before = cost()
    for _ = 1, 1000 do assert.is_nil((q:put(("x"):rep(1000), 0))) end
    assert.same(before, cost())
    assert(p:send_signal "CONT")
    assert.is_true(q:put("more", LONG))
    queues.kill(p)
  end)

  it("F02: keeps to its time-outs wherever they are stopped, and goes on with them", function()
    local q <close> = assert(Queue(2))
    local p = queues.child(produce(q, "p", 50))
    for _ = 1, 30 do
      for _ = 1, 50 do assert(q:get(LONG)) end
      assert(p:send_signal "STOP")
      helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
      local began = billiard.now()
      while q:get(0.01) do end
      local ok, err = q:put("mine", 0.01)
      assert.is_true(ok or err == "full")
      assert.is_true(billiard.now() - began < 5 * helper.scale)
      assert(p:send_signal "CONT")
    end
    assert(q:get(LONG))
    queues.kill(p)
  end)

  -- A queue, and one that is stopped while it gets: by its size that takes a
  -- while; where it was faster all the same, the shutdown got through.
  local function stuck()
    for _ = 1, 50 do
      local q = assert(Queue())
      q:put(("x"):rep(32 << 20))
      local p = queues.child(function(there)
        there()
        q:get()
        while true do billiard.sleep(3600) end
      end)
      assert(p:send_signal "STOP")
      helper.eventually(function() return helper.proc_state(p.pid) == "T" end)
      local result = table.pack(q:shutdown(0.05))
      if not result[1] then return q, p, result end
      queues.kill(p)
      q:close()
    end
    error "it was never stopped while it got"
  end

  it("is not shut down in time beside one that gets, but later", function()
    local q, p, result = stuck()
    assert.same({ n = 3, nil, "timeout", "timeout" }, result)
    assert.is_true(q:put("more", LONG)) -- nothing has changed, and nobody is held up
    assert(p:send_signal "CONT")
    assert.is_true(q:shutdown(LONG))
    assert.is_true(q:shutdown(0))
    repeat local value, err = q:get(LONG) until value == "more" or err
    assert.same({ n = 3, nil, "closed", "closed" }, table.pack(q:get(LONG)))
    queues.kill(p)
    q:close()
  end)

  it("is shut down once the one that was in the way is killed", function()
    local q, p = stuck()
    queues.kill(p)
    assert.is_true(q:shutdown(LONG))
    assert.has_error(function() q:shutdown "1" end)
    q:close()
  end)
end)

describe("a Queue without resources", function()
  helper.guard()

  local function words(limits, target) return child.words { limits = limits, target = target } end

  it("is an error of the world when it is made", function()
    assert.same({ "EFBIG" }, words({ fsize = 100000 }, function()
      io.write(select(3, Queue()))
    end))
    assert.same({ "EMFILE", "EMFILE" }, words({ nofile = 60 }, function()
      local all = {}
      for _, new in ipairs { Queue, JoinableQueue } do
        local result
        repeat
          result = table.pack(new())
          all[#all + 1] = result[1]
        until not result[1]
        io.write(result[3], "\n")
        for _, q in ipairs(all) do q:close() end
        all = {}
      end
    end))
  end)

  it("F01: is full, or the value too big, where files may not be larger; and whole", function()
    assert.same({ "too_big", "full", "true", "200000", "true" },
      words({ fsize = 1 << 20 }, function()
        local q = Queue()
        print(select(3, q:put(("x"):rep(300000))))
        local code
        repeat code = select(3, q:put(("x"):rep(200000), 0)) until code
        print(code)
        print(q:qsize() >= 2)
        print(#q:get(0))
        print(q:put("more", 0))
      end))
  end)

  it("says so where it cannot grow for lack of memory, and is whole", function()
    if helper.asan then return pending "address space has no limit under ASan" end
    assert.same({ "ENOMEM", "true", "small" }, words({ as = 300 << 20 }, function()
      local q = Queue()
      q:put "small"
      local text, n = ("x"):rep(50 << 20), 0
      local code
      repeat
        n = n + 1
        code = select(3, q:put(text))
      until code
      print(code)
      print(q:qsize() == n)
      print(q:get(0))
    end))
  end)
end)
