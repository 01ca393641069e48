-- SharedMemory: bytes that every process sees, and nobody can cut.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local lfs = require "lfs"
local sync = require "spec.fixtures.sync"

local SharedMemory, Process = billiard.SharedMemory, billiard.Process

describe("billiard.SharedMemory", function()
  helper.guard()

  it("begins as zeroes, and is the same for all", function()
    local memory <close> = assert(SharedMemory { size = 10000 })
    assert.equal(10000, #memory)
    assert.equal(("\0"):rep(10000), memory:read(1, 10000))
    assert.same({ 6 }, sync.results(function() return memory:write(1, "hello") end))
    assert.equal("hello\0", memory:read(1, 6))
    assert.equal(10001, memory:write(9999, "!!"))
    assert.same({ "\0!!" }, sync.results(function() return memory:read(9998, 3) end))
  end)

  it("has values as string.pack has them", function()
    local memory <close> = assert(SharedMemory { size = 100 })
    local behind = memory:pack(11, "<i4zd", -5, "text", 1.5)
    assert.equal(11 + #string.pack("<i4zd", 0, "text", 0), behind)
    assert.same({ -5, "text", 1.5, behind }, { memory:unpack(11, "<i4zd") })
    assert.equal(string.pack("<i4", -5), memory:read(11, 4))
    assert.same({ 15 }, { select(2, memory:unpack(11, "<i4")) })
    assert.same({ "text", behind - 8 }, { memory:unpack(15, "z") })
    assert.same({ 100 }, { memory:unpack(100, "") })
  end)

  it("raises outside of its bounds, and changes nothing", function()
    local memory <close> = assert(SharedMemory { size = 8 })
    memory:write(1, "12345678")
    for _, range in ipairs { { 0, 1 }, { -1, 1 }, { 1, 9 }, { 9, 1 }, { 8, 2 }, { 1, -1 },
      { math.maxinteger, 1 }, { 1, math.maxinteger }, { math.mininteger, 2 }, { 10, 0 } } do
      assert.has_error(function() memory:read(table.unpack(range)) end)
    end
    assert.same({ "", "" }, { memory:read(1, 0), memory:read(9, 0) })
    for _, pos in ipairs { 0, 6, 9, -3, math.maxinteger } do
      assert.has_error(function() memory:write(pos, "abcd") end)
      assert.has_error(function() memory:pack(pos, "i4", 1) end)
      assert.has_error(function() memory:unpack(pos, "i4") end)
    end
    assert.equal("12345678", memory:read(1, 8))
    for _, call in ipairs { "pack", "unpack" } do
      local _, err = pcall(function() memory[call](memory, 6, "i4", 1) end)
      assert.matches("shared_spec.lua:%d+: " .. call .. ": 4 bytes from 6 are not in 1 to 8", err)
    end
  end)

  it("refuses what is no position, no bytes, no format", function()
    local memory <close> = assert(SharedMemory { size = 8 })
    for _, misuse in ipairs { { "read" }, { "read", 1 }, { "read", "x", 1 }, { "read", 1.5, 1 },
      { "write", 1 }, { "write", 1, {} }, { "write", 1, 5 }, { "pack", 1, "i99", 1 },
      { "pack", 1, "i4", "x" }, { "unpack", 1, "i99" }, { "unpack", "x", "i4" },
      { "unpack", 1 } } do
      local ok = pcall(memory[misuse[1]], memory, table.unpack(misuse, 2))
      assert.is_false(ok, misuse[1])
    end
    memory:write(1, "\255\255\255\255")
    assert.has_error(function() memory:unpack(1, "<s4") end) -- longer than there is
  end)

  it("refuses sizes that are none, and says what there is no memory for", function()
    for _, options in ipairs { {}, { size = 0 }, { size = -1 }, { size = 1.5 }, { size = "8" },
      { sise = 8 }, { size = 1 << 62 } } do
      assert.has_error(function() SharedMemory(options) end)
    end
    assert.has_error(function() SharedMemory(8) end)
    assert.has_error(function() SharedMemory { size = -1 } end,
      "SharedMemory: option 'size' must be an integer from 1 to 140737488355328, got -1")
    local memory, err, code = SharedMemory { size = 1 << 45 }
    assert.same({ nil, "cannot allocate memory (SharedMemory)", "ENOMEM" }, { memory, err, code })
  end)

  it("R07: is an error at creation, and no signal, where files are limited", function()
    assert.same({ "EFBIG", "EFBIG", "EFBIG" }, sync.results(function()
      local p = Process { limits = { fsize = 4096 }, target = function()
        local codes = {}
        for i, new in ipairs { function() return SharedMemory { size = 1 << 20 } end,
          function() return billiard.Array("u8", 1 << 20) end,
          function() return billiard.Array("f64", 1 << 10) end } do
          codes[i] = select(3, new())
        end
        os.exit(table.concat(codes) == "EFBIGEFBIGEFBIG" and 7 or 1)
      end }
      assert(p:start():join(sync.LONG))
      assert(p.exitcode == 7)
      p:close()
      return "EFBIG", "EFBIG", "EFBIG"
    end))
  end)

  it("stays with who has it, and goes with the last", function()
    local memory = assert(SharedMemory { size = 4096 })
    memory:write(1, "kept")
    local p = sync.child(function(there)
      memory:write(1, "here")
      there()
    end)
    local file = memory
    memory:close()
    memory:close()
    assert.equal("<SharedMemory(closed)>", tostring(file))
    for _, call in ipairs { "read", "write", "pack", "unpack" } do
      local ok, err = pcall(file[call], file, 1, call == "read" and 1 or "b", 1)
      assert.is_false(ok)
      assert.matches("SharedMemory is closed", err)
    end
    assert.has_error(function() return #file end)
    local maps = "/proc/" .. p.pid .. "/maps"
    assert.matches("memfd:billiard%-memory", assert(io.open(maps)):read "a")
    sync.kill(p)
    assert.is_nil(io.open(maps))
  end)

  -- Of all processes, in bytes.
  local function in_shared_memory()
    for line in io.lines "/proc/meminfo" do
      local n = line:match "^Shmem:%s+(%d+) kB"
      if n then return n * 1024 end
    end
  end

  it("is the system's again when the last that has it is killed, and not before", function()
    local size <const> = 128 << 20 -- much, since others too use such memory
    local kept <close> = assert(SharedMemory { size = 100 })
    local before = in_shared_memory()
    local p = sync.child(function(there)
      kept:write(1, "from it")
      local memory = assert(SharedMemory { size = size })
      there()
      while true do memory:write(1, "x") end
    end)
    assert.is_true(in_shared_memory() > before + size // 2)
    sync.kill(p)
    helper.eventually(function() return in_shared_memory() < before + size // 2 end)
    assert.equal("from it", kept:read(1, 7)) -- nobody tidies up for others
    assert.same({ "from it" }, sync.results(function() return kept:read(1, 7) end))
  end)

  it("shows its size", function()
    local memory <close> = assert(SharedMemory { size = 12 })
    assert.equal("<SharedMemory(12 bytes)>", tostring(memory))
  end)
end)

describe("shared memory of a system that is full", function()
  helper.guard()
  kit.faults()

  -- All that has memory, of which so many bytes are left: what becomes of each
  -- constructor, and what is open afterwards.
  local function constructed(left)
    local out, err, code = helper.run([[
      local billiard = require "billiard"
      local constructors = {
        Array = function() return billiard.Array("f64", 100000) end,
        BoundedSemaphore = function() return billiard.BoundedSemaphore(3) end,
        SharedMemory = function() return billiard.SharedMemory { size = 1 << 20 } end,
        Value = function() return billiard.Value "i32" end,
        Barrier = function() return billiard.Barrier(2) end,
      }
      for _, name in ipairs { "Condition", "JoinableQueue", "Lock", "Pipe", "Queue", "RLock",
        "SimpleQueue" } do
        constructors[name] = billiard[name]
      end
      local count = 0
      for name, new in pairs(constructors) do
        local object, message, code = new()
        io.write(name, " ", object and "made" or tostring(code), "\n")
        count = count + (message and 1 or 0)
      end
      for name in require "lfs".dir "/proc/self/fd" do
        local target = require "lfs".symlinkattributes("/proc/self/fd/" .. name, "target")
        if target and target:find "memfd:billiard" then io.write("open ", target, "\n") end
      end]], { env = { LD_PRELOAD = kit.preload "full", TMPFS_LEFT = left } })
    assert.same({ "", 0 }, { err, code })
    local results = {}
    for name, result in out:gmatch "(%S+) ([^\n]+)\n" do results[name] = result end
    return results
  end

  it("R07: is an error of whatever is made there, and leaves nothing", function()
    if helper.asan then return pending "ASan has to be loaded first" end
    local results = constructed(0)
    for _, name in ipairs { "Array", "Barrier", "BoundedSemaphore", "Condition", "JoinableQueue",
      "Lock", "Pipe", "Queue", "RLock", "SharedMemory", "SimpleQueue", "Value" } do
      assert.equal("ENOSPC", results[name], name)
    end
    assert.is_nil(results.open)
    assert.equal("made", constructed(1 << 30).Queue) -- and it is no other error
  end)

  it("R07: is an error of the put that needs more, which was not put", function()
    if helper.asan then return pending "ASan has to be loaded first" end
    local out, err = helper.run([[
      local q = require "billiard".Queue()
      local text, n = ("x"):rep(10000), 0
      local ok, message, code
      repeat
        n = n + 1
        ok, message, code = q:put(text)
      until not ok
      print(code, message, n > 1, q:qsize() == n - 1)
      for _ = 1, n - 1 do assert(q:get(0) == text) end
      print(q:put "small", q:get(0)) ]],
      { env = { LD_PRELOAD = kit.preload "full", TMPFS_LEFT = 500000 } })
    assert.equal("", err)
    assert.equal("ENOSPC\tno space left on device (put)\ttrue\ttrue\ntrue\tsmall\n", out)
  end)

  -- else the first touch of a page would take it, or end us by SIGBUS
  it("R07: is all there before it is used", function()
    local _, old = helper.fds()
    local size <const> = 1 << 20
    local objects = { assert(SharedMemory { size = size }),
      assert(billiard.Array("f64", size // 8)), assert(billiard.Queue()) }
    local sizes = {}
    local _, new = helper.fds()
    for fd, target in pairs(new) do
      local name = old[fd] ~= target and target:match "^/memfd:(%S+)"
      if name then
        sizes[name] = lfs.attributes("/proc/self/fd/" .. fd, "blocks") * 512
      end
    end
    for _, object in ipairs(objects) do object:close() end
    assert.is_true(sizes["billiard-memory"] >= size)
    assert.is_true(sizes["billiard-cells"] >= size)
    assert.is_true(sizes["billiard-queue"] >= 65 << 10) -- its head, and the first ring
  end)
end)

describe("a constructor of what is shared", function()
  it("calls itself as its users do", function()
    for message, call in pairs {
      ["Queue: maxsize must be an integer, got string"] = { "Queue", "x" },
      ["JoinableQueue: maxsize must be an integer, got 1.5"] = { "JoinableQueue", 1.5 },
      ["SimpleQueue: has no bound: nothing expected"] = { "SimpleQueue", 1 },
      ["Semaphore: n must be an integer from 0 to 2147483647, got -1"] = { "Semaphore", -1 },
      ["BoundedSemaphore: n must be an integer, got nil"] = { "BoundedSemaphore" },
      ["Barrier: parties must be an integer from 1 to 1000, got 0"] = { "Barrier", 0 },
      ["Barrier: action must be a function, got 3"] = { "Barrier", 2, 3 },
      ["Condition: lock must be a Lock or RLock, got 3"] = { "Condition", 3 },
      ["SharedMemory: its options must be a table, got 8"] = { "SharedMemory", 8 },
      ["Array: its size must be an integer or a table, got nil"] = { "Array", "i32" },
      ["Value: its type must be a name, got nil"] = { "Value" },
    } do
      local ok, err = pcall(billiard[call[1]], table.unpack(call, 2))
      assert.same({ false, message }, { ok, err })
    end
  end)
end)
