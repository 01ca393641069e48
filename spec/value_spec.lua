-- Value and Array: typed cells that refuse what does not fit.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local sync = require "spec.fixtures.sync"

local Value, Array = billiard.Value, billiard.Array

local ranges = {
  i8 = { -128, 127 }, u8 = { 0, 255 }, i16 = { -32768, 32767 }, u16 = { 0, 65535 },
  i32 = { -1 << 31, (1 << 31) - 1 }, u32 = { 0, (1 << 32) - 1 },
  i64 = { math.mininteger, math.maxinteger }, u64 = { 0, math.maxinteger },
}

-- What raises, and leaves v.value alone.
local function refused(v, f, pattern)
  local before = v.value
  local ok, err = pcall(f)
  assert.is_false(ok)
  assert.matches(pattern, err)
  assert.equal(before, v.value)
end

describe("billiard.Value", function()
  helper.guard()

  it("begins with what it is given, or nothing", function()
    for kind, range in pairs(ranges) do
      local v <close> = assert(Value(kind))
      local w <close> = assert(Value(kind, range[2]))
      assert.same({ 0, range[2] }, { v.value, w.value })
    end
    local f <close> = assert(Value "f64")
    local b <close> = assert(Value("bool", true))
    assert.same({ "float", true }, { math.type(f.value), b.value })
  end)

  it("is the same for all", function()
    local v <close> = assert(Value("i32", 1))
    assert.same({ 1 }, sync.results(function()
      local before = v.value
      v.value = -2
      return before
    end))
    assert.equal(-2, v.value)
  end)

  it("holds its type's range, and refuses what is beyond", function()
    for kind, range in pairs(ranges) do
      local v <close> = assert(Value(kind))
      for _, edge in ipairs(range) do
        v.value = edge
        assert.equal(edge, v.value)
      end
      if range[2] ~= math.maxinteger then
        refused(v, function() v.value = range[2] + 1 end, "does not fit " .. kind)
        refused(v, function() Value(kind, range[2] + 1) end, "Value: .* does not fit " .. kind)
      end
      if range[1] ~= math.mininteger then
        refused(v, function() v.value = range[1] - 1 end, "does not fit " .. kind)
      end
      for _, wrong in ipairs { 1.5, "1", true, {}, 0 / 0, 1e300 } do
        refused(v, function() v.value = wrong end, kind .. " needs an integer, got ")
      end
      v.value = 7.0
      assert.equal("integer", math.type(v.value))
    end
  end)

  it("holds floats and booleans", function()
    local f <close> = assert(Value "f32")
    local d <close> = assert(Value "f64")
    local b <close> = assert(Value "bool")
    for _, x in ipairs { 0.5, -1e30, math.huge, -math.huge, 3 } do
      f.value, d.value = x, x
      assert.same({ string.unpack("f", string.pack("f", x)), x }, { f.value, d.value })
    end
    f.value = 0 / 0
    assert.is_true(f.value ~= f.value)
    f.value = 1
    refused(f, function() f.value = 1e39 end, "does not fit f32")
    refused(f, function() f.value = "1" end, "f32 needs a number, got string")
    b.value = true
    refused(b, function() b.value = 1 end, "bool needs a boolean, got 1")
    refused(b, function() b:add(1) end, "a bool cannot be added to")
  end)

  it("adds at once, and refuses sums that do not fit", function()
    for kind, range in pairs(ranges) do
      local v <close> = assert(Value(kind, range[2] - 1))
      assert.equal(range[2], v:add(1))
      refused(v, function() v:add(1) end, "the sum does not fit " .. kind)
      refused(v, function() v:add(math.maxinteger) end, "the sum does not fit " .. kind)
      assert.equal(0, v:add(-range[2]))
      v.value = range[1]
      refused(v, function() v:add(-1) end, "the sum does not fit " .. kind)
    end
    local f <close> = assert(Value("f32", 3e38))
    local d <close> = assert(Value("f64", 1.7e308))
    refused(f, function() f:add(3e38) end, "the sum does not fit f32")
    refused(d, function() d:add(1e308) end, "the sum does not fit f64")
    assert.equal(math.huge, d:add(math.huge))
    for _, wrong in ipairs { "1", {}, true } do
      assert.has_error(function() f:add(wrong) end)
    end
    assert.has_error(function() f:add() end)
  end)

  it("loses no sum of many who add", function()
    local i <close> = assert(Value "i64")
    local f <close> = assert(Value "f32")
    sync.together(4, function()
      for _ = 1, 5000 do
        i:add(1)
        f:add(1)
      end
    end)
    assert.same({ 20000, 20000.0 }, { i.value, f.value })
  end)

  it("is exchanged only if it is what one thinks", function()
    local v <close> = assert(Value("i16", 5))
    local f <close> = assert(Value("f64", 0.0))
    assert.same({ true, n = 1 }, table.pack(v:cas(5, -6)))
    assert.same({ false, -6, n = 2 }, table.pack(v:cas(5, 7)))
    refused(v, function() v:cas(-6, 1 << 15) end, "cas: 32768 does not fit i16")
    assert.is_true(f:cas(-0.0, 1.5)) -- equal numbers, other bits
    f.value = 0 / 0
    assert.is_false((f:cas(0 / 0, 1)))
    local b <close> = assert(Value "bool")
    assert.same({ true, false }, { b:cas(false, true), (b:cas(false, true)) })
  end)

  it("has one winner of many who exchange", function()
    local v <close> = assert(Value "i32")
    local wins <close> = assert(Value "i32")
    sync.together(4, function()
      for round = 0, 499 do
        while v.value < round do billiard.sleep(0) end -- busy: the others' turn
        if v:cas(round, round + 1) then wins:add(1) end
      end
    end)
    assert.same({ 500, 500 }, { v.value, wins.value })
  end)

  it("has a lock in the same memory", function()
    local v <close> = assert(Value("i64", 0))
    assert.equal(v.lock, v.lock)
    sync.together(3, function()
      for _ = 1, 500 do v.lock:with(function() v.value = v.value + 1 end) end
    end)
    assert.equal(1500, v.value)
    sync.kill(sync.holder(v.lock))
    assert.same({ true, "owner_died" }, { v.lock:acquire(0) })
    assert.has_error(function() v:close() end,
      "close: this process holds the lock: release it first")
    v.lock:release()
    v.lock:close()
    assert.is_true(v.lock:acquire())
    v.lock:release()
  end)

  it("passes its lock on when its handle goes", function()
    local v = assert(Value "u8")
    sync.results(function()
      assert(v.lock:acquire())
      v = nil
      collectgarbage()
      return true
    end)
    assert.same({ true, "owner_died" }, { v.lock:acquire(0) })
    v.lock:release()
    v:close()
  end)

  it("stays while its lock is used", function()
    local lock <close> = assert(Value "u8").lock
    collectgarbage()
    assert.is_true(lock:acquire())
    collectgarbage()
    assert.is_true(lock:release())
  end)

  it("refuses what it does not have", function()
    for _, kind in ipairs { "", "i", "I8", "int", "i128" } do
      assert.has_error(function() Value(kind) end)
      assert.has_error(function() Array(kind, 1) end)
    end
    local ok, err = pcall(Value, "x")
    assert.is_false(ok)
    assert.matches("known: i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 bool", err)
    local v <close> = assert(Value "i8")
    assert.has_error(function() v.other = 1 end,
      "Value: only the field 'value' can be set, not 'other'")
    assert.is_nil(v.other)
  end)

  it("K14: raises once it is closed", function()
    local v = assert(Value("i8", 1))
    local lock = v.lock
    v:close()
    v:close()
    for _, use in ipairs { function() return v.value end, function() v.value = 1 end,
      function() v:add(1) end, function() v:cas(1, 2) end, function() lock:acquire() end,
      function() return v.lock end } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.matches("is closed", err)
    end
    assert.equal("<Value(closed)>", tostring(v))
    assert.has_error(function() v.close(io.stdout) end)
    assert.has_error(function() getmetatable(v).__gc(io.stdout) end)
  end)

  it("shows what it holds", function()
    local v <close> = assert(Value("i8", -3))
    local b <close> = assert(Value "bool")
    assert.same({ "<Value(i8, -3)>", "<Value(bool, false)>" }, { tostring(v), tostring(b) })
  end)
end)

