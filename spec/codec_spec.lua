-- Values to bytes and back.

local helper = require "spec.helper"
local billiard = require "billiard"

local pack, unpack = billiard.pack, billiard.unpack

local function round(value, profile)
  return unpack(pack(value, profile), profile)
end

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

-- Same value, same type, floats to the bit.
local function same(a, b)
  if math.type(a) ~= math.type(b) then return false end
  if math.type(a) == "float" then return string.pack("n", a) == string.pack("n", b) end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function error_of(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

local SCALARS <const> = {
  true, false, "", "x", ("x"):rep(31), ("x"):rep(32), ("x"):rep(255), ("x"):rep(256),
  ("x"):rep(65535), ("x"):rep(65536), "\0", "\xff\xfe", ("\x80"):rep(40), "gr\u{fc}n", "\u{10ffff}",
  0, 1, 127, 128, 255, 256, 65535, 65536, 0xffffffff, 0x100000000, math.maxinteger,
  -1, -32, -33, -128, -129, -32768, -32769, -0x80000000, -0x80000001, math.mininteger,
  0.0, -0.0, 3.0, 0.1, 1e300, 5e-324, math.huge, -math.huge, 2.0 ^ 63,
}

describe("billiard.pack", function()
  helper.guard()

  it("keeps every scalar, integers and floats apart, in every profile", function()
    for _, profile in ipairs { "down", "up", "plain" } do
      for _, value in ipairs(SCALARS) do
        assert.is_true(same(value, round(value, profile)), tostring(value):sub(1, 40))
        assert.is_true(same({ value }, round({ value }, profile)))
        assert.is_true(same({ [value] = value }, round({ [value] = value }, profile)))
      end
      local nan = round(0 / 0, profile)
      assert.is_true(nan ~= nan)
      assert.equal(1, select("#", round(nil, profile)))
      assert.is_nil((round(nil, profile)))
    end
  end)

  it("writes what the format says", function()
    local expected = {
      [1] = "01", [-1] = "ff", [200] = "ccc8", [-200] = "d1ff38", [2.5] = "cb4004000000000000",
      a = "a161", ["\xff"] = "c401ff",
    }
    for value, hex in pairs(expected) do assert.equal(bytes(hex), pack(value)) end
    assert.equal(bytes "c0", pack(nil))
    assert.equal(bytes "cb4008000000000000", pack(3.0))
    assert.equal(bytes "c3", pack(true))
    assert.equal(bytes "90", pack {})
    assert.equal(bytes "93010203", pack { 1, 2, 3 })
    assert.equal(bytes "81a16101", pack { a = 1 })
    assert.equal(bytes "820101a16e01", pack { 1, n = 1 })
  end)

  it("writes tables that are arrays as arrays, whatever made them", function()
    local backwards = {}
    for i = 20, 1, -1 do backwards[i] = i end
    assert.equal(0xdc, pack(backwards):byte())
    assert.is_true(same(backwards, round(backwards)))
    local holes = table.pack(1, nil, 3)
    assert.is_true(same(holes, round(holes)))
    assert.is_true(same({ [0] = 0, 1 }, round { [0] = 0, 1 }))
    assert.is_true(same({ [2] = 2 }, round { [2] = 2 }))
    assert.is_true(same({ 1, 2, [math.maxinteger] = 3 }, round { 1, 2, [math.maxinteger] = 3 }))
  end)

  it("keeps keys that are beside a list, wherever they are found", function()
    for i = 1, 100 do
      -- there is room for 1 among the others, before or behind them
      local t = {}
      t["a" .. i], t["b" .. i], t["c" .. i] = 1, 2, 3
      t[1] = 4
      assert.is_true(same(t, round(t)), i)
    end
  end)

  it("crosses the sizes at which headers change", function()
    collectgarbage "stop" -- a restless one would look at each of them n times
    for _, n in ipairs { 15, 16, 17, 65535, 65536, 65537 } do
      local list, map = {}, {}
      for i = 1, n do list[i], map["k" .. i] = i, i end
      assert.is_true(same(list, round(list)))
      assert.is_true(same(map, round { map, 1 }[1]))
    end
    collectgarbage "restart"
  end)

  it("keeps shared and cyclic tables, as values and as keys", function()
    local shared, cyclic = { 1 }, {}
    cyclic.self, cyclic[cyclic] = cyclic, shared
    local got = round { shared, shared, cyclic, { shared } }
    assert.equal(got[1], got[2])
    assert.equal(got[1], got[4][1])
    assert.equal(got[3], got[3].self)
    assert.equal(got[1], got[3][got[3]])
    assert.is_true(same({ 1 }, got[1]))
  end)

  it("copies what is shared for strangers, who know no references", function()
    local shared = { 1 }
    local got = round({ shared, shared }, "plain")
    assert.is_true(same({ { 1 }, { 1 } }, got))
    assert.are_not.equal(got[1], got[2])
    local cyclic = {}
    cyclic[1] = cyclic
    assert.matches("cycle$", error_of(pack, cyclic, "plain").path)
  end)

  it("keeps random values, whatever their shape", function()
    local seed = tonumber(os.getenv "BILLIARD_SEED") or os.time()
    math.randomseed(seed)
    local pool
    local function value(depth)
      if depth > 4 or math.random() < 0.5 then return SCALARS[math.random(#SCALARS)] end
      if math.random() < 0.2 and #pool > 0 then return pool[math.random(#pool)] end
      local t = {}
      for i = 1, math.random(0, 20) do
        local v = value(depth + 1)
        if math.random() < 0.5 then t[i] = v else t[SCALARS[math.random(#SCALARS)]] = v end
      end
      pool[#pool + 1] = t
      return t
    end
    for i = 1, 200 // helper.scale ^ 3 do
      pool = {}
      local v = value(1)
      assert.is_true(same(v, (round(v))), ("BILLIARD_SEED=%d, value %d"):format(seed, i))
      assert.is_true(same(v, (round(v, "plain"))), ("BILLIARD_SEED=%d, value %d"):format(seed, i))
    end
  end)

  it("raises misuse at the caller", function()
    assert.matches("value expected", error_of(pack))
    assert.matches("invalid option 'sideways'", error_of(pack, 1, "sideways"))
    assert.matches("string expected", error_of(unpack))
    assert.matches("string expected", error_of(unpack, 17))
  end)
end)

describe("what cannot travel", function()
  helper.guard()

  it("F08: raises in the sender, naming the path to it", function()
    local thread = coroutine.create(print)
    local cases = {
      { { args = { 1, { socket = io.stdout } } }, "value.args[2].socket: userdata" },
      { thread, "value: thread" },
      { { [thread] = 1 }, "value[thread]: thread" },
      { { ["two words"] = { [7.5] = thread } }, 'value["two words"][number]: thread' },
      { { { function() return thread end } }, "value[1][1]<upvalue thread>: thread", "down" },
      { { function() end }, "value[1]: function" },
      { { string.gmatch("x", "x") }, "value[1]: C function that no loaded module holds",
        "down" },
      { { print }, "value[1]: function", "plain" },
    }
    for _, case in ipairs(cases) do
      local err = error_of(pack, case[1], case[3])
      assert.equal("unsendable", err.code)
      assert.equal(case[2], err.path)
      assert.matches("cannot send " .. case[2], tostring(err), 1, true)
    end
  end)

  it("says where the caller stands", function()
    local err = error_of(function() pack(io.stdout) end)
    assert.matches("^%S*codec_spec.lua:%d+: cannot send value: userdata$", err.message)
  end)

  it("F10: leaves nothing behind in the buffer", function()
    for _ = 1, 3 do
      error_of(pack, { ("x"):rep(100), io.stdout })
      assert.equal(bytes "01", pack(1))
    end
  end)

  it("keeps a path short that is long", function()
    local deep = io.stdout
    for _ = 1, 500 do deep = { name = deep } end
    local path = error_of(pack, deep).path
    assert.is_true(#path < 300)
    assert.matches("^value%.%.%.%.name.*%.name: userdata$", path)
  end)

  it("refuses depth beyond the limit, in the sender too", function()
    for profile, depth in pairs { down = 1000, up = 1000, plain = 100 } do
      local nested = {}
      for _ = 2, depth do nested = { nested } end
      assert.is_table(round(nested, profile))
      assert.matches("nested too deep", error_of(pack, { nested }, profile).path)
    end
  end)

  it("counts references and names as a level on both sides", function()
    local root = {}
    local leaf = root
    for _ = 2, 999 do leaf[1] = {} leaf = leaf[1] end
    leaf[1], leaf[2] = root, string
    local got = assert(round(root))
    for _ = 2, 999 do got = got[1] end
    assert.equal(string, got[2])
  end)
end)

describe("bad messages", function()
  helper.guard()

  local function refused(message, profile, code)
    local before = collectgarbage "count"
    local value, err, got = unpack(message, profile)
    assert.is_nil(value)
    assert.is_string(err)
    assert.equal(code or "bad_frame", got)
    assert.is_true(collectgarbage "count" - before < 64, "memory for a claim")
  end

  it("F07: are refused, cut short at every byte or with one too many", function()
    local upvalue = { 1 }
    local function f() return upvalue end
    local whole = pack({ 1, "two", { three = 3.0 }, f, { f, print } }, "down")
    assert.is_table(unpack(whole, "down"))
    for n = 0, #whole - 1 do
      assert.equal("bad_frame", select(3, unpack(whole:sub(1, n), "down")))
    end
    refused(pack(1) .. "\xc0")
  end)

  it("F07: are refused for what they claim, without memory for it", function()
    for _, hex in ipairs {
      "dbffffffff", "c6ffffffff00", "ddffffffff", "dfffffffff0102", "dd7fffffff", "c9ffffffff01",
      "dcffff" .. ("91"):rep(50), "a5616263", "d9ff61", "c1", "cfffffffffffffffff",
      "81c001", "81cb7ff800000000000001", "d4ff00", "d47f00",
    } do
      for _, profile in ipairs { "down", "up", "plain" } do refused(bytes(hex), profile) end
    end
  end)

  it("F07: are refused where an extension is not what it must be", function()
    for _, hex in ipairs {
      "d40101", "91d40100", "91d40102", "91d401c0", "91d50101c0", "91d401ff", "d40200", "c70002",
      "d502a05f", "d40401", "c70403a0c0c0c0", "d50500c0", "c70305a161c0", "c70306a16190",
      "c70306a161c0", "c70206a161", "c70405a161c0c0", "c70003",
    } do
      refused(bytes(hex), "down")
    end
    refused(bytes "d502a0a0", "down", "load_failed")
  end)

  it("F08: are refused with a key that comes twice, from strangers", function()
    refused(bytes "820101" .. bytes "0102", "plain")
    refused(bytes "820101" .. bytes "cb3ff000000000000002", "plain")
  end)

  it("are read in longer forms than needed, which MessagePack allows", function()
    for hex, value in pairs { ["d30000000000000001"] = 1, ["cf0000000000000001"] = 1,
      ["db0000000161"] = "a", ["ca3f800000"] = 1.0 } do
      assert.is_true(same(value, unpack(bytes(hex), "plain")))
    end
    assert.is_true(same({ a = 1 }, unpack(bytes "df00000001a16101", "plain")))
    assert.is_true(same({ 1 }, unpack(bytes "dd0000000101", "plain")))
  end)

  it("are refused beyond a depth, a number of values and of keys", function()
    refused(("\x91"):rep(101) .. "\xc0", "plain", "too_deep")
    refused(("\x91"):rep(1001) .. "\xc0", "down", "too_deep")
    refused(("\x91"):rep(1e6) .. "\xc0", "down", "too_deep")
    assert.is_table(unpack("\xdd\x00\x0f\x42\x3f" .. ("\xc0"):rep(999999), "plain"))
    refused("\xdd\x00\x0f\x42\x40" .. ("\xc0"):rep(1000000), "plain", "too_big")
    refused("\xdf\x00\x01\x00\x01" .. ("\x01\x01"):rep(65537), "plain", "too_big")
  end)

  it("F01: are refused beyond a length, from strangers", function()
    local most = 64 << 20
    local text = "\xdb" .. string.pack(">I4", most - 5) .. ("x"):rep(most - 5)
    assert.equal(most - 5, #unpack(text, "plain"))
    refused(text .. "x", "plain", "too_big")
    assert.equal("bad_frame", select(3, unpack("", "plain")))
  end)

  it("never crash, however bytes are changed", function()
    local seed = tonumber(os.getenv "BILLIARD_SEED") or os.time()
    math.randomseed(seed)
    local shared = { 1 }
    local whole = pack { shared, shared, string.format, { a = { b = ("x"):rep(40) } }, 1.5, -77 }
    for i = 1, 20000 // helper.scale ^ 4 do
      local at = math.random(#whole)
      local message = whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1)
      local value, err, code = unpack(message, i % 2 == 0 and "up" or "plain")
      if value == nil and code then
        assert.is_string(err, "BILLIARD_SEED=" .. seed)
        assert.is_true(code == "bad_frame" or code == "too_big" or code == "load_failed")
      end
    end
  end)
end)

describe("another MessagePack", function()
  helper.guard()

  local function peer(mode, input)
    local result = assert(billiard.run { "/usr/bin/python3", "spec/fixtures/codec/peer.py", mode,
      input = input, timeout = 30 * helper.scale })
    assert.equal("", result.stderr)
    return result.stdout
  end

  local data = { n = -1, list = { 1, 2.5, "x", true, { deep = {} } }, text = "gr\u{fc}n",
    raw = "\xff\x00", [7] = 1 << 40, [-7] = math.mininteger, big = ("y"):rep(70000) }

  it("reads what we write", function()
    assert.equal("[1, -1, 2.0, 'gr\u{fc}n', b'\\xff', True, {'a': []}]",
      peer("show", pack({ 1, -1, 2.0, "gr\u{fc}n", "\xff", true, { a = {} } }, "plain")))
  end)

  it("writes what we read", function()
    assert.is_true(same({ 1, -300, 2.0, "x", "\xfe", { a = { 1 } }, false },
      unpack(peer("make", "[1, -300, 2.0, 'x', b'\\xfe', {'a': [1]}, False]"), "plain")))
  end)

  it("hands back the same", function()
    for _, profile in ipairs { "up", "plain" } do
      assert.is_true(same(data, unpack(peer("echo", pack(data, profile)), profile)))
    end
  end)
end)
