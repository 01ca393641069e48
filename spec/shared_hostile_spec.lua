-- What is shared, where somebody hands over something else in its place, or has
-- written into a queue's memory at random.

local billiard = require "billiard"
local helper = require "spec.helper"
local pipes = require "spec.fixtures.pipes"

local hostile = pipes.hostile
local LONG <const> = pipes.LONG

describe("a handle of what is shared", function()
  helper.guard()

  local classes = { "SharedMemory", "Lock", "RLock", "BoundedSemaphore", "Queue",
    "JoinableQueue", "SimpleQueue" }
  local instead = { "pipe", "null", "folder", "file", "unsealed", "empty", "small", "zeroes" }
  -- any sealed memory is some; zeroes are what a lock is made of
  local fits = { ["SharedMemory/small"] = true, ["SharedMemory/zeroes"] = true,
    ["Lock/zeroes"] = true, ["RLock/zeroes"] = true }

  for _, class in ipairs(classes) do
    it("F12: is refused where its memory is none: " .. class, function()
      local kinds = {}
      for _, what in ipairs(instead) do
        local kind = class .. "/" .. what
        if not fits[kind] then kinds[#kinds + 1] = kind end
      end
      kinds[#kinds + 1] = "value"
      hostile(kinds, function(c)
        local before = helper.fds()
        for i = 1, #kinds - 1 do
          local value, err, code = c:recv(LONG)
          assert.same({ nil, "bad_frame" }, { value, code }, kinds[i])
          assert.matches(class, err)
          collectgarbage() -- what was begun is its
          assert.equal(before, (helper.fds()))
        end
        assert.equal(7, (c:recv(LONG)))
      end)
    end)
  end
end)

-- The file that the memory of the only queue is, open.
local function memory_of_the_queue()
  local _, all = helper.fds()
  for fd, target in pairs(all) do
    if target:find "^/memfd:billiard%-queue" then
      local file = assert(io.open("/proc/self/fd/" .. fd, "r+b"))
      assert(file:setvbuf "no")
      return file
    end
  end
  error "there is no queue"
end

local RING <const> = 64 * 1024 -- where it begins in the file
local CHECK <const> = 0x62696c6c -- of the first record, beside its size

describe("the memory of a Queue", function()
  helper.guard()

  -- A queue with that value and a second in it, f(write, message); write(at,
  -- bytes) does so in the first record.
  local function spoilt(value, f)
    local q <close> = assert(billiard.Queue())
    assert(q:put(value))
    assert(q:put "second")
    local file <close> = memory_of_the_queue()
    f(q, function(at, bytes)
      assert(file:seek("set", RING + at))
      assert(file:write(bytes))
    end)
  end

  local function header(size) return string.pack("<I4I4", size, size ~ CHECK) end

  it("F05: is checked: what is no record is an error each time, and nobody hangs", function()
    local good = header(#billiard.pack("first", "up"))
    for _, wrong in ipairs { ("\0"):rep(8), ("\xff"):rep(8), ("x"):rep(8),
      string.pack("<I4I4", 6, 6), good:sub(1, 7) .. "!" } do
      spoilt("first", function(q, write)
        write(0, wrong)
        for _, timeout in ipairs { 0, 0.01, LONG } do
          local value, _, code = q:get(timeout)
          assert.same({ nil, "bad_frame" }, { value, code })
        end
        assert.same({ true, 3 }, { q:put "third", q:qsize() })
        write(0, good)
        assert.same({ "first", "second", "third" }, { q:get(0), q:get(0), q:get(0) })
      end)
    end
  end)

  it("F01: may claim any size, which is held against what there is", function()
    collectgarbage()
    local before = collectgarbage "count"
    for _, size in ipairs { 0xffffffff, 1 << 31, (1 << 31) - 1, 1 << 30, 1 << 20, 65536, 100 } do
      spoilt("first", function(q, write)
        write(0, header(size))
        local value, _, code = q:get(0)
        assert.same({ nil, "bad_frame" }, { value, code })
      end)
    end
    assert.is_true(collectgarbage "count" - before < 1000)
  end)

  it("F07: costs the value whose bytes are wrong, at most", function()
    local value = { 1, "two", { three = 3.0 }, ("x"):rep(40), {} }
    local message = billiard.pack(value, "up")
    for k = 1, #message do
      for _, wrong in ipairs { "\0", "\x7f", "\xc1", "\xc7", "\xff" } do
        spoilt(value, function(q, write)
          write(8 + k - 1, wrong)
          local got, err, code = q:get(0) -- a value or not
          assert.is_true(got ~= nil or err == nil or code == "bad_frame")
          assert.same({ "second", 0 }, { q:get(0), q:qsize() })
        end)
      end
    end
  end)
end)