describe("billiard.Array", function()
  helper.guard()

  it("begins as zeroes, or as a table", function()
    local a <close> = assert(Array("i16", 5))
    assert.same({ 0, 0, 0, 0, 0 }, a:get())
    local b <close> = assert(Array("f32", { 1, 2.5 }))
    assert.same({ 2, 1.0, 2.5 }, { #b, b[1], b[2] })
    local none <close> = assert(Array("u8", {}))
    assert.same({ 0, {} }, { #none, none:get() })
    assert.has_error(function() Array("u8", { 1, 2, 256 }) end,
      "Array: element 3: 256 does not fit u8")
    for _, size in ipairs { -1, 1.5, "3", true, 1 << 62 } do
      assert.has_error(function() Array("u8", size) end)
    end
    assert.has_error(function() Array "u8" end)
    assert.equal("ENOMEM", (select(3, Array("f64", 1 << 42))))
  end)

  it("is counted from 1; beyond, reading gives nil and writing raises", function()
    local a <close> = assert(Array("bool", 3))
    a[1], a[3.0] = true, true
    assert.same({ true, false, true }, { a[1], a[2.0], a[3] })
    assert.same({}, { a[0], a[4], a[-1], a[1.5], a["1"], a[math.maxinteger] })
    for _, i in ipairs { 0, 4, -1, 1.5, "1", math.mininteger } do
      local ok, err = pcall(function() a[i] = true end)
      assert.is_false(ok)
      assert.matches("Array: has no element .* to set %(1 to 3%)", err)
    end
    assert.has_error(function() a[2] = 1 end)
    assert.same({ true, false, true }, a:get())
  end)

  it("is the same for all, elements being whole", function()
    local a <close> = assert(Array("u64", 2))
    local x <const>, y <const> = 0, math.maxinteger
    local p = sync.child(function(there)
      there()
      while true do
        a[2] = y
        a[2] = x
      end
    end)
    helper.eventually(function() return a[2] == y end)
    for _ = 1, 20000 do
      local seen = a[2]
      assert(seen == x or seen == y)
    end
    sync.kill(p)
  end)

  it("is read and written in bulk", function()
    local a <close> = assert(Array("i32", { 1, 2, 3, 4, 5 }))
    assert.same({ { 2, 3 }, { 4, 5 }, {}, {} }, { a:get(2, 3), a:get(4), a:get(1, 0), a:get(6) })
    assert.is_true(a:set(4, { -4, -5 }))
    assert.is_true(a:set(6, {}))
    assert.same({ { 1, 2, 3, -4, -5 } }, sync.results(function() return a:get() end))
  end)

  it("refuses bulk that does not fit, whole", function()
    local a <close> = assert(Array("i8", { 1, 2, 3 }))
    for _, range in ipairs { { 0, 1 }, { 1, 4 }, { 3, 1 }, { 5 }, { math.mininteger }, { 1.5 } } do
      assert.has_error(function() a:get(table.unpack(range)) end)
    end
    for _, call in ipairs { { 0, { 1 } }, { 3, { 7, 7 } }, { 5, {} }, { -1, { 1 } },
      { 1, { 7, 128 } }, { 1, { 7, "x" } }, { 1, { 7, 1.5 } }, { 1 }, { 1, 7 },
      { math.maxinteger, { 7 } } } do
      assert.has_error(function() a:set(table.unpack(call)) end)
      assert.same({ 1, 2, 3 }, a:get())
    end
    local _, err = pcall(a.set, a, 1, { 7, 128 })
    assert.equal("set: element 2: 128 does not fit i8", err)
  end)

  it("survives a table that closes it", function()
    local a = assert(Array("i8", 3))
    local trap = setmetatable({}, { __len = function() return 2 end,
      __index = function()
        a:close()
        return 1
      end })
    assert.has_error(function() a:set(1, trap) end, "set: Array is closed")
    assert.same({ "<Array(closed)>", nil }, { tostring(a), a.nothing })
    assert.has_error(function() return a[1] end)
    assert.has_error(function() return #a end)
  end)

  it("has a lock, and shows its type and size", function()
    local a <close> = assert(Array("f64", 3))
    assert.is_true(a.lock:acquire())
    assert.same({ "timeout" }, { (select(2, table.unpack(sync.results(function()
      return a.lock:acquire(0)
    end), 1, 3))) })
    assert.is_true(a.lock:release())
    assert.equal("<Array(f64, 3)>", tostring(a))
  end)
end)
