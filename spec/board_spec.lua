-- The board, through which children tell results: its memory is given back,
-- and what a child scribbles there harms nobody.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local lfs = require "lfs"

local LONG <const> = 30 * helper.scale
local MIB <const> = 1 << 20

local function started(target)
  return assert(billiard.Process { target = target, stderr = "null" }:start())
end

-- How many bytes of memory the boards of this process hold.
local function board_memory()
  local bytes = 0
  local _, fds = helper.fds()
  for fd, target in pairs(fds) do
    if target:find "billiard%-board" then
      bytes = bytes + lfs.attributes("/proc/self/fd/" .. fd, "blocks") * 512
    end
  end
  return bytes
end

describe("The board", function()
  helper.guard()
  local faults = kit.faults()

  local function resident()
    local file <close> = io.open "/proc/self/status"
    return tonumber(file:read "a":match "VmRSS:%s+(%d+)") * 1024
  end

  -- in an interpreter of its own, whose heap has no history
  it("gives its memory back: after a thousand results of 100 KB", function()
    local out, err = kit.run [[
      local lfs = require "lfs"
      local function resident()
        local file <close> = io.open "/proc/self/status"
        return tonumber(file:read "a":match "VmRSS:%s+(%d+)") // 1024
      end
      local function boards()
        local kib, n = 0, 0
        for fd in lfs.dir "/proc/self/fd" do
          local path = "/proc/self/fd/" .. fd
          if (lfs.symlinkattributes(path, "target") or ""):find "billiard%-board" then
            kib, n = kib + lfs.attributes(path, "blocks") // 2, n + 1
          end
        end
        return kib, n
      end
      local function crowd(n)
        local list = {}
        for i = 1, n do
          list[i] = Process { target = function() return ("x"):rep(100000) end }
          assert(list[i]:start())
        end
        for _, p in ipairs(list) do
          assert(#p:result() == 100000)
          p:close()
        end
        collectgarbage()
      end
      crowd(100)
      local before, board = resident(), boards()
      for _ = 1, 10 do crowd(100) end
      say(resident() - before, boards() - board, select(2, boards()))
    ]]
    assert.equal("", err)
    local mib, kib, n = out:match "^(%-?%d+) (%-?%d+) (%d+)\n$"
    assert.near(0, tonumber(mib), helper.asan and 300 or 10) -- ASan keeps what is freed
    assert.near(0, tonumber(kib), 64)
    assert.equal("1", n)
  end)

  it("leaves results that nobody asks for to the collector, at their size", function()
    if helper.asan then pending "ASan keeps what is freed" end
    local out, err = kit.run [[
      collectgarbage("incremental", 200, 100) -- as it comes
      local heap = {}
      for i = 1, 200000 do heap[i] = { i } end -- some 20 MiB
      collectgarbage()
      local function resident()
        local file <close> = io.open "/proc/self/status"
        return tonumber(file:read "a":match "VmRSS:%s+(%d+)") // 1024
      end
      local before, most = resident(), 0
      for _ = 1, 300 do
        local p = Process { target = function() return ("x"):rep(1 << 20) end }
        assert(p:start():join())
        most = math.max(most, resident() - before)
      end
      say(most)
    ]]
    assert.equal("", err)
    assert.near(0, tonumber(out), 100)
  end)

  it("gives memory back when the child ended before it told", function()
    local before = board_memory()
    local p <close> = started(function()
      faults.exit(faults.board_take(8 * MIB))
    end)
    assert.same({ true, "exit", 1 }, { p:join(LONG) }) -- there is one board
    assert.is_true(board_memory() < before + MIB)
  end)

  it("does no harm to the parent, whatever a child writes there", function()
    for _, word in ipairs { -1, 0, 2, 101, 7681, 7682, 100 * MIB + 1, (1 << 36) + 1, 1 << 37,
      (2 << 32) | 0xfffffffb, 0x9292929292929292, math.mininteger } do
      local p <close> = started(function()
        faults.board_fill(word)
        faults.exit(4)
      end)
      local none, err, code = p:result(LONG)
      assert.is_nil(none)
      assert.equal("string", type(code))
      assert.equal("string", type(tostring(err)))
      assert.equal(4, p.exitcode)
      assert.is_true(p.error == nil or type(tostring(p.error)) == "string")
      assert.is_string(p:wait_ready(0) and "" or select(3, p:wait_ready(0)))
    end
    local p <close> = started(function() return "well" end)
    assert.equal("well", p:result(LONG))
  end)

  it("is not read beyond what is there", function()
    local before = resident()
    local p <close> = started(function()
      faults.board_take(MIB)
      faults.board_fill(50 * 1024 * MIB)
      faults.exit(0)
    end)
    assert.equal("bad_frame", select(3, p:result(LONG)))
    assert.is_true(resident() - before < 16 * MIB)
  end)

  it("is not looked for in somebody else's file, where a host closed ours", function()
    local name = helper.tmpname()
    local out, err = kit.run([[
      local p = Process { target = function() return "first" end }
      assert(p:start():result() == "first")
      local board
      for fd in require "lfs".dir "/proc/self/fd" do
        local target = require "lfs".symlinkattributes("/proc/self/fd/" .. fd, "target")
        if target and target:find "billiard%-board" then board = tonumber(fd) end
      end
      local file = io.open(arg[1], "w")
      file:write(("x"):rep(3 << 20))
      file:close()
      assert(faults.dup2(assert(faults.open(arg[1])), board))
      p = assert(Process { target = function() return ("y"):rep(100000) end }:start())
      say(select(3, p:result()))
      p = assert(Process { target = function() return "short" end }:start())
      say(p:result())
    ]], { args = { name } })
    assert.equal("", err)
    assert.equal("EBADF\nshort\n", out)
    local file <close> = io.open(name)
    assert.equal(("x"):rep(3 * MIB), file:read "a")
  end)
end)
